"""A Redis belongs to one library: no other fleet, copy or program is let in, or disturbed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from db import settings
from db.models import LibraryIdentity
from db.settings import identity, remember
from db.sql.connection import close_database, open_database
from db.sql.schema import ensure_library_id
from tests.databases import open_sqlite
from worker import dispatch
from worker.errors import ForeignRedisError
from worker.process.fleet_worker import FleetWorker
from worker.redis.owner import LIBRARY, claim, leave_seat
from worker.topology.model import registered_name

NAMES = ["insert", "maintenance"]
CLEANUP = "maintenance.cleanup_expired_tasks"


@pytest.fixture
def own(queues: redis.Redis, database: str) -> redis.Redis:
    """A Redis that the fleet of the open database has claimed."""
    settings.prepare_data_dir()
    remember(ensure_library_id(""))
    claim(queues, NAMES)
    return queues


@pytest.fixture
def another(own: redis.Redis) -> Iterator[redis.Redis]:
    """The Redis of another library: this one's database was made after it was claimed."""
    leave_seat(own, claim(own, NAMES))
    LibraryIdentity.update(library="f" * 32).execute()
    remember(ensure_library_id(""))
    yield own
    dispatch.connection.cache_clear()


def test_a_fleet_may_claim_its_redis_again_and_again(own: redis.Redis) -> None:
    claim(own, NAMES)
    assert own.get(LIBRARY).startswith(identity().library.encode())  # type: ignore[union-attr]


def test_another_library_is_refused_with_both_names_and_a_remedy(another: redis.Redis) -> None:
    with pytest.raises(ForeignRedisError) as refused:
        claim(another, NAMES)
    text = str(refused.value)
    assert "\n" not in text
    assert "ffffffff" in text
    assert another.get(LIBRARY)[:8].decode() in text  # type: ignore[index]
    assert "another database number in FLEET_REDIS_URL" in text


def test_whoever_enqueues_is_refused_by_the_redis_of_another(another: redis.Redis) -> None:
    dispatch.connection.cache_clear()
    with pytest.raises(ForeignRedisError):
        dispatch.enqueue(CLEANUP)
    assert another.llen("rq:queue:maintenance") == 0


def test_a_worker_takes_no_job_out_of_the_redis_of_another(own: redis.Redis) -> None:
    worker = FleetWorker("tests-1", NAMES, own)
    job_id = dispatch.enqueue(CLEANUP)
    own.set(LIBRARY, "e" * 32 + " postgresql://elsewhere/music")
    with pytest.raises(
        SystemExit, match=r"belongs to the library eeeeeeee .postgresql://elsewhere"
    ):
        worker.work(burst=True, logging_level="ERROR")
    assert dispatch.queue("maintenance").get_job_ids() == [job_id]
    assert own.hget(f"rq:job:{job_id}", "status") == b"queued"


@pytest.mark.parametrize("left", ["nothing", "list", "text"])
def test_a_redis_that_was_wiped_is_claimed_again_by_the_next_worker(
    own: redis.Redis, left: str
) -> None:
    worker = FleetWorker("tests-1", NAMES, own)
    own.flushall()
    if left == "list":
        own.lpush(LIBRARY, "of no library")
    if left == "text":
        own.set(LIBRARY, "of no library")
    worker.work(burst=True, logging_level="ERROR")
    assert own.get(LIBRARY).startswith(identity().library.encode())  # type: ignore[union-attr]


