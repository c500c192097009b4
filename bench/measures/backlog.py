"""Measures what waiting jobs take in Redis, by kind of job and by how many wait.

    python -m bench backlog [--waiting 1000 10000 100000]

A Valkey of the fleet's own kind, and no worker: so many jobs of a kind are put into it as the fleet
does, with as many entities as it gives to each. Jobs that hand on what was read of
files, 150 a job, get the records of generated tracks, and at most two GB of them are put in. Bytes
are those that the server says it uses, less what it used before, by job.

Exit code 0: a job takes no more when many wait than when few do, within 20 %; 1: not so; 2: it
could not be measured.
"""

import tempfile
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from bench.command import FAILED, PASSED, command_line, parser, say, verdict
from bench.libraries import music
from bench.libraries.music import SMALL
from bench.peers.programs import Ours
from bench.queue_contenders.processes import valkey
from bench.record import results
from bench.record.results import Cell, Result, Table
from db import ledger
from jobs.metadata.reader import read_as_json
from jobs.records import FoundFile
from worker.dispatch import create, queue

FLAT = 1.2
_CHUNK = 150
_MOST_BYTES = 2 * 10**9
"""Of jobs that hold records so many are put in at most."""
TRACKS = 5_000_000
"""Of the library whose most jobs the table names, three tracks an album and an artist each."""
_ENTITIES = {"track": TRACKS, "album": TRACKS // 3, "artist": TRACKS // 3}
Arguments = Callable[[int], dict[str, Any]]


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("backlog", __doc__)
    options.add_argument("--waiting", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    asked = options.parse_args(arguments)
    load, rows, good = results.load(), list[list[Cell]](), True
    kinds = _kinds()
    with valkey() as (_, connection):
        for job, (most, made) in kinds.items():
            took = [_bytes(connection, job, made, waiting) for waiting in asked.waiting]
            measured = [each for each in took if each is not None]
            rows.append([job, *took, most, round(measured[-1] * most / 10**6)])
            print(f"{job:45}", *(f"{each!s:>8}" for each in rows[-1][1:]))
            good &= verdict(f"{job}: {measured}", measured[-1] <= FLAT * measured[0])
    of_large = f"{TRACKS:,} tracks"
    columns = [*(f"bytes a job, {each:,} wait" for each in asked.waiting)]
    columns += [f"most jobs, {of_large}", "MB then"]
    table = Table(columns, rows, plotted=columns[0])
    versions = {Ours.name: Ours.version()}
    what = "What jobs that wait take in Redis"
    result = Result("backlog", command_line("backlog", arguments), what, table, versions, load)
    say(f"{results.write(result)} written")
    return PASSED if good else FAILED


def _kinds() -> dict[str, tuple[int, Arguments]]:
    """By job how many of it a large library makes at most, and the arguments of the n-th."""
    chunks, records = ceil(TRACKS / _CHUNK), _records()
    found: dict[str, tuple[int, Arguments]] = {
        "metadata.extract_batch": (chunks, lambda n: {"chunk_id": n}),
        "batch.process_entities": (
            chunks,
            lambda n: {"chunk_id": n, "records": records, "unread": [], "images": []},
        ),
        "insert.direct_batch": (
            chunks,
            lambda n: {"chunk_id": n, "records": records, "unread": [], "grouping": {}},
        ),
    }
    for need in ledger.NEEDS:
        if need.reconciled:
            most = ceil(_ENTITIES[need.entity_type] / need.per_job)
            found[need.job] = (most, _of(need))
    return found


def _of(need: ledger.Need) -> Arguments:
    size = need.per_job
    return lambda n: {need.argument: list(range(4_000_000 + n * size, 4_000_000 + (n + 1) * size))}


def _records() -> list[dict[str, Any]]:
    """What is read of as many files as a chunk has."""
    with tempfile.TemporaryDirectory(prefix="mfbench") as folder:
        library = music.make(Path(folder), _CHUNK, form=SMALL)
        files = [
            FoundFile(str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(library.music.rglob("*"))
            if path.suffix in {".mp3", ".flac", ".ogg", ".m4a", ".opus"}
        ]
        return [each.json for each in read_as_json(files) if each.is_track][:_CHUNK]


def _bytes(connection: redis.Redis, job: str, made: Arguments, waiting: int) -> int | None:
    """Bytes by job when so many wait; None where they would be too many to be measured here."""
    ask: Callable[..., object] = connection.execute_command
    ask("FLUSHALL", "SYNC")  # else what was there is freed while the next is measured
    before = _used(connection)
    first = create(job, made(0))
    if len(first.data) * waiting > _MOST_BYTES:
        return None
    target = queue(first.origin)
    for number in range(min(waiting, _DIFFERENT)):
        target.enqueue_job(create(job, made(number)))
    _repeat(connection, target.key, waiting)
    took = _used(connection) - before
    ask("FLUSHALL", "SYNC")
    return round(took / waiting)


_DIFFERENT = 200
"""Jobs that are put in as the fleet does; more of a kind are copies under other ids, for to make
one takes longer than to keep it."""


def _repeat(connection: redis.Redis, key: str, waiting: int) -> None:
    """Fill a queue up with copies of its jobs."""
    ids = [str(each, "ascii") for each in connection.lrange(key, 0, -1) if isinstance(each, bytes)]
    jobs: list[Any] = [connection.hgetall(f"rq:job:{each}") for each in ids]
    for first in range(len(ids), waiting, 1_000):
        pipe = connection.pipeline(transaction=False)
        for number in range(first, min(waiting, first + 1_000)):
            new = str(uuid4())
            pipe.hset(f"rq:job:{new}", mapping=jobs[number % len(jobs)])
            pipe.rpush(key, new)
        pipe.execute()


def _used(connection: redis.Redis) -> int:
    return int(connection.info("memory")["used_memory"])
