"""Each schedule fires when it is due, once, by a clock that the test moves on."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path

import pytest
import redis
from croniter import croniter

from db.models import LedgerRow, ScheduleTime
from db.scanning import scans
from tests.databases import ON_SQLITE, open_sqlite
from tests.fleet.conftest import REPOSITORY
from worker import dispatch
from worker.redis.connection import RefusedError
from worker.redis.holders import register, this_process
from worker.schedule import next_run
from worker.schedule.scheduler import FleetScheduler, would_do_nothing
from worker.topology import Schedule, load

SUNDAY = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)

QUEUES = """
[queues.all]
use = "every job there is"
jobs = ["*"]
timeout = "5m"
retries = 0

[programs.work]
queues = ["all"]
processes = 1

[schedules.often]
job = "maintenance.reconcile"
cron = "* * * * *"

[schedules.daily]
job = "maintenance.cleanup_expired_tasks"
cron = "0 4 * * *"
"""


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The machine is in UTC, until the test says otherwise."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def one_database(data_dir: Path) -> None:
    """An open SQLite with the schema; the topology is that of queues.toml."""
    open_sqlite()
    dispatch.topology.cache_clear()  # a test before may have had another


@pytest.fixture
def two(tmp_path: Path, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A queues.toml with two schedules."""
    file = tmp_path / "queues.toml"
    file.write_text(QUEUES)
    monkeypatch.setenv("FLEET_QUEUES", str(file))
    dispatch.topology.cache_clear()
    yield file
    dispatch.topology.cache_clear()


class Hands:
    """The time, as the test sets it, and a clock that goes by it."""

    def __init__(self, now: datetime = SUNDAY, **options: Callable[[Schedule], bool]) -> None:
        self.now = now
        self.clock = FleetScheduler(lambda: self.now, **options)

    def at(self, moment: datetime) -> list[str]:
        """Move the time to this moment; which schedules fire."""
        self.now = moment
        return [job.name for job in self.clock.enqueue_jobs()]


def take_all() -> list[tuple[str, str]]:
    """Take every waiting job out of its queue, as if it were done; names and arguments."""
    found = sorted((each.name, str(each.arguments)) for each in dispatch.held_jobs())
    for queue in dispatch.queues():
        queue.empty()
    return found


def is_due(cron: str, after: datetime, until: datetime) -> bool:
    """Whether a cron expression has a moment between these, in UTC."""
    return bool(croniter(cron, after).get_next(datetime) <= until)


def moments(schedules: Iterable[Schedule]) -> Iterator[datetime]:
    """The first two moments of each schedule within eight days, and a second before and after."""
    dues = set()
    for schedule in schedules:
        times = islice(croniter(schedule.cron, SUNDAY).all_next(datetime), 2)
        dues.update(takewhile(lambda moment: moment < SUNDAY + 8 * DAY, times))
    for due in sorted(dues):
        yield from (due - SECOND, due, due + SECOND)


def test_each_schedule_of_the_real_queues_toml_fires_when_it_is_due_and_once(
    one_database: None, queues: redis.Redis
) -> None:
    schedules = load(REPOSITORY / "queues.toml").schedules
    hands, before = Hands(), SUNDAY
    assert hands.at(SUNDAY) == []
    fired: Counter[str] = Counter()
    for moment in moments(schedules.values()):
        due = [each for each in schedules.values() if is_due(each.cron, before, moment)]
        assert hands.at(moment) == [each.name for each in due], moment
        assert take_all() == sorted((each.job, str(dict(each.arguments))) for each in due), moment
        fired.update(each.name for each in due)
        before = moment
    assert fired.keys() == schedules.keys()


def test_a_fleet_that_was_stopped_for_days_catches_up_once(two: Path, database: str) -> None:
    Hands().at(SUNDAY)
    later = Hands()  # the scheduler of a fleet that was started again
    assert later.at(SUNDAY + 3 * DAY) == ["often", "daily"]
    assert len(take_all()) == 2
    assert later.at(SUNDAY + 3 * DAY + SECOND) == []
    assert later.at(SUNDAY + 3 * DAY + MINUTE) == ["often"]


def test_a_wiped_redis_makes_nothing_due_again(
    two: Path, database: str, queues: redis.Redis
) -> None:
    hands = Hands()
    hands.at(SUNDAY)
    assert hands.at(SUNDAY + DAY) == ["often", "daily"]
    queues.flushall()
    assert Hands().at(SUNDAY + DAY + SECOND) == []
    assert take_all() == []


def test_a_job_that_still_waits_or_runs_is_not_enqueued_beside_it(
    two: Path, database: str, queues: redis.Redis
) -> None:
    hands = Hands()
    hands.at(SUNDAY)
    hands.at(SUNDAY + MINUTE)
    assert hands.at(SUNDAY + 2 * MINUTE) == ["often"]
    assert dispatch.queue("all").count == 1
    worker = this_process("tests-1")
    register(queues, worker)
    queues.lmove(dispatch.queue("all").key, worker.taken_key)
    assert hands.at(SUNDAY + 3 * MINUTE) == ["often"]
    assert dispatch.queue("all").count == 0
    queues.delete(worker.taken_key)
    assert hands.at(SUNDAY + 4 * MINUTE) == ["often"]
    assert dispatch.queue("all").count == 1