def test_a_copy_of_the_database_is_refused_while_the_fleet_of_the_original_runs(
    queues: redis.Redis, data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    open_sqlite()
    remember(ensure_library_id(""))
    seat = claim(queues, NAMES)
    close_database()
    shutil.copytree(data_dir, tmp_path / "copy")
    monkeypatch.setenv("FLEET_DATA_DIR", str(tmp_path / "copy"))
    open_database()
    with pytest.raises(ForeignRedisError, match="another copy of this library") as refused:
        claim(queues, NAMES)
    assert str(data_dir) in str(refused.value)
    leave_seat(queues, "of another")
    with pytest.raises(ForeignRedisError):
        claim(queues, NAMES)
    leave_seat(queues, seat)
    claim(queues, NAMES)


def test_a_queue_with_jobs_of_another_program_is_refused_and_left_as_it_is(
    queues: redis.Redis, database: str
) -> None:
    settings.prepare_data_dir()
    remember(ensure_library_id(""))
    theirs = Queue("maintenance", connection=queues).enqueue("shop.orders.send", 1)  # pickled
    with pytest.raises(ForeignRedisError, match=r"the queue maintenance .*shop\.orders\.send"):
        claim(queues, NAMES)
    assert not queues.exists(LIBRARY)
    assert Queue("maintenance", connection=queues).get_job_ids() == [theirs.id]


def test_a_job_of_another_program_that_comes_later_is_refused_as_it_was(own: redis.Redis) -> None:
    theirs = Queue("maintenance", connection=own).enqueue("shop.orders.send", 1)  # pickled
    before = own.hgetall(theirs.key)
    ours = dispatch.enqueue(CLEANUP)
    FleetWorker("tests-1", NAMES, own).work(burst=True, logging_level="CRITICAL")
    assert Job.fetch(ours, connection=own, serializer=JSONSerializer).is_finished
    assert own.hgetall(theirs.key) == before
    assert own.ttl(theirs.key) == -1
    assert Queue("refused", connection=own).get_job_ids() == [theirs.id]
    assert not Queue("maintenance", connection=own).started_job_registry.get_job_ids()
    assert not own.keys(f"*:execution*{theirs.id}*")


def test_a_worker_of_another_program_on_a_queue_of_ours_is_refused(
    queues: redis.Redis, database: str
) -> None:
    settings.prepare_data_dir()
    remember(ensure_library_id(""))
    queues.sadd("rq:workers:maintenance", "rq:worker:shop")
    queues.hset("rq:worker:shop", "birth", "2026-01-01T00:00:00Z")
    with pytest.raises(ForeignRedisError, match="the worker shop of another program"):
        claim(queues, NAMES)


def test_jobs_of_an_earlier_musicfleet_are_no_strangers(queues: redis.Redis, database: str) -> None:
    settings.prepare_data_dir()
    dispatch.enqueue(CLEANUP)
    queues.rpush("rq:queue:maintenance", "of no job")
    remember(ensure_library_id(""))
    claim(queues, NAMES)


def test_the_name_of_the_host_is_in_no_name_of_a_worker(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember("a" * 32)
    before = registered_name("insert-1")
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    assert registered_name("insert-1") == before == remember("a" * 32).name.join(["insert-1.", ""])


def test_with_a_prefix_every_key_begins_with_it(queues: redis.Redis, data_dir: Path) -> None:
    environment = os.environ | {"FLEET_REDIS_PREFIX": "attic"}
    program = (
        "from worker import dispatch\n"
        "from worker.host.locks import open_migrated\n"
        "from worker.process.fleet_worker import FleetWorker\n"
        "from worker.redis.owner import claim\n"
        "from db import settings\n"
        "settings.prepare_data_dir(); open_migrated()\n"
        "claim(dispatch.connection(), ['maintenance'])\n"
        f"dispatch.enqueue({CLEANUP!r})\n"
        "worker = FleetWorker('tests-1', ['maintenance'], dispatch.connection())\n"
        "worker.work(burst=True, logging_level='ERROR')\n"
        "worker._beat()\n"
    )
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    keys = queues.keys()
    assert {b"attic:fleet:library", b"attic:rq:queues", b"attic:fleet:done"} <= {*keys}
    assert [key for key in keys if not key.startswith(b"attic:")] == []


@pytest.mark.parametrize(
    "program", ["worker.cli.fleet", "worker.process.__main__", "web.__main__", "watch.__main__"]
)
def test_every_program_reads_the_prefix_before_rq_does(program: str) -> None:
    code = (
        f"import importlib; importlib.import_module('{program}'); import rq.job\n"
        "from rq.defaults import RQ_KEY_PREFIX\n"
        "print(RQ_KEY_PREFIX)"
    )
    environment = os.environ | {"FLEET_REDIS_PREFIX": "attic"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "attic:rq"


def test_a_fleet_keeps_its_seat_when_its_host_is_renamed(
    own: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    claim(own, NAMES)


def test_a_copy_of_a_data_folder_on_another_machine_is_refused_while_the_original_works(
    own: redis.Redis, data_dir: Path
) -> None:
    machine = f"fleet:machine:{identity().host}"
    own.set(machine, "another-boot nas", ex=30)
    with pytest.raises(ForeignRedisError, match=rf"the machine nas .*{data_dir}") as refused:
        claim(own, NAMES)
    assert "delete identity.json in its data folder" in str(refused.value)
    assert own.get(machine) == b"another-boot nas"
    (data_dir / "identity.json").unlink()
    remember(ensure_library_id(""))
    leave_seat(own, claim(own, NAMES))
    assert not own.exists(f"fleet:machine:{identity().host}")
