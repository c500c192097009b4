"""Runs the same jobs through our workers and those of other job queues, on one Valkey.

    python -m bench queue [--jobs N] [--rounds R] [--only ours,rq-simple,…]

Every contender gets two worker processes, started the way its documentation says (ours as
supervisord starts them), and a queue that is filled beforehand: once with jobs that do nothing,
once with jobs that sleep a millisecond. Sleep, because two workers that compute would take both
cores of a small machine from Valkey, and the kernel's sharing would be measured. Contenders take
turns; a ratio is the median of the rounds' ratios, so that what a machine does meanwhile touches
both sides. Messages are JSON, and each contender keeps of ended jobs what it does by default.
The time runs from when both workers have ended a job to the end of the last job.

Both kinds of jobs are judged. A sleep of a millisecond takes about 1.09, so two workers can
do no more than 1,830 of them a second, whatever the queue costs.

Exit code 0: ours is as fast as required, with all of RQ's bookkeeping; 1: not so; 2: a contender
could not be run.
"""

from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from statistics import median

from bench.command import FAILED, PASSED, UnusableRunError, command_line, parser, say, verdict
from bench.queue_contenders.books import lacking
from bench.queue_contenders.contender import Contender
from bench.queue_contenders.measuring import Measurement, measure
from bench.queue_contenders.processes import valkey
from bench.queue_contenders.registry import CELERY, DRAMATIQ, NAMES, OURS, RQ_SIMPLE, contender
from bench.queue_contenders.trial import JOBS
from bench.record import results
from bench.record.results import Cell, Result, Table

SAQ = "saq"
REQUIRED = {RQ_SIMPLE: 2.0, CELERY: 1.5, DRAMATIQ: 0.95, SAQ: 0.95}
"""How many times as fast as these ours must be. 0.95 is level: runs differ by that much."""

_KINDS = {"noop": "no-op", "sleep": "1 ms"}

Results = dict[tuple[str, str], list[Measurement]]
"""The rounds of each contender and kind of job."""


def run(names: Sequence[str], jobs: int, rounds: int) -> Results:
    """Measure these contenders in turn. Raises UnusableRunError."""
    measured: Results = defaultdict(list)
    with valkey() as (folder, connection):
        shares = {name: jobs // _installed(name).jobs_in for name in names}
        for number in range(rounds):
            for job in JOBS:
                for name in names:
                    found = measure(name, job, shares[name], folder, connection)
                    measured[name, job].append(found)
                    say(f"round {number + 1} {_KINDS[job]:5} {name:14} {found.rate:6.0f}/s")
    return measured


def ratio(measured: Results, job: str, peer: str) -> float:
    """How many times as fast as a peer ours is: the median of the rounds."""
    pairs = zip(measured[OURS, job], measured[peer, job], strict=True)
    return median(ours.rate / theirs.rate for ours, theirs in pairs)


def print_table(measured: Results, names: Sequence[str]) -> None:
    """Print what was measured, a line a contender."""
    kinds = "".join(f"{kind + '/s':>9} {'ours':>6}" for kind in _KINDS.values())
    print(f"{'':14} {'version':>8} {kinds} {'commands':>9} {'round trips':>12}  keeps")
    for name in names:
        who = contender(name)
        cells = "".join(
            f"{_median(measured[name, job], 'rate'):9.0f} {_shown_ratio(measured, job, name):>6}"
            for job in JOBS
        )
        noops = measured[name, "noop"]
        print(
            f"{name:14} {version(who.distribution):>8} {cells} {_median(noops, 'commands'):9.1f} "
            f"{_median(noops, 'round_trips'):12.1f}  {who.keeps}"
        )
    print(
        "ours: how many times as fast ours is. Commands and round trips of Redis: of a no-op job."
    )


def table(measured: Results, names: Sequence[str]) -> Table:
    """The same to be kept."""
    rows: list[list[Cell]] = []
    for name in names:
        row: list[Cell] = [name]
        for job in JOBS:
            times = None if name == OURS else _shown_ratio(measured, job, name) or None
            row += [round(_median(measured[name, job], "rate")), times]
        noops = measured[name, "noop"]
        rows.append([*row, round(_median(noops, "round_trips"), 1), contender(name).keeps])
    kinds = [
        heading for kind in _KINDS.values() for heading in (f"{kind} jobs a second", "ours is")
    ]
    return Table([*kinds, "round trips", "keeps of a job"], rows, plotted=kinds[0])


def print_verdict(measured: Results) -> bool:
    """Print whether ours is what it must be, as far as it was measured; whether it is."""
    passed = True
    for peer, least in REQUIRED.items():
        for job, kind in _KINDS.items():
            if not {(OURS, job), (peer, job)} <= measured.keys():
                continue
            got = ratio(measured, job, peer)
            text = f"{kind}, ours is {got:.2f} times as fast as {peer}; required: {least}"
            passed &= verdict(text, got >= least)
    if {(OURS, "noop"), (RQ_SIMPLE, "noop")} <= measured.keys():
        missing = _missing_books(measured)
        passed &= verdict("the books that RQ keeps, ours keeps too", not missing)
        for line in missing:
            print(f"  {line}")
    return passed


def _installed(name: str) -> Contender:
    try:
        return contender(name)
    except ImportError as error:
        raise UnusableRunError(
            f"{name} cannot be run: {error} — run `pip install -e '.[bench]'`, or leave it out "
            "by --only"
        ) from error


def _median(measurements: Sequence[Measurement], quantity: str) -> float:
    return float(median(getattr(each, quantity) for each in measurements))


def _shown_ratio(measured: Results, job: str, peer: str) -> str:
    if peer == OURS or (OURS, job) not in measured:
        return ""
    return f"{ratio(measured, job, peer):.2f}"


def _missing_books(measured: Results) -> list[str]:
    pairs = zip(measured[OURS, "noop"], measured[RQ_SIMPLE, "noop"], strict=True)
    return sorted({line for ours, theirs in pairs for line in lacking(ours.books, theirs.books)})


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("queue", __doc__)
    options.add_argument("--jobs", type=int, default=2000, help="jobs of each kind (%(default)s)")
    options.add_argument("--rounds", type=int, default=3, help="how often all run (%(default)s)")
    options.add_argument("--only", default=",".join(NAMES), help="contenders (%(default)s)")
    asked = options.parse_args(arguments)
    names = asked.only.split(",")
    if unknown := [name for name in names if name not in NAMES]:
        options.error(f"there is no contender {unknown[0]!r} — choose of {','.join(NAMES)}")
    if asked.jobs < 100 or asked.rounds < 1:
        options.error("too little to measure — give at least --jobs 100 and --rounds 1")
    load = results.load()
    measured = run(names, asked.jobs, asked.rounds)
    print_table(measured, names)
    versions = {name: version(contender(name).distribution) for name in names}
    line, what = command_line("queue", arguments), "Jobs a second, two workers of each, one Valkey"
    result = Result("queue", line, what, table(measured, names), versions, load)
    say(f"{results.write(result)} written")
    return PASSED if print_verdict(measured) else FAILED
