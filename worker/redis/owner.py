"""Whose Redis it is: that of one library, and of no other fleet or program.

Two fleets on one Redis would run each other's jobs on the wrong database. So the first says in
Redis which library it works for, and every process checks that before it takes or enqueues a job.
A Redis that was wiped belongs to whoever comes first.

Redis keys:
    fleet:library   the id of the library, and after a blank where its database is, for people
    fleet:seat      which copy of the library runs its fleet; expires when that fleet is gone
    fleet:machine:HOST  the boot and name of the machine that has this host's data folder; expires
"""

import re
import socket
import zlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import peewee
import redis

from db import settings
from db.models import database
from db.settings import identity
from db.settings.urls import shown
from db.sql.connection import sqlite_file, transaction
from worker.errors import CopiedHostError, ForeignRedisError
from worker.redis import is_embedded, rq_keys, shown_url
from worker.redis.entries import as_shown
from worker.redis.holders import HOLDERS, holders, this_boot

LIBRARY = settings.redis_key("fleet:library")
_SEAT = settings.redis_key("fleet:seat")
_SEAT_SECONDS = 60
_MACHINE = settings.redis_key("fleet:machine:")
MACHINE_SECONDS = 30
"""How long a machine that is silent keeps another with its host id out."""
SAMPLE = 10
"""Jobs of a queue that are read to find out whose it is."""
_OURS = b'["jobs.'
"""How the payload of each job of ours begins."""
_THEIRS = re.compile(rb'\x80[\x02-\x05].|\["[\w.]+"', re.DOTALL)
"""How another program's does: pickled, as RQ has it, or as JSON. Anything else is damaged."""
_MOST_READ = 200
REMEDY = (
    "give this fleet another database number in FLEET_REDIS_URL (redis://HOST/1), or a "
    "FLEET_REDIS_PREFIX of its own"
)


def mark() -> str:
    """What `fleet:library` says of this fleet; empty before its first `fleet up`."""
    library = identity().library
    return f"{library} {_where()}" if library else ""


def refuse_foreign(connection: redis.Redis) -> None:
    """Raise ForeignRedisError when this Redis belongs to another library than the data folder's."""
    owner, mine = _owner(connection), identity().library
    if owner and mine and not owner.startswith(mine):
        raise foreign(owner)


def foreign(owner: str) -> ForeignRedisError:
    """The error for a Redis whose `fleet:library` says `owner`."""
    library, _, where = owner.partition(" ")
    return ForeignRedisError(
        f"Redis at {shown_url()} belongs to the library {library[:8]} ({where or 'of another'}), "
        f"not to {identity().library[:8]} ({_where()}) — {REMEDY}"
    )


def claim(connection: redis.Redis, queues: Collection[str]) -> str:
    """Have Redis be that of the open database, and return the seat, for `leave_seat`.

    Raises ForeignRedisError when it is another library's, when the fleet of another copy of this
    library runs on it, and when nobody has claimed it but another program uses a queue of ours.
    And CopiedHostError when another machine has this data folder's host id.
    """
    if not is_embedded():
        _claim_host(connection)
    seat = f"{_seat()} {_where()}"
    said: Any = connection.mget(LIBRARY, _SEAT)
    library, present = (as_shown(each or b"", most=1000) for each in said)
    if present == seat and mark() and library.startswith(identity().library):
        connection.set(_SEAT, seat, ex=_SEAT_SECONDS)
        return seat
    refuse_foreign(connection)
    if _owner(connection) is None:
        refuse_other_workers(connection, queues)
        _refuse_strangers(connection, queues)
        connection.delete(LIBRARY)  # what is no text
        connection.set(LIBRARY, mark(), nx=True)
        refuse_foreign(connection)
    if connection.set(_SEAT, seat, nx=True, ex=_SEAT_SECONDS):
        return seat
    if connection.type(_SEAT) != b"string":
        connection.delete(_SEAT)
    present = as_shown(connection.get(_SEAT) or seat.encode(), most=1000)
    if present.partition(" ")[0] != _seat():
        raise ForeignRedisError(
            f"Redis at {shown_url()} is used by the fleet of another copy of this library "
            f"({present.partition(' ')[2]}; this is {_where()}) — stop that one, or {REMEDY} and "
            "empty the table library_identity of the copy"
        )
    connection.set(_SEAT, seat, ex=_SEAT_SECONDS)
    return seat


def succeed(connection: redis.Redis, library: str) -> bool:
    """Take over from the library that this data folder's fleet worked for before; whether it did.

    What its processes held is dropped. The caller drops what its queues hold.
    """
    if not (_owner(connection) or "").startswith(library):
        return False
    held = [each.taken_key for each in holders(connection)]
    connection.delete(_SEAT, HOLDERS, *held)
    connection.set(LIBRARY, mark())
    return True


def leave_seat(connection: redis.Redis, seat: str) -> None:
    """At the end of the fleet: another copy of the library, or machine, may have it at once."""
    mine = {_SEAT: seat, _MACHINE + identity().host: _machine()}
    for key, says in mine.items():
        if connection.get(key) == says.encode():
            connection.delete(key)


