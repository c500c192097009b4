"""Maintenance: the job that is measured, as it is in the fleet itself."""

from db.maintenance.maintenance_runs import recorded_run
from worker.dispatch import job
from worker.maintenance.rebalance import rebalance


@job
def rebalance_queues() -> str | None:
    """As jobs.maintenance.rebalance_queues."""
    with recorded_run("maintenance.rebalance_queues", only_changes=True) as done:
        outcome = rebalance()
        done.notes.extend(outcome.moved)
        done.changes["processes moved"] = len(outcome.moved)
    return outcome.refused or None
