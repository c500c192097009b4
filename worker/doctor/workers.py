"""Workers that go by another queues.toml than the one that is here."""

from collections.abc import Iterator
from typing import Any

from rq.utils import as_text

from worker import dispatch
from worker.doctor.findings import Finding, Severity, counted, some
from worker.topology import Topology

_WORKERS = "rq:workers"
_PREFIX = "rq:worker:"


def workers(topology: Topology) -> Iterator[Finding]:
    """Whether every living worker goes by this topology."""
    digests = _digests()
    outdated = sorted(name for name, digest in digests.items() if digest != topology.digest)
    if outdated:
        goes = "goes" if len(outdated) == 1 else "go"
        yield Finding(
            "workers",
            Severity.WARNING,
            f"{counted(len(outdated), 'worker')} {goes} by an earlier version of {topology.path} "
            f"({some(outdated)})",
            "run `fleet reload`, on each host",
            len(outdated),
        )
    else:
        says = f"{counted(len(digests), 'worker')}, each by this queues.toml"
        yield Finding("workers", Severity.OK, says, count=len(digests))


def _digests() -> dict[str, str]:
    """The digest of the topology of each registered worker; "" for one that does not tell."""
    connection = dispatch.connection()
    keys = sorted(as_text(key) for key in connection.smembers(_WORKERS))
    with connection.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hmget(key, "birth", "topology")
        answers: list[Any] = pipeline.execute()
    return {
        key.removeprefix(_PREFIX): as_text(digest or b"")
        for key, (birth, digest) in zip(keys, answers, strict=True)
        if birth is not None  # else its heartbeats have ended
    }
