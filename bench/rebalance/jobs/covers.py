"""Covers, which take a fixed time and nothing else."""

import time

from worker.dispatch import job


@job
def sleep(seconds: float) -> None:
    """Take so long."""
    time.sleep(seconds)
