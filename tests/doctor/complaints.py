"""What the doctor complains of, for tests."""

from worker.doctor import Finding, Severity
from worker.doctor.examination import examine


def complaints(check: str, *, quick: bool = True) -> list[Finding]:
    """What a check finds wrong."""
    return [
        each
        for each in examine(quick=quick)
        if each.check == check and each.severity is not Severity.OK
    ]


def complaint(check: str, *, quick: bool = True) -> Finding:
    """The one thing that a check finds wrong."""
    (found,) = complaints(check, quick=quick)
    return found
