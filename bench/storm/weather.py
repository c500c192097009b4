"""What happens to the fleet's surroundings in a storm, beside the kills: it begins, and it ends."""

import os
import random
import shutil
import subprocess
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

import redis

from bench.command import UnusableRunError
from db import settings
from worker import dispatch

_CLOCK_SOURCE = Path(__file__).with_name("clock.c")


class Weather(ABC):
    """Something that happens to the surroundings for some seconds."""

    seconds: float = 6

    @abstractmethod
    def begin(self, chance: random.Random) -> None:
        """Let it happen. Raises redis.RedisError or OSError when it cannot happen just then."""

    @abstractmethod
    def end(self) -> None:
        """Let it be over. Raises like `begin`, and is called again then."""


class RootAway(Weather):
    """The root of the music is renamed away; sometimes an empty folder stands in its place."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._away = root.with_name(f"{root.name}.away")

    def begin(self, chance: random.Random) -> None:
        """Rename it away."""
        self._root.rename(self._away)
        if chance.random() < 0.5:
            self._root.mkdir()

    def end(self) -> None:
        """Rename it back."""
        with suppress(FileNotFoundError):
            self._root.rmdir()
        self._away.rename(self._root)


class FullDisk(Weather):
    """The disk of the data folder has no byte left."""

    @property
    def _file(self) -> Path:
        return settings.data_dir() / "fills-the-disk"

    def begin(self, chance: random.Random) -> None:
        """Fill it, to the last byte or nearly."""
        spare = chance.choice([0, 4096, 1 << 20])
        with self._file.open("wb") as file:
            disk = os.statvfs(self._file)
            os.posix_fallocate(file.fileno(), 0, max(disk.f_bavail * disk.f_frsize - spare, 1))

    def end(self) -> None:
        """Empty it."""
        self._file.unlink()


class Tampered(Weather):
    """Entries stand in Redis that no musicfleet wrote: ids that are none, jobs with odd fields."""

    seconds = 0

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection

    def begin(self, chance: random.Random) -> None:
        """Write some into each queue, at both ends."""
        connection = self._connection
        for queue in dispatch.topology().queues:
            for _ in range(3):
                push = chance.choice([connection.lpush, connection.rpush])
                push(f"rq:queue:{queue}", self._entry(chance, queue))

    def end(self) -> None:
        """Leave them there: the fleet has to live with them."""

    def _entry(self, chance: random.Random, queue: str) -> bytes:
        """An id without a job, or of a job one of whose fields is odd."""
        odd = chance.choice([b"", b"\xff\xfe", b"../../x", b"x" * 5000, b"a b\nc", None])
        if odd is not None:
            return odd
        job_id = f"{chance.getrandbits(128):032x}"
        fields: dict[str, bytes] = {
            "origin": queue.encode(),
            "status": b"queued",
            "data": b'["maintenance.nothing", null, [], {}]',
            "timeout": b"60",
            "created_at": b"2026-01-01T00:00:00.000000Z",
        }
        fields[chance.choice([*fields, "attempt"])] = chance.choice(
            [b"", b"1e30", b"-1", b"nan", b"\xff\xfe", b"\x80\x04cos\nsystem\n", b"[" * 10_000]
        )
        self._connection.hset(f"rq:job:{job_id}", mapping=fields)  # type: ignore[arg-type]  # bytes are values
        return job_id.encode()


class Flushed(Weather):
    """Somebody empties Redis."""

    seconds = 0

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection

    def begin(self, chance: random.Random) -> None:
        """Empty it."""
        self._connection.flushall()

    def end(self) -> None:
        """Leave it so."""


class ClockStep(Weather):
    """The wall time of the fleet's processes is set hours off, and set right again."""

    def begin(self, chance: random.Random) -> None:
        """Put it forward or back; what was enqueued before is no older than queues let jobs be."""
        _set_clock(chance.choice([-20, -2, 2, 26]) * 3600)

    def end(self) -> None:
        """Set it right."""
        _set_clock(0)


def _clock_file(data_dir: Path) -> Path:
    """Beside the data folder, so that a full disk does not keep the time as it is."""
    return data_dir.with_suffix(".clock")


def _set_clock(seconds: int) -> None:
    file = _clock_file(settings.data_dir())
    written = file.with_suffix(".new")
    written.write_text(f"{seconds:+d}\n")
    written.replace(file)


def clock_environment(data_dir: Path) -> dict[str, str]:
    """The environment of processes whose clock `ClockStep` sets. Raises UnusableRunError.

    libfaketime would do, but its 0.9.10 lets sleeping fail when the monotonic clock is to stay.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise UnusableRunError(
            "no C compiler, which makes the time that is set — apt-get install gcc"
        )
    library = data_dir.with_suffix(".so")
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_CLOCK_SOURCE)]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "STORM_CLOCK": str(_clock_file(data_dir))}


def all_weather(root: Path, connection: redis.Redis) -> list[Weather]:
    """One of each kind."""
    return [RootAway(root), FullDisk(), Tampered(connection), Flushed(connection), ClockStep()]
