"""Our worker, started as supervisord starts it, with a queues.toml and a jobs package of its own.

The folder `fleet` stands before the repository on the path of its processes, so that they import
`jobs` from there.
"""

import os
from pathlib import Path

from bench.queue_contenders.contender import PROCESSES, Contender
from worker import dispatch

_FLEET = Path(__file__).parent / "fleet"


def enqueue(job: str, number: int) -> None:
    """One by one through the door that everybody uses."""
    for _ in range(number):
        dispatch.enqueue(f"trial.{job}")


def commands(program: str) -> tuple[tuple[str, ...], ...]:
    """What starts the processes of a program of `fleet/queues.toml`."""
    numbers = range(1, PROCESSES + 1)
    slot = ("-m", "worker.process", program)
    return tuple((*slot, str(number), "--queues", "noop,sleep") for number in numbers)


CONTENDER = Contender(
    distribution="musicfleet",
    keeps="job 10 min, result 10 min",
    commands=commands("light"),
    enqueue=enqueue,
    has_rq_keys=True,
    environment={
        "FLEET_QUEUES": str(_FLEET / "queues.toml"),
        "PYTHONPATH": os.pathsep.join((str(_FLEET), str(Path(__file__).parents[2]))),
    },
)
