"""How long backlogs take with worker rebalancing, and with fixed programs.

    python -m bench rebalance [--jobs 10000] [--seconds 0.015] [--case 1 …]

Two supervised fleets, with the programs metadata, covers and analysis as queues.toml has them, run
side by side. In one maintenance.rebalance_queues moves processes between them, which the scheduler
enqueues each minute; in the other all is fixed. Their jobs sleep, so what is measured is slots and
not cores: real analyses gain as much only where cores are idle. A job costs some milliseconds
beside its sleep: on a busy machine take fewer and longer ones.

Each case begins when all processes are at rest and have run for as long as worker
rebalancing requires. It prints the seconds until nothing is left, and each move.

Exit code 0: rebalancing was never slower by more than 5 %, and 1.3 times as fast for covers and
then analyses; 1: not so; 2: the fleets did not run.
"""

import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from bench.command import FAILED, PASSED, UnusableRunError, parser
from bench.rebalance.house import STAGES, House, at_rest, new_house
from db.maintenance.maintenance_runs import history
from db.sql.connection import close_database, open_database
from worker.maintenance.rebalance import DWELL

LEAST_GAIN, NOISE = 1.3, 0.95
_PATIENCE = 900.0


class Case(NamedTuple):
    """Backlogs: those of one step are there at once, the next step begins when none is left."""

    name: str
    steps: tuple[tuple[str, ...], ...]


SKEWED = Case("covers, then analyses", (("covers",), ("audio_analysis",)))
CASES = (
    SKEWED,
    Case("covers and analyses at once", (("covers", "audio_analysis"),)),
    Case("all three at once", (("metadata", "covers", "audio_analysis"),)),
)


def measure(house: House, cases: Sequence[Case], jobs: int, seconds: float) -> list[float]:
    """The seconds that each case takes."""
    taken = []
    for case in cases:
        _settle(house)
        begun = time.monotonic()
        for stages in case.steps:
            with ThreadPoolExecutor() as threads:
                list(threads.map(lambda stage: house.fill(stage, jobs, seconds), stages))
            _drain(house)
        taken.append(time.monotonic() - begun)
    return taken


def _settle(house: House) -> None:
    """Wait until every process is at rest, and may be moved."""
    rest = {name: at_rest()[name].processes for name in STAGES}
    deadline = time.monotonic() + _PATIENCE
    while not rest.items() <= house.counts().items():
        if time.monotonic() > deadline:
            raise TimeoutError("the processes do not go back")
        time.sleep(5)
    time.sleep(DWELL)


def _drain(house: House) -> None:
    deadline = time.monotonic() + _PATIENCE
    while left := house.left():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{left} jobs are left")
        time.sleep(0.5)


def print_moves(house: House) -> None:
    """Print every move with its reason."""
    open_database(house.database)
    for run in reversed(history("maintenance.rebalance_queues")):
        for note in run.notes:
            print(f"  {run.started_at:%H:%M:%S} {note}")
    close_database()


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("rebalance", __doc__)
    options.add_argument("--jobs", type=int, default=10_000, help="of each backlog (%(default)s)")
    options.add_argument("--seconds", type=float, default=0.015, help="of a job (%(default)s)")
    numbers = range(1, len(CASES) + 1)
    options.add_argument("--case", type=int, nargs="+", choices=numbers, default=[*numbers])
    asked = options.parse_args(arguments)
    cases = [CASES[number - 1] for number in asked.case]
    try:
        with (
            new_house(rebalanced=False) as fixed,
            new_house(rebalanced=True) as moving,
            ThreadPoolExecutor() as threads,
        ):
            both = threads.map(
                lambda house: measure(house, cases, asked.jobs, asked.seconds),
                (fixed, moving),
            )
            without, with_moving = both
            print("moves:")
            print_moves(moving)
    except (subprocess.CalledProcessError, OSError) as error:
        raise UnusableRunError(str(error)) from error
    print(f"{'backlog':30} {'fixed, s':>9} {'moving, s':>11} {'times as fast':>14}")
    passed = True
    for case, a, b in zip(cases, without, with_moving, strict=True):
        print(f"{case.name:30} {a:9.0f} {b:11.0f} {a / b:14.2f}")
        passed &= a / b >= (LEAST_GAIN if case is SKEWED else NOISE)
    return PASSED if passed else FAILED
