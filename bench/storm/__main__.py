"""Scans a folder undisturbed, and again and again in a storm; the tables must be equal.

    python -m bench storm FOLDER [--minutes 10] [--seed N]

Each scan has an empty data folder of its own, on a disk of 600 MB. In the storm a worker, the child
of one, the recovery or Valkey is killed with SIGKILL each second: the kind is drawn first, then one
of that kind. Meanwhile, every ten seconds, something happens to the surroundings: the root of the
music is renamed away and comes back, the disk of the data folder is full for a while, odd entries
are written into Redis, somebody empties Redis, and the wall time of the fleet is set forward or
back by hours, which takes a C compiler. When each of these has been, it becomes calm: a last
`fleet scan`, and `fleet enqueue --failed` as its user would. Then another round begins, until the
minutes are over.

Printed are, for each round, how long recoveries took while nothing but kills happened, rows in
which the tables differ, but for ids, times and how the work was divided, and what `fleet doctor`
finds after `fleet doctor --fix`: among it the needs that are in no state.

The music is scanned as hard links in a temporary folder; the folder itself is not touched.

Exit code 0: in each round the tables are equal, the doctor finds nothing, and recoveries took a
second (median) and five (worst) at most; 1: not so; 2: the bench could not be run.
"""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.command import FAILED, PASSED, UnusableRunError, parser, verdict
from bench.command import run as run_command
from bench.storm.own_fleet import (
    COMPLETE,
    enter_mount_namespace,
    own_fleet,
    run,
    said_last,
    start_scan,
)
from bench.storm.recovering import Recovery, held_by
from bench.storm.tables import Snapshot, differences, snapshot
from bench.storm.victims import Kind, choose
from bench.storm.weather import Weather, all_weather, clock_environment
from db import ledger
from db.models import State
from worker.redis import redis_url

MEDIAN_SECONDS, WORST_SECONDS = 1.0, 5.0
"""How long a recovery may take while nothing but kills happens."""
_KILL_EVERY = 1.0
_CALM_SECONDS = 4.0
"""Between one thing that happens to the surroundings and the next, in which only kills happen."""
_POLL_SECONDS = 0.004
_PATIENCE = 60.0
"""Seconds after the storm in which the last recoveries may come to their end."""
_SCANS_AT_MOST = 5
_DIFFERENCES_SHOWN = 20


class Round(NamedTuple):
    """What came of one storm."""

    tables: Snapshot
    recoveries: list[Recovery]
    findings: list[str]
    """What the doctor found at the end."""


@contextmanager
def linked(folder: Path) -> Iterator[Path]:
    """A temporary folder with the files of another as hard links, or as copies."""
    parent = Path(tempfile.mkdtemp(prefix="storm-music"))
    try:
        shutil.copytree(folder, parent / "music", copy_function=_link, symlinks=True)
        yield parent / "music"
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def undisturbed(folder: Path) -> Snapshot:
    """What the tables say after a scan that nothing happens to. Raises UnusableRunError."""
    with own_fleet():
        begun = time.monotonic()
        _scan_in_calm(folder)
        print(f"undisturbed: {time.monotonic() - begun:.1f} s", flush=True)
        return snapshot()


def _scan_in_calm(folder: Path) -> None:
    """Run `fleet scan` until it ends well. Raises UnusableRunError when it does not."""
    for _ in range(_SCANS_AT_MOST):
        ended = start_scan(folder).wait()
        if ended in COMPLETE:
            return
    raise UnusableRunError(f"the scan fails in calm, with {ended}: {said_last()}")


def storm(folder: Path, seed: int) -> Round:
    """Scan in one storm, then once more in calm. Raises UnusableRunError when that scan fails."""
    chance = random.Random(seed)  # noqa: S311  # nobody is to be kept from guessing
    with own_fleet(clock_environment), _impatient() as connection:
        recoveries: list[Recovery] = []
        begun = time.monotonic()
        _Storm(folder, chance, connection, recoveries).rage()
        print(
            f"in the storm: {time.monotonic() - begun:.1f} s, {len(recoveries)} kills", flush=True
        )
        _await_the_last(recoveries, connection)
        _scan_in_calm(folder)
        if _enqueue_failed():
            _scan_in_calm(folder)
        return Round(snapshot(), recoveries, _findings())


def _impatient() -> redis.Redis:
    """A client that says at once when Redis is away."""
    return redis.Redis.from_url(redis_url(), socket_timeout=1, retry=Retry(NoBackoff(), 0))


