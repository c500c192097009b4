"""Upkeep of the fleet itself, and of what it keeps."""

from rq.registry import (
    CanceledJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    StartedJobRegistry,
)

from db import ledger, scans
from db.maintenance_runs import recorded
from jobs.covers import remote
from jobs.maintenance.completing import complete
from jobs.maintenance.reconciling import ring_again
from jobs.maintenance.unused_pictures import remove_unused
from worker.dispatch import alone, job, queues
from worker.rebalancing import rebalance

_REGISTRIES = (FinishedJobRegistry, FailedJobRegistry, CanceledJobRegistry, StartedJobRegistry)


@job
def cleanup_expired_tasks() -> None:
    """Drop finished, failed and canceled jobs whose time is over, and the chunks of ended scans.

    Waiting work is never touched; a started job whose worker is long gone goes to the failed ones.
    """
    for queue in queues():
        for registry_class in _REGISTRIES:
            registry_class(queue=queue).cleanup()
    scans.drop_done_chunks()


@job
def reconcile() -> dict[str, int] | None:
    """Ring again for whatever is to be done and no queue holds; how many entities, by job.

    What failed, or was not there, is to be done again when its time has come; what shows nothing is
    looked for on the web once a provider is turned on. None when another sweep is under way.
    """
    with alone("reconcile") as is_mine:
        if not is_mine:
            return None
        ledger.wake_due()
        remote.want_unasked()
        return ring_again()


@job
def rebalance_queues() -> str | None:
    """Move worker processes to the programs whose jobs wait, and back, as queues.toml allows.

    Each move and its reason stand in its record. The result says why this fleet cannot be
    rebalanced; None when it can. Raises FleetStartError or FleetStopError when a process does not
    start or end.
    """
    with recorded("maintenance.rebalance_queues", only_changes=True) as done:
        outcome = rebalance()
        done.notes.extend(outcome.moved)
        done.changes["processes moved"] = len(outcome.moved)
    return outcome.refused or None


@job
def remove_unused_pictures() -> int:
    """Delete pictures that nothing has pointed to for `unused_pictures.GRACE`; how many."""
    return remove_unused()


@job
def complete_pictures() -> int:
    """Make the placeholders of some of the pictures that have none; how many were completed.

    Raises StoreError when the store cannot be written.
    """
    return complete()
