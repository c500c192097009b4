"""Scans a folder twice: undisturbed, and while something of the fleet is killed every second.

    python -m bench.storm FOLDER [--seed N]

Each scan has a data folder of its own. In the storm a worker, the child of one, the recovery or
Valkey is killed with SIGKILL each second, for as long as the scan runs: the kind is drawn first,
then one of that kind. Printed are, for each kill, when every job that the victim held waited or was
begun again, and when there was a process in its place; then every row in which the tables differ,
but for ids, times and how the work was divided.

Exit code 0: the tables are equal, and recoveries took a second (median) and five (worst) at most;
1: not so; 2: the bench could not be run.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.storm.own_fleet import COMPLETE, StormError, own_fleet, start_scan, up
from bench.storm.recovering import Recovery, held_by
from bench.storm.tables import Snapshot, differences, snapshot
from bench.storm.victims import Kind, choose
from worker.redis.address import redis_url

PASSED, FAILED, UNUSABLE = 0, 1, 2
MEDIAN_SECONDS, WORST_SECONDS = 1.0, 5.0
"""How long a recovery may take."""
_KILL_EVERY = 1.0
_POLL_SECONDS = 0.004
_PATIENCE = 30.0
"""Seconds after the scan in which the last recoveries may come to their end."""
_DIFFERENCES_SHOWN = 20


class Storm(NamedTuple):
    """What came of a scan in the storm."""

    tables: Snapshot
    recoveries: list[Recovery]
    scans: int
    """How often `fleet scan` was run until it ended well: once."""


def undisturbed(folder: Path) -> Snapshot:
    """What the tables say after a scan that nothing happens to. Raises StormError."""
    with own_fleet():
        up()
        begun = time.monotonic()
        scan = start_scan(folder)
        _, talk = scan.communicate()
        if scan.returncode not in COMPLETE:
            raise StormError(f"the undisturbed scan failed: {talk.strip().splitlines()[-1]}")
        print(f"undisturbed: {time.monotonic() - begun:.1f} s", flush=True)
        return snapshot()


def storm(folder: Path, seed: int) -> Storm:
    """Scan while processes are killed."""
    with own_fleet():
        up()
        chance = random.Random(seed)  # noqa: S311  # nobody is to be kept from guessing
        recoveries: list[Recovery] = []
        begun = time.monotonic()
        with _impatient() as connection:
            scans = 1
            while not _survived(start_scan(folder), connection, chance, recoveries):
                scans += 1
            print(f"in the storm: {time.monotonic() - begun:.1f} s, {len(recoveries)} kills")
            _await_the_last(recoveries, connection)
        return Storm(snapshot(), recoveries, scans)


def _impatient() -> redis.Redis:
    """A client that says at once when Redis is away."""
    return redis.Redis.from_url(redis_url(), socket_timeout=1, retry=Retry(NoBackoff(), 0))


def _survived(
    scan: "subprocess.Popen[str]",
    connection: redis.Redis,
    chance: random.Random,
    recoveries: list[Recovery],
) -> bool:
    """Kill one process each second until the scan has ended; whether it ended well."""
    due = time.monotonic() + _KILL_EVERY
    while scan.poll() is None:
        _poll(recoveries, connection)
        if time.monotonic() >= due and (killed := _kill(connection, chance)):
            recoveries.append(killed)
            due += _KILL_EVERY
        time.sleep(_POLL_SECONDS)
    if scan.returncode in COMPLETE:
        return True
    print(f"`fleet scan` ended early, with {scan.returncode}, and is run again:")
    if scan.stderr:
        print(scan.stderr.read().strip())
    return False


def _kill(connection: redis.Redis, chance: random.Random) -> Recovery | None:
    """Kill a process; None while Redis cannot say what it holds, or none is there."""
    victim = choose(chance)
    if victim is None:
        return None
    worker = victim.parent if victim.kind in {Kind.HORSE, Kind.CHILD} else victim.pid
    try:
        jobs = held_by(connection, worker)
        os.kill(victim.pid, signal.SIGKILL)
    except (redis.RedisError, ProcessLookupError):
        return None
    recovery = Recovery(victim, jobs)
    if victim.kind is Kind.WORKER:
        with suppress(redis.RedisError):  # what it took at the last moment
            recovery.jobs |= held_by(connection, worker) | jobs
    return recovery


def _poll(recoveries: Sequence[Recovery], connection: redis.Redis) -> None:
    for each in recoveries:
        if not each.is_over:
            with suppress(redis.RedisError):
                each.poll(connection)


def _await_the_last(recoveries: Sequence[Recovery], connection: redis.Redis) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not all(each.is_over for each in recoveries) and time.monotonic() < deadline:
        _poll(recoveries, connection)
        time.sleep(_POLL_SECONDS)


def print_recoveries(recoveries: Sequence[Recovery]) -> None:
    """Print each kill, and what the kills of each kind took."""
    print(f"{'killed':10} {'process':14} {'jobs held':>9} {'back, s':>9} {'filled, s':>9}")
    for each in recoveries:
        print(
            f"{each.victim.kind:10} {each.victim.process:14} {len(each.jobs):9} "
            f"{_shown(each.jobs_back if each.jobs else 0):>9} {_shown(each.filled):>9}"
        )
    for kind in Kind:
        seconds = [each.seconds for each in recoveries if each.victim.kind is kind]
        if seconds:
            print(
                f"{kind:10} {len(seconds):3} kills, recovered after {median(seconds):.3f} s "
                f"(median), {max(seconds):.3f} s (worst)"
            )


def _shown(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return f"{seconds:.3f}" if seconds else ""


def print_verdict(expected: Snapshot, found: Storm) -> bool:
    """Print whether all is as it must be; whether it is."""
    wrong = list(differences(expected, found.tables))
    for line in wrong[:_DIFFERENCES_SHOWN]:
        print(line)
    seconds = [each.seconds for each in found.recoveries]
    middle, worst = median(seconds), max(seconds)
    expected_rows = sum(each.total() for each in expected.values())
    checks = {
        f"the tables are equal: {expected_rows:,} rows, {len(wrong):,} differ": not wrong,
        f"`fleet scan` ran {found.scans} times; once suffices": found.scans == 1,
        f"recovered after {middle:.3f} s (median of {len(seconds)}); at most {MEDIAN_SECONDS}": (
            middle <= MEDIAN_SECONDS
        ),
        f"recovered after {worst:.3f} s (worst); at most {WORST_SECONDS}": worst <= WORST_SECONDS,
    }
    for text, is_well in checks.items():
        print(f"{'passed' if is_well else 'FAILED'}: {text}")
    return all(checks.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="the folder of music to scan")
    parser.add_argument("--seed", type=int, default=1, help="of whom to kill (%(default)s)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(UNUSABLE))
    try:
        expected = undisturbed(options.folder)
        found = storm(options.folder, options.seed)
    except StormError as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    if not found.recoveries:
        print("the scan was over before anything was killed — take a larger folder")
        return UNUSABLE
    print_recoveries(found.recoveries)
    return PASSED if print_verdict(expected, found) else FAILED


if __name__ == "__main__":
    sys.exit(main())