class _Storm:
    """A scan, run again whenever it ends, kills, and one kind of weather after the other."""

    def __init__(
        self,
        folder: Path,
        chance: random.Random,
        connection: redis.Redis,
        recoveries: list[Recovery],
    ) -> None:
        self._folder, self._chance, self._connection = folder, chance, connection
        self._recoveries = recoveries
        self._coming = all_weather(folder, connection)
        chance.shuffle(self._coming)
        self._weather: Weather | None = None
        self._changes_at = time.monotonic() + _CALM_SECONDS
        self._kills_at = time.monotonic() + _KILL_EVERY

    def rage(self) -> None:
        """Until every kind of weather has been."""
        scan = start_scan(self._folder)
        while self._weather or self._coming:
            if scan.poll() is not None:
                print(f"  `fleet scan` ended with {scan.returncode}: {said_last()}", flush=True)
                scan = start_scan(self._folder)
            _poll(self._recoveries, self._connection)
            with suppress(redis.RedisError, OSError):  # such as a second try to end the weather
                self._change_weather()
            self._kill()
            time.sleep(_POLL_SECONDS)
        while scan.poll() is None:
            _poll(self._recoveries, self._connection)
            time.sleep(_POLL_SECONDS)

    @property
    def _name(self) -> str:
        return type(self._weather).__name__ if self._weather else ""

    def _change_weather(self) -> None:
        if time.monotonic() < self._changes_at:
            return
        if self._weather is None:
            weather = self._coming[-1]
            weather.begin(self._chance)
            self._weather = self._coming.pop()
            print(f"  {self._name}", flush=True)
            for each in self._recoveries:
                each.weather = each.weather if each.is_over else self._name
            self._changes_at = time.monotonic() + weather.seconds
        else:
            self._weather.end()
            self._weather = None
            self._changes_at = time.monotonic() + _CALM_SECONDS

    def _kill(self) -> None:
        """Kill one process, when it is time, and Redis can say what it holds."""
        if time.monotonic() < self._kills_at:
            return
        victim = choose(self._chance)
        if victim is None:
            return
        worker = victim.parent if victim.kind in {Kind.HORSE, Kind.CHILD} else victim.pid
        try:
            jobs = held_by(self._connection, worker)
            os.kill(victim.pid, signal.SIGKILL)
        except (redis.RedisError, ProcessLookupError):
            return
        self._kills_at += _KILL_EVERY
        recovery = Recovery(victim, jobs, self._name)
        if victim.kind is Kind.WORKER:
            with suppress(redis.RedisError):  # what it took at the last moment
                recovery.jobs |= held_by(self._connection, worker) | jobs
        self._recoveries.append(recovery)


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


def _enqueue_failed() -> int:
    """Have every need tried again that failed in the storm; say how many.

    Also what was quarantined by kills of the storm, as an owner would have it once they are over.
    """
    failed = {need.kind for need, states in ledger.counts().items() if states[State.FAILED]}
    killed = [each for each in ledger.quarantined() if each.signal == signal.SIGKILL.name]
    for each in killed:
        print(f"  killed three times at {each.path}: {each.stage}", flush=True)
    kinds = {each.kind for each in killed}
    failed |= {need.kind for need in ledger.NEEDS if need.kind in kinds}
    for kind in sorted(failed):
        print(f"  {run('enqueue', kind, '--failed').strip()}", flush=True)
    return len(failed)


def _findings() -> list[str]:
    """What the doctor still finds after it repaired what is safe to repair."""
    run("doctor", "--fix", may_find=True)
    lines = json.loads(run("doctor", "--json", may_find=True))["findings"]
    return [f"{each['check']}: {each['says']}" for each in lines if each["severity"] != "ok"]


def print_recoveries(recoveries: Sequence[Recovery]) -> None:
    """Print what the kills of each kind took, and which took longer than they may."""
    for each in recoveries:
        if each.seconds > WORST_SECONDS:
            what = f"{each.victim.kind} of {each.victim.process}, {len(each.jobs)} jobs"
            back = "not" if each.jobs_back is None else f"{each.jobs_back:.1f} s"
            filled = "not" if each.filled is None else f"{each.filled:.1f} s"
            print(f"  {what}: jobs back {back}, filled {filled}; {each.weather or 'calm'}")
    for kind in Kind:
        seconds = [each.seconds for each in recoveries if each.victim.kind is kind]
        if seconds:
            print(
                f"  {kind:10} {len(seconds):3} kills, recovered after {median(seconds):.3f} s "
                f"(median), {max(seconds):.3f} s (worst)"
            )


def print_verdict(expected: Snapshot, found: Round) -> bool:
    """Print whether all is as it must be; whether it is."""
    wrong = list(differences(expected, found.tables))
    for line in [*wrong[:_DIFFERENCES_SHOWN], *found.findings]:
        print(f"  {line}")
    seconds = [each.seconds for each in found.recoveries if not each.weather]
    middle, worst = median(seconds), max(seconds)
    rows = sum(each.total() for each in expected.values())
    checks = {
        f"the tables are equal: {rows:,} rows, {len(wrong):,} differ": not wrong,
        f"`fleet doctor` finds {len(found.findings)} faults": not found.findings,
        "every kill was recovered from": all(each.is_over for each in found.recoveries),
        f"recovered after {middle:.3f} s (median of {len(seconds)}); at most {MEDIAN_SECONDS}": (
            middle <= MEDIAN_SECONDS
        ),
        f"recovered after {worst:.3f} s (worst); at most {WORST_SECONDS}": worst <= WORST_SECONDS,
    }
    for text, is_well in checks.items():
        verdict(text, is_well)
    return all(checks.values())


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("storm", __doc__)
    options.add_argument("folder", type=Path, help="the folder of music to scan")
    options.add_argument("--minutes", type=float, default=10, help="how long (%(default)s)")
    options.add_argument("--seed", type=int, default=1, help="of the first round (%(default)s)")
    asked = options.parse_args(arguments)
    enter_mount_namespace()
    with linked(asked.folder) as folder:
        return PASSED if _rounds(folder, asked.seed, asked.minutes) else FAILED


def _rounds(folder: Path, seed: int, minutes: float) -> bool:
    """Storm after storm until the minutes are over; whether each went well."""
    expected = undisturbed(folder)
    ends_at = time.monotonic() + 60 * minutes
    went_well: list[bool] = []
    while not went_well or time.monotonic() < ends_at:
        print(f"round {len(went_well) + 1}, seed {seed}", flush=True)
        found = storm(folder, seed)
        print_recoveries(found.recoveries)
        went_well.append(print_verdict(expected, found))
        seed += 1
    print(f"{sum(went_well)} of {len(went_well)} rounds went well")
    return all(went_well)


if __name__ == "__main__":
    sys.exit(run_command(main, sys.argv[1:]))