def _claim_host(connection: redis.Redis) -> None:
    """Have this machine be the host of its data folder. Raises CopiedHostError.

    Two machines with the id of one host would take each other's workers for dead ones of an
    earlier boot, and run their jobs once more.
    """
    key, mine = _MACHINE + identity().host, _machine()
    if connection.set(key, mine, nx=True, ex=MACHINE_SECONDS):
        return
    if connection.type(key) != b"string":
        connection.delete(key)
    present = as_shown(connection.get(key) or mine.encode())
    boot, _, name = present.partition(" ")
    if boot != this_boot():
        raise CopiedHostError(
            f"the machine {name} works with a copy of the data folder {settings.data_dir()}, and "
            f"both are the host {identity().host} — run `fleet down` on one of them, delete "
            "identity.json in its data folder and run `fleet up`"
        )
    connection.set(key, mine, ex=MACHINE_SECONDS)


def _machine() -> str:
    return f"{this_boot()} {socket.gethostname()}"


def strangers(connection: redis.Redis, samples: Mapping[str, Sequence[bytes]]) -> dict[str, str]:
    """Which of these queues are another program's, each with what a job there says it does.

    `samples` are ids of jobs of each. A queue with a job of ours is ours, whatever else is in it.
    """
    asked = [(name, job_id) for name, ids in samples.items() for job_id in ids]
    with connection.pipeline(transaction=False) as pipeline:
        for _, job_id in asked:
            pipeline.hmget(rq_keys.JOB.encode() + job_id, "data", "description")
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    ours: set[str] = set()
    theirs: dict[str, str] = {}
    for (name, _), answer in zip(asked, answers, strict=True):
        if isinstance(answer, Exception) or answer[0] is None:
            continue
        payload = _beginning(answer[0])
        if payload.startswith(_OURS):
            ours.add(name)
        elif _THEIRS.match(payload):
            theirs.setdefault(name, as_shown(answer[1] or b"an unknown job", most=60))
    return {name: says for name, says in theirs.items() if name not in ours}


def is_of_another_program(data: bytes) -> bool:
    """Whether a job's payload is compressed and pickled: RQ's own way, and never the fleet's."""
    return data.startswith(b"\x78") and _beginning(data).startswith(b"\x80")


def other_workers(connection: redis.Redis, queues: Collection[str]) -> dict[str, str]:
    """The workers of other programs that take jobs of these queues, each with the queue."""
    found = {}
    for name in queues:
        with suppress(redis.ResponseError):  # a key of another type: nobody's worker
            for key in connection.smembers(rq_keys.WORKERS_BY_QUEUE % name):
                if connection.hexists(key, "birth") and not connection.hexists(key, "topology"):
                    worker = as_shown(key)
                    found[worker.removeprefix(rq_keys.WORKER)] = name
    return found


def refuse_other_workers(connection: redis.Redis, queues: Collection[str]) -> None:
    """Raise ForeignRedisError when a worker of another program takes jobs of these queues."""
    for worker, name in other_workers(connection, queues).items():
        raise ForeignRedisError(
            f"the worker {worker} of another program takes the jobs of the queue {name} of Redis "
            f"at {shown_url()} — {REMEDY}"
        )


def _refuse_strangers(connection: redis.Redis, queues: Collection[str]) -> None:
    """Raise ForeignRedisError when another program uses a queue of these names."""
    with connection.pipeline(transaction=False) as pipeline:
        for name in queues:
            pipeline.lrange(rq_keys.QUEUE + name, 0, SAMPLE - 1)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    jobs = dict(zip(queues, answers, strict=True))
    samples = {name: ids for name, ids in jobs.items() if isinstance(ids, list)}
    for name, says in strangers(connection, samples).items():
        raise ForeignRedisError(
            f"the queue {name} of Redis at {shown_url()} holds jobs of another program ({says}), "
            f"which this fleet would fail — {REMEDY}"
        )


def _owner(connection: redis.Redis) -> str | None:
    """What `fleet:library` says; None when nobody has claimed it, or it names no library."""
    try:
        owner: Any = connection.get(LIBRARY)
    except redis.ResponseError:
        return None
    text = (owner or b"").decode("utf-8", "replace")
    return text if re.match(r"[0-9a-f]{32}\b", text) else None


def _seat() -> str:
    """Where the open database is, as the machine that has it knows: a copy is elsewhere."""
    file = sqlite_file()
    if file is not None:
        status = file.stat()
        return f"file:{status.st_dev}:{status.st_ino}"
    query = "SELECT oid FROM pg_database WHERE datname = current_database()"
    (oid,) = database.execute_sql(query).fetchone()
    with suppress(peewee.DatabaseError), transaction():  # some servers do not let everybody ask
        (system,) = database.execute_sql(
            "SELECT system_identifier FROM pg_control_system()"
        ).fetchone()
        return f"{system}:{oid}"
    return f"postgresql:{oid}"


def _where() -> str:
    return f"{shown(settings.database_url())} on {socket.gethostname()}"


def _beginning(data: bytes) -> bytes:
    """How a job's payload begins; nothing is unpickled."""
    try:
        return zlib.decompressobj().decompress(data, _MOST_READ)
    except zlib.error:
        return data[:_MOST_READ]
