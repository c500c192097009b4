"""Mending what is safe to mend."""

from typing import NamedTuple

from worker.doctor.faults import FAULTS, fact_and_remedy
from worker.doctor.findings import Finding


class Mended(NamedTuple):
    """How a fix went."""

    finding: Finding
    done: bool
    says: str
    """What was done, or why it could not be."""


def mend(finding: Finding) -> Mended:
    """Apply the fix of a finding that has one."""
    if finding.fix is None:
        raise ValueError(f"the finding {finding.says!r} has no fix")
    try:
        return Mended(finding, True, finding.fix.apply())
    except FAULTS as error:
        fact, _ = fact_and_remedy(error)
        return Mended(finding, False, fact)
