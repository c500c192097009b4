"""The list shows each queue as it stands, spoilt jobs or not, and changes nothing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from rq import Queue, Worker
from rq.job import Job
from rq.registry import (
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ReadyJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.serializers import JSONSerializer
from rq.suspension import WORKERS_SUSPENDED
from rq.utils import utcformat
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from db import ledger
from db.models import Scan
from db.sql.connection import transaction
from tests.queues.conftest import (
    COVERS,
    OLD,
    PICTURES,
    Fleet,
    fail,
    queue_named,
    snapshot,
    stale,
    strand,
)
from worker import dispatch
from worker import queues as fleet_queues
from worker.cli.fleet import run
from worker.doctor import Severity
from worker.doctor.examination import examine
from worker.errors import ExitCode
from worker.queues import Place, declared, known
from worker.redis import rq_keys
from worker.status import overview


def listed(fleet: Fleet, capsys: pytest.CaptureFixture[str], *names: str) -> dict[str, Any]:
    assert fleet("queue", "list", *names, "--json") == ExitCode.OK
    rows = json.loads(capsys.readouterr().out)["queues"]
    return {row["name"]: row for row in rows}


def test_every_declared_queue_is_listed_and_others_only_with_jobs(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = list(dispatch.topology().queues)
    strand(1, queue="emptied")
    fleet_queues.clear("emptied")
    assert list(listed(fleet, capsys)) == declared
    strand(1)
    rows = listed(fleet, capsys)
    assert list(rows) == [*declared, OLD]
    assert rows[OLD]["use"] is None
    assert rows[COVERS]["use"] == dispatch.topology().queues[COVERS].use


def test_jobs_are_counted_by_what_they_wait_for(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = strand(4)
    fail(ids[:1])
    queue_named(OLD).schedule_job(stale(PICTURES), datetime.now(UTC) + timedelta(days=1))
    queues.zadd(f"rq:wip:{OLD}", {"a:b": 9e9})
    row = listed(fleet, capsys)[OLD]
    assert [row[each] for each in ("waiting", "running", "failed", "later")] == [3, 1, 1, 1]


def test_a_queue_with_scheduled_jobs_only_is_listed(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    queue_named(OLD).schedule_job(stale(PICTURES), datetime.now(UTC) + timedelta(days=1))
    row = listed(fleet, capsys)[OLD]
    assert row["later"] == 1
    assert row["oldest"] is None


def test_a_job_that_is_overdue_counts_as_waiting_since_it_was_due(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    queue_named(OLD).schedule_job(stale(PICTURES), datetime.now(UTC) - timedelta(hours=1))
    assert listed(fleet, capsys)[OLD]["oldest"] >= 3600


def test_the_age_is_that_of_the_first_job(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = strand(2)
    queues.hset(Job.key_for(first), "enqueued_at", "2020-01-01T00:00:00.000000Z")
    assert listed(fleet, capsys)[OLD]["oldest"] > 365 * 24 * 3600


def test_who_consumes_and_what_is_paused_and_recovered_is_told(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = Worker([COVERS], name="covers-1.here", connection=queues, serializer=JSONSerializer)
    worker.register_birth()
    fleet_queues.pause("insert")
    queues.hset("fleet:recovered", COVERS, 3)
    rows = listed(fleet, capsys)
    assert rows[COVERS]["consumers"] == ["covers-1.here"]
    assert (rows[COVERS]["paused"], rows["insert"]["paused"]) == (False, True)
    assert (rows[COVERS]["recovered"], rows["insert"]["recovered"]) == (3, 0)


def test_a_queue_that_is_paused_and_no_longer_declared_is_listed(queues: redis.Redis) -> None:
    queues.sadd("fleet:paused", "once")
    assert "once" in [each.name for each in overview.queues()]


@pytest.mark.parametrize("field", ["data", "enqueued_at", "timeout", "status"])
def test_a_tampered_job_does_not_break_the_list(
    field: str, queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = strand(2)
    queues.hset(Job.key_for(first), field, b"\xff\xfe")
    queues.lpush(f"rq:queue:{COVERS}", b"\xff\xfe")
    rows = listed(fleet, capsys)
    assert (rows[OLD]["waiting"], rows[COVERS]["waiting"]) == (2, 1)


def test_looking_changes_nothing(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(strand(2)[:1])
    queues.zadd(f"rq:wip:{OLD}", {"abandoned:1": 1})
    before = snapshot(queues)
    listed(fleet, capsys)
    assert snapshot(queues) == before


def test_the_table_has_a_line_for_each_queue_named(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    strand(2)
    fleet_queues.pause(COVERS)
    assert fleet("queue", "list", OLD, COVERS) == ExitCode.OK
    heading, old, covers = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert heading[:2] == ["queue", "waiting"]
    assert (old[0], old[1], old[-1]) == (OLD, "2", "none: not in queues.toml")
    assert covers[heading.index("paused")] == "paused"


def test_a_name_that_is_none_is_refused_with_the_nearest(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("queue", "list", "inserts") == ExitCode.BAD_INPUT
    assert "there is no queue 'inserts' — did you mean insert?" in capsys.readouterr().err


@pytest.mark.usefixtures("database")
def test_the_status_shows_what_is_paused(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    Scan.create(root="/music", found=1)
    fleet_queues.pause(COVERS)
    assert fleet("status") == ExitCode.OK
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines if "paused" in line[1:]] == ["queue", COVERS]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("database")
def test_the_status_leaves_out_what_is_idle_and_fits_a_terminal_when_nothing_is(
    queues: redis.Redis,
    fleet: Fleet,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strand(1, queue=COVERS)
    Scan.create(root="/music", found=1)
    fleet("status")
    short = capsys.readouterr().out
    assert COVERS in short
    assert "insert" not in short
    fleet("status", "--all")
    assert "insert" in capsys.readouterr().out
    for name in declared():
        strand(1, queue=name)
    with transaction():
        for need in ledger.NEEDS:
            ledger.need(need.kind, need.entity_type, [1])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    fleet("status")
    out, err = capsys.readouterr()
    assert len((out + err).splitlines()) < 24
    assert "There is more: `fleet status --all`." in err


def test_on_a_terminal_columns_in_which_nothing_is_are_left_out(
    queues: redis.Redis,
    fleet: Fleet,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    fleet("queue", "list")
    without = capsys.readouterr().out
    fleet_queues.pause(COVERS)
    fleet("queue", "list")
    assert "consumers" in without
    assert "paused" not in without
    assert "paused" in capsys.readouterr().out


def test_queues_of_another_program_are_left_alone_and_named_once(
    queues: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("emails", "reports"):
        Queue(name, connection=queues).enqueue("shop.send", 1)  # pickled, as most programs do
    strand(1)
    before = snapshot(queues)
    assert [name for name in known() if name not in declared()] == [OLD]
    assert run(["queue", "clear", "--yes", "emails"]) == ExitCode.BAD_INPUT
    found = [each for each in examine(quick=True) if "emails" in each.says]
    assert [each.severity for each in found] == [Severity.OK]
    assert "2 queues of other programs on this Redis left alone (emails, reports)" in found[0].says
    assert snapshot(queues) == before
    assert "emails" not in capsys.readouterr().out


def test_a_worker_of_another_program_in_a_queue_of_ours_is_an_error(queues: redis.Redis) -> None:
    queues.sadd("rq:workers:maintenance", "rq:worker:shop")
    queues.hset("rq:worker:shop", "birth", "2026-01-01T00:00:00Z")
    (found,) = (each for each in examine(quick=True) if "the worker shop" in each.says)
    assert found.severity is Severity.ERROR
    assert "FLEET_REDIS_PREFIX" in found.remedy


def test_the_names_of_rqs_keys_are_rqs() -> None:
    registries = {
        Place.SCHEDULED: ScheduledJobRegistry,
        Place.DEFERRED: DeferredJobRegistry,
        Place.READY: ReadyJobRegistry,
        Place.RUNNING: StartedJobRegistry,
        Place.FAILED: FailedJobRegistry,
    }
    for place, registry in registries.items():
        assert place.key("insert") == registry.key_template.format("insert")
    assert Queue.redis_queues_keys == rq_keys.QUEUES
    assert Queue.redis_queue_namespace_prefix == rq_keys.QUEUE
    assert Job.redis_job_namespace_prefix == rq_keys.JOB
    assert Worker.redis_workers_keys == rq_keys.WORKERS
    assert Worker.redis_worker_namespace_prefix == rq_keys.WORKER
    assert rq_keys.WORKERS_BY_QUEUE == WORKERS_BY_QUEUE_KEY
    assert FinishedJobRegistry.key_template.format("x") == rq_keys.FINISHED % "x"
    assert rq_keys.SUSPENDED == WORKERS_SUSPENDED
    moment = datetime(2026, 11, 30, 12, 5, 7, 42, tzinfo=UTC)
    assert moment.strftime(rq_keys.TIME) == utcformat(moment)
