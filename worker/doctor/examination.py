"""All checks of the doctor in order, and the repair of what is safe to repair."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from worker.doctor import (
    FAULTS,
    Check,
    Finding,
    Severity,
    database,
    fact_and_remedy,
    fleet,
    installation,
    library,
    redis_server,
)

_GROUPS = (
    installation.CHECKS,
    (*database.CHECKS, *library.CHECKS),
    (*redis_server.CHECKS, *fleet.CHECKS_OF_REDIS, *redis_server.CHECKS_OF_ENTRIES),
    fleet.CHECKS_OF_PROGRAMS,
)


def examine(*, quick: bool = False) -> Iterator[Finding]:
    """Run every check, and yield what each finds.

    `quick` leaves out the picture store, which is looked through file by file: ten seconds for a
    million pictures whose folders are in memory, minutes from a slow share. Nothing is printed, and
    nothing is changed but that a connection to the database is opened where there is none.
    Faults of what is examined are findings and not raised.
    """
    for group in _GROUPS:
        yield from _examine_group([check for check in group if not (quick and check.is_slow)])


def _examine_group(checks: Iterable[Check]) -> Iterator[Finding]:
    for check in checks:
        findings = list(_found(check))
        yield from findings
        if check.is_required and any(each.severity is Severity.ERROR for each in findings):
            return


def _found(check: Check) -> Iterator[Finding]:
    """What a check finds; that it fails is a finding too."""
    try:
        findings = check.run()
        yield from [findings] if isinstance(findings, Finding) else findings
    except FAULTS as error:
        fact, remedy = fact_and_remedy(error)
        yield Finding(check.subject, Severity.ERROR, fact, remedy or "see what else is wrong here")


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
