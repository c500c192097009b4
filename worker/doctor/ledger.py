"""What the ledger says was given up, forgotten, or never begun."""

from collections.abc import Iterator
from datetime import timedelta

from db import leases, ledger
from db.connection import transaction
from db.ledger import Need
from db.models import State, utc_now
from db.paths import shown
from worker.doctor.findings import Finding, Fix, Severity, counted, some, time_span

LEASE_GRACE = timedelta(minutes=15)
"""A lease that ended longer ago is a finding: reconciliation runs every minute."""
_CHECK = "ledger"


def needs() -> Iterator[Finding]:
    """Quarantined and failed items, leases that ran out, and needs that were never written."""
    faults = [*_quarantined(), *_failed(), *_leases(), *_never_asked()]
    yield from faults
    if not faults:
        yield Finding(
            _CHECK, Severity.OK, "nothing failed, and the ledger has a row for every need"
        )


def _quarantined() -> Iterator[Finding]:
    rows = ledger.quarantined()
    if rows:
        items = [
            f"{shown(row.path or f'{row.entity_type} {row.entity_id}')}: "
            f"{row.reason or 'no reason given'}"
            for row in rows
        ]
        yield Finding(
            _CHECK,
            Severity.WARNING,
            f"{counted(len(rows), 'item')} quarantined ({some(items)})",
            "repair or remove the file, then scan again, or `fleet enqueue KIND --failed`",
            len(rows),
        )


def _failed() -> Iterator[Finding]:
    for need, counts in ledger.counts().items():
        if failed := counts[State.FAILED]:
            yield Finding(
                _CHECK,
                Severity.WARNING,
                f"{need.entity_type} {need.kind}: {failed:,} failed",
                f"see `fleet problems`; `fleet enqueue {need.job} --failed` tries again",
                failed,
            )


def _leases() -> Iterator[Finding]:
    overdue = leases.overdue(LEASE_GRACE)
    if overdue.since is not None:
        age = (utc_now() - overdue.since).total_seconds()
        yield Finding(
            _CHECK,
            Severity.WARNING,
            f"{counted(overdue.leases, 'lease')} ran out, the first {time_span(age)} ago, "
            "and no job has resumed the work",
            "run `fleet up`; the job maintenance.reconcile enqueues the work again: see "
            "`fleet logs maintenance`",
            overdue.leases,
            age,
        )


def _never_asked() -> Iterator[Finding]:
    for need in ledger.NEEDS:
        if missing := ledger.never_asked(need):
            yield Finding(
                _CHECK,
                Severity.WARNING,
                f"{counted(len(missing), need.entity_type)} whose {need.kind} is missing in the "
                "ledger",
                "run `fleet doctor --fix`, which adds it",
                len(missing),
                fix=_ask(need, len(missing)),
            )


def _ask(need: Need, count: int) -> Fix:
    def ask() -> str:
        with transaction():
            asked = ledger.need(need.kind, need.entity_type, ledger.never_asked(need))
        return f"added the {need.kind} of {counted(len(asked), need.entity_type)} to the ledger"

    return Fix(f"add the {need.kind} of {counted(count, need.entity_type)} to the ledger", ask)
