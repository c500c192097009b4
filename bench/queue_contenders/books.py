"""What RQ's books say after a measurement, so that two workers' bookkeeping can be compared."""

import time
from collections import Counter

import redis

_PATIENCE = 5.0


def read(connection: redis.Redis, number: int) -> Counter[str]:
    """How often each entry stands in the books when `number` jobs have ended and are written down.

    An entry is a field of a job's or a worker's hash, a result, a registry's member, or a worker's
    count of jobs.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        books = _entries(connection)
        if books["finished jobs registered"] >= number or time.monotonic() > deadline:
            return books
        time.sleep(0.1)


def lacking(ours: Counter[str], theirs: Counter[str]) -> list[str]:
    """What is less often in our books than in theirs, each with both numbers."""
    return [f"{entry}: {ours[entry]} of {theirs[entry]}" for entry in sorted(theirs - ours)]


def _entries(connection: redis.Redis) -> Counter[str]:
    books: Counter[str] = Counter()
    for kind in ("job", "worker"):
        for fields in _hashes(connection, f"rq:{kind}:*"):
            books.update(f"{kind}: {name.decode()}" for name, text in fields.items() if text)
            books["jobs counted by workers"] += int(fields.get(b"successful_job_count", 0))
    for key in connection.scan_iter("rq:finished:*"):
        books["finished jobs registered"] += connection.zcard(key)
    books["results"] = sum(1 for _ in connection.scan_iter("rq:results:*", count=1000))
    books["workers registered"] = connection.scard("rq:workers")
    return books


def _hashes(connection: redis.Redis, pattern: str) -> list[dict[bytes, bytes]]:
    with connection.pipeline(transaction=False) as pipeline:
        for key in connection.scan_iter(pattern, count=1000, _type="hash"):
            pipeline.hgetall(key)
        found: list[dict[bytes, bytes]] = pipeline.execute()
        return found
