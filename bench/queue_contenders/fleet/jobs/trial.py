"""The bench's jobs, as the fleet wants them."""

from bench.queue_contenders import trial
from worker.dispatch import job


@job
def noop() -> None:
    """Do nothing."""
    trial.noop()


@job
def sleep() -> None:
    """Take a millisecond."""
    trial.sleep()
