"""What the bench has to know of a contender."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

PROCESSES = 2
"""Worker processes of every contender."""

QUEUE = "bench"
"""The queue of contenders that let one be named."""


@dataclass(frozen=True)
class Contender:
    """A job queue and the way its documentation says to run it."""

    distribution: str
    """The Python distribution whose version is printed."""
    keeps: str
    """What is left of a job that has ended, for how long; each keeps what it does by default."""
    commands: tuple[tuple[str, ...], ...]
    """What Python is given to start each process; together they run PROCESSES workers."""
    enqueue: Callable[[str, int], None]
    """Put a number of jobs (`trial.JOBS`) into the queue; called in a process of its own."""
    forks: bool = False
    """Whether each job has a process of its own, so that a worker is known as its parent."""
    has_rq_keys: bool = False
    """Whether it keeps RQ's books."""
    jobs_in: int = 1
    """One of so many jobs is enough for those that are slow."""
    environment: Mapping[str, str] = field(default_factory=dict)
