"""The holders of jobs: every worker process, whether it lives, and the list of its jobs.

A process is known by its worker's name, its process id and when it was started, so neither a
successor in the same slot nor another process with the same id is taken for it. It lives in a
place: a host since its last start, seen from one process namespace. Within the own place /proc
shows for certain who lives; of another place only the heartbeats show that anything does.

Redis keys:
    fleet:holders       hash TOKEN -> JSON of a `Holder`
    fleet:taken:TOKEN   list of the ids of the jobs that the process holds
    fleet:places        hash PLACE -> heartbeats so far
"""

import json
import os
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import redis

from db import settings
from db.settings import identity
from worker.redis.entries import as_number

HOLDERS = settings.redis_key("fleet:holders")
TAKEN = settings.redis_key("fleet:taken:")
_PLACES = settings.redis_key("fleet:places")
_NOWHERE = "?/?/?"
_TOKEN = re.compile(rb"([!-~]{1,200}):(\d{1,10}):(\d{1,18})")
"""A worker's name, a process id, a start."""


@dataclass(frozen=True)
class Holder:
    """A process that may hold jobs. `start` is when it began, in clock ticks since the boot."""

    worker: str
    place: str
    pid: int
    start: int

    @property
    def token(self) -> str:
        """Its name in Redis, never used by another."""
        return f"{self.worker}:{self.pid}:{self.start}"

    @property
    def taken_key(self) -> str:
        """The key of the list of jobs that it holds."""
        return f"{TAKEN}{self.token}"

    def as_json(self) -> str:
        """As it is kept in Redis."""
        return json.dumps(asdict(self))

    def is_alive(self) -> bool | None:
        """Whether it lives; None when it is in another place and cannot be seen from here."""
        if self.place == this_place():
            return _start_of(self.pid) == self.start
        host, boot, _ = self.place.split("/")
        here, boot_now, _ = this_place().split("/")
        return False if host == here and boot != boot_now else None  # the host was rebooted

    def went_with_all(self) -> bool:
        """Of one that is dead, whether the supervisor that started this process began later."""
        return self.place != this_place() or self.start < _start_of(os.getppid())


def this_process(worker: str) -> Holder:
    """This process, as the worker of that name."""
    pid = os.getpid()
    return Holder(worker, this_place(), pid, _start_of(pid))


def register(connection: redis.Redis, holder: Holder) -> None:
    """Say that this process may hold jobs."""
    connection.hset(HOLDERS, holder.token, holder.as_json())


def unregister(connection: redis.Redis, holder: Holder) -> None:
    """Say that this process is gone and holds nothing any more."""
    connection.hdel(HOLDERS, holder.token)


def holders(connection: redis.Redis) -> list[Holder]:
    """Every process that is registered, living or not."""
    entries: dict[bytes, bytes] = connection.hgetall(HOLDERS)  # type: ignore[assignment]
    found = (_holder(token, entry) for token, entry in entries.items())
    return [each for each in found if each is not None]


def _holder(token: bytes, entry: bytes) -> Holder | None:
    """A holder as it registered; of a place that never beats where only its token can be read."""
    try:
        holder = Holder(**json.loads(entry))
        types = [type(each) for each in asdict(holder).values()]
        is_whole = types == [str, str, int, int] and holder.place.count("/") == 2
        if is_whole and holder.token.encode() == token:
            return holder
    except (ValueError, TypeError, RecursionError):
        pass
    readable = _TOKEN.fullmatch(token)
    if readable is None:
        return None
    worker, pid, start = readable.groups()
    return Holder(worker.decode(), _NOWHERE, int(pid), int(start))


def beat(connection: redis.Redis) -> None:
    """Say that something lives in this place."""
    try:
        connection.hincrby(_PLACES, this_place(), 1)
    except redis.ResponseError as error:
        if "not an integer" not in str(error) and "overflow" not in str(error):
            raise
        connection.hset(_PLACES, this_place(), "1")


def beats(connection: redis.Redis) -> dict[str, int]:
    """How often each place has beaten. A number that stays the same is a place that is silent."""
    entries: dict[bytes, bytes] = connection.hgetall(_PLACES)  # type: ignore[assignment]
    return {
        place.decode("utf-8", "backslashreplace"): int(as_number(count))
        for place, count in entries.items()
    }


def forget_place(connection: redis.Redis, place: str) -> None:
    """Drop the heartbeats of a place that is gone."""
    connection.hdel(_PLACES, place)


@cache
def this_place() -> str:
    """HOST/BOOT/NAMESPACE of this process: the host by its id. Only Linux has the latter two."""
    return f"{identity().host}/{this_boot()}/{_namespace()}"


def this_boot() -> str:
    """The machine since its last start, by the id that Linux gives that."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "unknown"


def _start_of(pid: int) -> int:
    """Field 22 of proc_pid_stat(5), the start time; 0 for a process that is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])
