"""All checks of the doctor in order, and the repair of what is safe to repair."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from worker.doctor import redis_server
from worker.doctor.database import database_findings, drift
from worker.doctor.findings import FAULTS, Finding, Severity, fact_and_remedy
from worker.doctor.fleet import programs, queues, workers
from worker.doctor.installation import disks, internet_server, permissions, topology, versions
from worker.doctor.library import needs, pictures, roots, watched
from worker.doctor.settings import settings
from worker.topology import Topology

Check = Callable[[], Finding | Iterable[Finding]]


def examine(*, quick: bool = False) -> Iterator[Finding]:
    """Run every check, and yield what each finds.

    `quick` leaves out the picture store, which is looked through file by file: ten seconds for a
    million pictures whose folders are in memory, minutes from a slow share. Nothing is printed, and
    nothing is changed but that a connection to the database is opened where there is none.
    Faults of what is examined are findings and not raised.
    """
    loaded, soundness = topology()
    yield versions()
    yield soundness
    yield from _found("settings", settings)
    for name, check in {
        "permissions": permissions,
        "supervisord.conf": internet_server,
        "disk": disks,
    }.items():
        yield from _found(name, check)
    yield from _database(quick)
    yield from _redis(loaded)
    yield from _found("supervisord", programs)
    yield from _found("watch", watched)


def _database(quick: bool) -> Iterator[Finding]:
    for check, name in ((database_findings, "database"), (drift, "schema")):
        findings = list(_found(name, check))
        yield from findings
        if _is_broken(findings):
            return
    yield from _found("library", roots)
    yield from _found("ledger", needs)
    if not quick:
        yield from _found("pictures", pictures)


def _redis(loaded: Topology | None) -> Iterator[Finding]:
    answer = list(_found("redis", redis_server.answering))
    yield from answer
    if _is_broken(answer):
        return
    yield from _found("redis", redis_server.keeping)
    yield from _found("redis", redis_server.reach)
    yield from _found("clock", redis_server.clock)
    if loaded is not None:
        yield from _found("queues", lambda: queues(loaded))
        yield from _found("workers", lambda: workers(loaded))


def _found(name: str, check: Check) -> Iterator[Finding]:
    """What a check finds; that it could not be made is a finding too."""
    try:
        findings = check()
        yield from [findings] if isinstance(findings, Finding) else findings
    except FAULTS as error:
        fact, remedy = fact_and_remedy(error)
        yield Finding(name, Severity.ERROR, fact, remedy or "see what else is wrong here")


def _is_broken(findings: Iterable[Finding]) -> bool:
    return any(each.severity is Severity.ERROR for each in findings)


class Repair(NamedTuple):
    """How a fix went."""

    finding: Finding
    done: bool
    says: str
    """What was done, or why it could not be."""


def repair(finding: Finding) -> Repair:
    """Apply the fix of a finding that has one."""
    if finding.fix is None:
        raise ValueError(f"the finding {finding.says!r} has no fix")
    try:
        return Repair(finding, True, finding.fix.apply())
    except FAULTS as error:
        fact, _ = fact_and_remedy(error)
        return Repair(finding, False, fact)
