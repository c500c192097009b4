"""Runs the same jobs through our workers and those of other job queues, on one Valkey.

    python -m bench.queue [--jobs N] [--rounds R] [--only ours,rq-simple,…]

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

import argparse
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from statistics import median

from bench.queue_contenders.books import lacking
from bench.queue_contenders.contender import Contender
from bench.queue_contenders.measuring import Measurement, measure
from bench.queue_contenders.processes import UnusableRunError, valkey
from bench.queue_contenders.registry import CELERY, DRAMATIQ, NAMES, OURS, RQ_SIMPLE, contender
from bench.queue_contenders.trial import JOBS

PASSED, FAILED, UNUSABLE = 0, 1, 2
REQUIRED = {RQ_SIMPLE: 2.0, CELERY: 1.5, DRAMATIQ: 0.95}
"""How many times as fast as these ours must be. 0.95 is level: runs differ by that much."""

_KINDS = {"noop": "no-op", "sleep": "1 ms"}

Results = dict[tuple[str, str], list[Measurement]]
"""The rounds of each contender and kind of job."""


def run(names: Sequence[str], jobs: int, rounds: int) -> Results:
    """Measure these contenders in turn. Raises UnusableRunError."""
    results: Results = defaultdict(list)
    with valkey() as (folder, connection):
        shares = {name: jobs // _installed(name).jobs_in for name in names}
        for number in range(rounds):
            for job in JOBS:
                for name in names:
                    measured = measure(name, job, shares[name], folder, connection)
                    results[name, job].append(measured)
                    _print(f"round {number + 1} {_KINDS[job]:5} {name:14} {measured.rate:6.0f}/s")
    return results


def ratio(results: Results, job: str, peer: str) -> float:
    """How many times as fast as a peer ours is: the median of the rounds."""
    pairs = zip(results[OURS, job], results[peer, job], strict=True)
    return median(ours.rate / theirs.rate for ours, theirs in pairs)


def print_table(results: Results, names: Sequence[str]) -> None:
    """Print what was measured, a line a contender."""
    kinds = "".join(f"{kind + '/s':>9} {'ours':>6}" for kind in _KINDS.values())
    print(f"{'':14} {'version':>8} {kinds} {'commands':>9} {'round trips':>12}  keeps")
    for name in names:
        who = contender(name)
        cells = "".join(
            f"{_median(results[name, job], 'rate'):9.0f} {_shown_ratio(results, job, name):>6}"
            for job in JOBS
        )
        noops = results[name, "noop"]
        print(
            f"{name:14} {version(who.distribution):>8} {cells} {_median(noops, 'commands'):9.1f} "
            f"{_median(noops, 'round_trips'):12.1f}  {who.keeps}"
        )
    print(
        "ours: how many times as fast ours is. Commands and round trips of Redis: of a no-op job."
    )


def print_verdict(results: Results) -> bool:
    """Print whether ours is what it must be, as far as it was measured; whether it is."""
    passed = True
    for peer, least in REQUIRED.items():
        for job, kind in _KINDS.items():
            if not {(OURS, job), (peer, job)} <= results.keys():
                continue
            got = ratio(results, job, peer)
            passed &= got >= least
            word = "passed" if got >= least else "FAILED"
            print(f"{word}: {kind}, ours is {got:.2f} times as fast as {peer}; required: {least}")
    if {(OURS, "noop"), (RQ_SIMPLE, "noop")} <= results.keys():
        missing = _missing_books(results)
        passed &= not missing
        print(f"{'FAILED' if missing else 'passed'}: the books that RQ keeps, ours keeps too")
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


def _shown_ratio(results: Results, job: str, peer: str) -> str:
    if peer == OURS or (OURS, job) not in results:
        return ""
    return f"{ratio(results, job, peer):.2f}"


def _missing_books(results: Results) -> list[str]:
    pairs = zip(results[OURS, "noop"], results[RQ_SIMPLE, "noop"], strict=True)
    return sorted({line for ours, theirs in pairs for line in lacking(ours.books, theirs.books)})


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.queue", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--jobs", type=int, default=2000, help="jobs of each kind (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all run (%(default)s)")
    parser.add_argument("--only", default=",".join(NAMES), help="contenders (%(default)s)")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no contender {unknown[0]!r} — choose of {','.join(NAMES)}")
    if options.jobs < 100 or options.rounds < 1:
        parser.error("too little to measure — give at least --jobs 100 and --rounds 1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(UNUSABLE))
    try:
        results = run(names, options.jobs, options.rounds)
    except UnusableRunError as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        return UNUSABLE
    print_table(results, names)
    return PASSED if print_verdict(results) else FAILED


if __name__ == "__main__":
    sys.exit(main())