def test_a_schedule_that_is_new_or_has_other_times_does_not_fire_for_the_past(
    two: Path, database: str
) -> None:
    Hands().at(SUNDAY)
    two.write_text(QUEUES.replace("0 4 * * *", "30 4 * * *"))
    dispatch.topology.cache_clear()
    hands = Hands()
    assert hands.at(SUNDAY + DAY) == ["often"]
    assert "daily" in hands.at(SUNDAY + 2 * DAY)


def test_what_would_find_nothing_to_do_is_left_out_and_writes_nothing(
    one_database: None, two: Path
) -> None:
    hands = Hands(would_do_nothing=would_do_nothing)
    hands.at(SUNDAY)
    before = ScheduleTime.get(name="often").seen_to
    assert hands.at(SUNDAY + MINUTE) == []
    assert ScheduleTime.get(name="often").seen_to == before
    assert hands.clock.calculate_sleep_interval() == 30  # until the next minute, not at once
    scans.start("/music", deep=False)
    assert hands.at(SUNDAY + 2 * MINUTE) == ["often"]
    assert [name for name, _ in take_all()] == ["maintenance.reconcile"]


def test_a_question_that_cannot_be_answered_leaves_nothing_out(
    one_database: None, two: Path
) -> None:
    hands = Hands(would_do_nothing=would_do_nothing)
    hands.at(SUNDAY)
    LedgerRow.drop_table()
    assert hands.at(SUNDAY + MINUTE) == ["often"]


@pytest.mark.usefixtures("one_database", "queues")
def test_nothing_runs_in_vain_at_rest() -> None:
    hands = Hands(would_do_nothing=would_do_nothing)
    hands.at(SUNDAY + MINUTE)
    assert hands.at(SUNDAY + 40 * MINUTE) == []


def test_a_clock_that_was_years_ahead_and_is_put_right_goes_on(two: Path, database: str) -> None:
    hands = Hands()
    hands.at(SUNDAY + 5000 * DAY)
    assert hands.at(SUNDAY) == []
    assert hands.at(SUNDAY + MINUTE) == ["often"]


@ON_SQLITE
def test_what_could_not_be_enqueued_is_due_as_before(
    two: Path, database: str, queues: redis.Redis
) -> None:
    hands = Hands()
    hands.at(SUNDAY)
    queues.config_set("maxmemory", 1)  # reads are answered, and nothing is written
    try:
        with pytest.raises(RefusedError):
            hands.at(SUNDAY + MINUTE)
    finally:
        queues.config_set("maxmemory", 0)
    assert hands.at(SUNDAY + MINUTE) == ["often"]
    assert len(take_all()) == 1


WALK = """
import sys
from datetime import datetime
from db.sql.connection import open_database
from worker.schedule.scheduler import FleetScheduler
open_database()
clock = FleetScheduler(lambda: now)
clock.log.disabled = True
print("ready", flush=True)
for line in sys.stdin:
    now = datetime.fromisoformat(line.strip())
    print(*(job.name for job in clock.enqueue_jobs()), flush=True)
"""
"""A process with a clock of its own, which gets each moment and says what it fired."""


def test_two_clocks_on_one_database_fire_each_moment_once(two: Path, database: str) -> None:
    Hands().at(SUNDAY + 224 * MINUTE)
    clocks = [
        subprocess.Popen(
            [sys.executable, "-c", WALK],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [tell(clock) for clock in clocks] == ["ready\n", "ready\n"]
    fired: list[str] = []
    for number in range(225, 255):
        for clock in clocks:  # both at once
            assert clock.stdin
            clock.stdin.write(f"{SUNDAY + number * MINUTE:%Y-%m-%dT%H:%M:%S%z}\n")
            clock.stdin.flush()
        now = " ".join(tell(clock) for clock in clocks).split()
        assert now.count("often") == 1
        fired += now
    assert fired.count("daily") == 1
    for clock in clocks:
        clock.communicate()


def tell(process: "subprocess.Popen[str]") -> str:
    """The next line that a process writes."""
    assert process.stdout
    return process.stdout.readline()


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("30 2 * * *", "2026-03-28T12:00+00:00", "2026-03-29T03:30+02:00"),
        ("*/20 * * * *", "2026-03-29T00:50+00:00", "2026-03-29T03:00+02:00"),
        ("30 2 * * *", "2026-10-24T12:00+00:00", "2026-10-25T02:30+02:00"),
        ("30 2 * * *", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"),
        ("*/20 * * * *", "2026-10-25T02:50+02:00", "2026-10-25T02:00+01:00"),
        ("20 * * * *", "2026-10-25T02:20+02:00", "2026-10-25T02:20+01:00"),
        ("0 * 1 * *", "2026-03-28T12:00+00:00", "2026-04-01T00:00+02:00"),
    ],
)
def test_times_are_local_ones_where_clocks_are_put_forward_and_back(
    cron: str, after: str, expected: str, utc: pytest.MonkeyPatch
) -> None:
    utc.setenv("TZ", "Europe/Berlin")
    time.tzset()
    assert next_run(cron, datetime.fromisoformat(after)) == datetime.fromisoformat(expected)
