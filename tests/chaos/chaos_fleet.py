"""A fleet under test, seen from inside: its processes, its Redis, its tables."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.utils import as_text

from db import ledger
from db.models import Album, Artist, EntityType, LedgerRow, Problem, State, Track, database
from db.scanning import scans
from db.sql.connection import close_database, open_database
from db.sql.path_text import to_text
from tests.chaos.orders import Orders
from tests.fleet.conftest import FleetCommand, new_fleet
from tests.pipeline.tables import Content, content
from tests.waiting import until
from worker import dispatch
from worker.errors import ExitCode, RedisUnreachableError
from worker.redis.holders import holders
from worker.supervisor.shutdown import is_alive
from worker.topology.model import process_name_of

_STOPS = Path(__file__).parent / "stops"


class ChaosFleet:
    """The fleet that the settings of this process name."""

    def __init__(self, command: FleetCommand, orders: Orders) -> None:
        self.command = command
        self.orders = orders

    @property
    def redis(self) -> redis.Redis:
        """Its Redis, which may be away."""
        return dispatch.connection()

    def up(self) -> None:
        """Start it."""
        ended = self.command("up")
        assert ended.returncode == ExitCode.OK, ended.stderr
        open_database()

    def scan(self, folder: Path) -> int:
        """Begin a scan, and return its id."""
        scan_id = scans.start(to_text(bytes(folder)), deep=False)
        dispatch.enqueue("scan.discovery", scan_id=scan_id)
        return scan_id

    def wait_until_done(self, scan_id: int) -> None:
        """Wait until a scan has ended, everything is settled and no job is left anywhere."""
        self.wait_until_scanned(scan_id)
        wait_for(lambda: not self.held(), "the end of all jobs, when all is settled")

    def wait_until_scanned(self, scan_id: int) -> None:
        """Wait until a scan has ended and everything is settled."""
        wait_for(lambda: _ended(scan_id) and not open_needs(), f"end of scan {scan_id}")

    def wait_until_ended(self, job_id: str) -> str:
        """Wait until a job has ended, and return its status."""
        ended = {"finished", "failed", "stopped"}
        wait_for(lambda: self.field(job_id, "status") in ended, f"end of job {job_id}")
        return self.field(job_id, "status")

    def field(self, job_id: str, name: str) -> str:
        """A field of a job in Redis; empty when it has none."""
        return as_text(self.redis.hget(f"rq:job:{job_id}", name) or b"")

    def log(self, process: str) -> str:
        """The log of a process."""
        return (self.run_dir / f"{process}.log").read_text()

    def held(self) -> list[str]:
        """The keys that hold jobs: of queues and processes, of jobs that run, wait or failed."""
        lists = [as_text(key) for key in self.redis.scan_iter("fleet:taken:*")]
        lists += [as_text(key) for key in self.redis.scan_iter("rq:queue:*")]
        for queue in dispatch.queues():
            kinds = StartedJobRegistry, FailedJobRegistry
            registries = [*(kind(queue=queue) for kind in kinds), queue.scheduled_job_registry]
            lists += [each.key for each in registries if self.redis.zcard(each.key)]
        return lists

    def pid(self, process: str) -> int:
        """The process in a slot, such as covers-1 or recovery-1."""
        return int((self.run_dir / "slots" / f"{process}.lock").read_text().split()[0])

    @property
    def valkey(self) -> int:
        """The process of its Valkey."""
        return int((self.run_dir / "redis.lock").read_text().split()[0])

    @property
    def supervisord(self) -> int:
        """The process that starts the others."""
        return int((self.run_dir / "supervisord.pid").read_text())

    @property
    def run_dir(self) -> Path:
        """Where its process ids are."""
        return self.command.data_dir / "run"

    def is_filled(self, slot: str, other_than: int) -> bool:
        """Whether a living worker, another than this process, is registered for a slot."""
        return any(
            process_name_of(each.worker) == slot and each.pid != other_than and is_alive(each.pid)
            for each in holders(self.redis)
        )


@contextmanager
def chaos_fleet(queues: str | None = None, **settings: str) -> Iterator[ChaosFleet]:
    """A fleet that is not up yet, whose settings this process takes over.

    `queues` is the text of a queues.toml of its own; `settings` go into its environment.
    """
    for command in new_fleet(queues):
        orders = Orders(command.data_dir.parent / "orders")
        command.environment |= {
            "PYTHONPATH": f"{_STOPS}:{command.environment['PYTHONPATH']}",
            "CHAOS_DIR": str(orders.folder),
            **settings,
        }
        with at_home(command):
            yield ChaosFleet(command, orders)


@contextmanager
def at_home(command: FleetCommand) -> Iterator[None]:
    """Have this process go by the settings of a fleet, and by its former ones afterwards."""
    own = {name: text for name, text in command.environment.items() if name.startswith("FLEET_")}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLEET_")]:
            patch.delenv(name)
        for name, text in own.items():
            patch.setenv(name, text)
        had_database = database.obj is not None and not database.is_closed()
        _forget()
        yield
        _forget()
    if had_database:
        open_database()


def _forget() -> None:
    close_database()
    dispatch.connection.cache_clear()
    dispatch.topology.cache_clear()


def about(name: str, known: Content) -> Content:
    """What the tables say of a folder, if every name and tag in it has `name` in it."""
    return {table: [row for row in rows if name in repr(row)] for table, rows in known.items()}


def tables() -> Content:
    """What the tables say now, and where every need stands that a scan waits for."""
    names: dict[tuple[str, int], str] = {
        **{(EntityType.TRACK, track.id): track.path for track in Track.select()},
        **{(EntityType.ALBUM, album.id): album.key for album in Album.select()},
        **{(EntityType.ARTIST, artist.id): artist.name for artist in Artist.select()},
        **{(EntityType.FILE, problem.id): problem.path for problem in Problem.select()},
    }
    needs = sorted(
        (names[row.entity_type, row.entity_id], row.kind, row.entity_type, row.state)
        for row in LedgerRow.select().where(LedgerRow.kind.not_in(ledger.UNHURRIED))
    )
    return {**content(), "ledger": needs}


def open_needs() -> int:
    """How many rows of the ledger are not settled, of what a scan waits for."""
    return sum(
        counts[state]
        for need, counts in ledger.counts().items()
        if need.kind not in ledger.UNHURRIED
        for state in (State.TODO, State.LEASED)
    )


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until it holds, while Redis may be away."""
    until(lambda: holds(condition), what)


def holds(condition: Callable[[], bool]) -> bool:
    """Whether it holds; not while Redis is away."""
    try:
        return condition()
    except (redis.RedisError, RedisUnreachableError):
        return False


def _ended(scan_id: int) -> bool:
    scan = scans.get(scan_id)
    return scan is not None and scan.finished_at is not None
