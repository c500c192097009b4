"""Measures how long `fleet` takes to start: its help, and its status.

    python -m bench start [--runs N]

Each command runs in turn with `python -c "import click"`, which is what it is compared with. The
status is that of a fleet that is down, and of one that is up, each of an empty library.

Exit code 0: the help takes less than 3 times as long, by CPU and by wall, and the status less than
6 times; 1: not so; 2: the fleet could not be started.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.command import FAILED, PASSED, UnusableRunError, command_line, parser, say, verdict
from bench.measures.scan import started
from bench.peers import cost
from bench.peers.programs import Ours
from bench.record import results
from bench.record.results import Cell, Result, Table
from worker.errors import ExitCode

CLICK = "import click"
MOST_TIMES = {"fleet --help": 3.0, "fleet status, up": 6.0, "fleet status, down": 6.0}

Runs = dict[str, list[cost.Run]]


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("start", __doc__)
    options.add_argument("--runs", type=int, default=15, help="of each (%(default)s)")
    asked = options.parse_args(arguments)
    load = results.load()
    with started(Ours, Path("/")) as one:
        assert isinstance(one, Ours)  # noqa: S101  # for the type checker
        runs = _run(["fleet --help", "fleet status, up"], one.environment, asked.runs)
        one.stop()
        down = _run(["fleet status, down"], one.environment, asked.runs)
    good = True
    rows: list[list[Cell]] = []
    for name, found, loop in [
        *((name, runs[name], runs[CLICK]) for name in runs),
        ("fleet status, down", down["fleet status, down"], down[CLICK]),
    ]:
        row: list[Cell] = [name]
        for quantity in ("wall", "cpu"):
            took, least = (median(getattr(e, quantity) for e in each) for each in (found, loop))
            row += [round(1000 * took), round(took / least, 2)]
            most = MOST_TIMES.get(name)
            if most is not None:
                text = f"{name}: {took / least:.2f} times the {quantity} of click; below {most}"
                good &= verdict(text, took < most * least)
        rows.append(row)
    table = Table(("wall ms", "times click", "CPU ms", "times click"), rows, plotted="CPU ms")
    line, versions = command_line("start", arguments), {Ours.name: Ours.version()}
    result = Result("start", line, "The start of a command", table, versions, load)
    say(f"{results.write(result)} written")
    return PASSED if good else FAILED


def _run(names: Sequence[str], environment: dict[str, str], count: int) -> Runs:
    """Run click's import and these commands in turn."""
    fleet = str(Path(sys.executable).with_name("fleet"))
    commands = {CLICK: [sys.executable, "-c", CLICK]}
    commands |= {name: [fleet, name.split()[1].rstrip(",")] for name in names}
    runs: Runs = defaultdict(list)
    for _ in range(count):
        for name, command in commands.items():
            ran = cost.run(command, environment, quiet=True)
            if ran.code not in {ExitCode.OK, ExitCode.REDIS_UNREACHABLE}:
                raise UnusableRunError(f"`{' '.join(command)}` ended with {ran.code}")
            runs[name].append(ran)
    return runs
