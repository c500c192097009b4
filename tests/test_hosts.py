"""Hosts that share the work: each runs its programs, and takes only jobs whose files it has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db.ledger import need_for
from db.models import EntityType, Kind, Track
from db.scanning import scans
from db.sql.connection import close_database, open_database
from db.sql.path_text import lie_elsewhere, shown, to_bytes, to_text
from tests.conftest import SHIPPED
from tests.databases import PostgresServer, open_sqlite
from tests.doctor.complaints import complaints
from tests.waiting import until
from worker import dispatch
from worker.errors import BadInputError
from worker.maintenance.rebalance import reach
from worker.process.fleet_worker import FleetWorker
from worker.recovery.__main__ import Recovery
from worker.redis.holders import this_place
from worker.redis.hosts import hosts, publish, run_elsewhere
from worker.supervisor.change import Change
from worker.supervisor.conf_file import process_sections, render
from worker.supervisor.instance import this_instance
from worker.topology import load
from worker.topology.hosts import this_host

ANALYSIS = need_for(Kind.ANALYSIS, EntityType.TRACK)
HOSTS = """
[hosts.nas]
programs = ["scan", "metadata", "library", "covers", "providers", "enrichment", "vectors",
    "publishing", "maintenance", "scheduler", "web"]
[hosts.big]
programs = ["analysis"]
roots = { "/fleet/music" = "%s" }
"""


@pytest.fixture
def shared(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A queues.toml with the hosts nas and big, which has the music in the folder returned."""
    folder = tmp_path / "mnt" / "music"
    folder.mkdir(parents=True)
    (folder / "song.flac").touch()
    file = tmp_path / "queues.toml"
    file.write_text(SHIPPED.read_text() + HOSTS % folder)
    monkeypatch.setenv("FLEET_QUEUES", str(file))
    monkeypatch.setenv("FLEET_HOST", "big")
    dispatch.topology.cache_clear()
    dispatch._places.cache_clear()
    this_place.cache_clear()  # a test before may have had another data folder
    yield folder
    lie_elsewhere({})
    dispatch._places.cache_clear()


@pytest.fixture
def two_roots(queues: redis.Redis, shared: Path, tmp_path: Path) -> tuple[int, int]:
    """Tracks of two roots, of which this host has only that of the first."""
    open_sqlite()
    for root in ("/fleet/music", str(tmp_path / "not-here")):
        scans.start(root, deep=False)
    tracks = [
        Track.create(
            path=f"{root}/a/song.flac",
            folder=f"{root}/a",
            group_folder=f"{root}/a",
            size=1,
            content_id="c",
            mtime_ns=1,
            codec="flac",
            container="flac",
            title="Song",
        )
        for root in ("/fleet/music", str(tmp_path / "not-here"))
    ]
    dispatch.topology()
    return tracks[0].id, tracks[1].id


def taken_by_this_host() -> list[list[int]]:
    """What a worker of this host takes of the analysis until it finds nothing more."""
    found = []
    queue = dispatch.topology().route(ANALYSIS.job).name
    worker = FleetWorker("analysis-1.tests", [queue], dispatch.connection())
    while taken := worker.dequeue_job_and_maintain_ttl(None):
        found.append(taken[0].kwargs["track_ids"])
        dispatch.connection().delete(worker.holder.taken_key)
    return found


def test_a_worker_takes_the_jobs_whose_files_its_host_has_and_leaves_the_others(
    two_roots: tuple[int, int], queues: redis.Redis
) -> None:
    here, elsewhere = two_roots
    Recovery(queues).poll()
    assert hosts(queues)[0].roots == ["/fleet/music"]
    dispatch.enqueue_need(ANALYSIS, [elsewhere])
    dispatch.enqueue_need(ANALYSIS, [elsewhere, here])  # one job for each root
    assert taken_by_this_host() == [[here]]
    assert queues.llen("rq:queue:audio_analysis") == 2
    publish(queues, this_host(load()), ["/fleet/music", scans.all_unfinished()[1].root])
    assert taken_by_this_host() == [[elsewhere], [elsewhere]]


def test_the_doctor_names_folders_that_no_host_has_and_jobs_that_none_can_do(
    two_roots: tuple[int, int], queues: redis.Redis, tmp_path: Path
) -> None:
    dispatch.enqueue_need(ANALYSIS, [two_roots[1]])
    publish(queues, this_host(load()), ["/fleet/music"])
    away, waiting = (each.says for each in complaints("hosts"))
    assert f"no host has the folder {tmp_path}/not-here" in away
    assert f"1 job waits in audio_analysis for a host that has {tmp_path}/not-here" in waiting
    publish(queues, this_host(load()), ["/fleet/music", f"{tmp_path}/not-here"])
    assert not complaints("hosts")


def test_a_host_has_the_fleets_folders_where_its_table_says(shared: Path) -> None:
    dispatch.topology()
    assert to_bytes("/fleet/music/Jóga.flac") == f"{shared}/Jóga.flac".encode()
    assert to_text(f"{shared}/a\udcff".encode("utf-8", "surrogateescape")).startswith(
        "/fleet/music/a"
    )
    assert to_text(f"{shared}2/a".encode()) == f"{shared}2/a"
    assert to_bytes("/fleet/music2") == b"/fleet/music2"
    assert shown("/fleet/music/a") == "/fleet/music/a"


def test_a_host_runs_the_programs_of_its_table_or_those_it_is_given(
    shared: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topology = load()
    with pytest.raises(BadInputError, match="that no other host can use — set FLEET_REDIS_URL"):
        this_instance(topology)
    monkeypatch.setenv("FLEET_REDIS_URL", "redis://nas/0")
    monkeypatch.setenv("FLEET_WEB", "127.0.0.1:0")

    def programs() -> set[str]:
        names = process_sections(render(topology, this_instance(topology)))
        return {name.partition("-")[0] for name in names}

    assert programs() == {"recovery", "analysis"}
    monkeypatch.setenv("FLEET_HOST", "nas")
    assert programs() == {*this_host(topology).programs, "recovery"}
    monkeypatch.setenv("FLEET_PROGRAMS", "covers, web")
    assert programs() == {"recovery", "covers", "web"}
    monkeypatch.setenv("FLEET_PROGRAMS", "cover")
    with pytest.raises(BadInputError, match=r"names 'cover'.* did you mean covers"):
        programs()
    monkeypatch.setenv("FLEET_HOST", "other")
    with pytest.raises(
        BadInputError, match=r"FLEET_HOST is 'other', and .* has the hosts nas, big"
    ):
        programs()
    monkeypatch.setenv("FLEET_HOST", "big")
    monkeypatch.setenv("FLEET_PROGRAMS", "all")
    with pytest.raises(BadInputError, match=r"covers does not run on this host \(big\)"):
        Change.to_scale("covers", 2)


def test_rebalancing_says_which_host_it_moves_processes_of(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reach() == (
        "worker rebalancing moves nothing on big, which does not run maintenance; "
        "`fleet scale` does"
    )
    monkeypatch.setenv("FLEET_HOST", "nas")
    assert reach() == "worker rebalancing may move processes of nas, each host its own"


def test_hosts_say_what_they_run_until_they_leave_or_are_silent(
    two_roots: tuple[int, int], queues: redis.Redis
) -> None:
    recovery = Recovery(queues)
    recovery.poll()
    entry = '{"name": "nas", "programs": ["covers"], "place": "elsewhere/boot/1"}'
    queues.hset("fleet:hosts", mapping={"elsewhere": entry, "strange": "x"})
    queues.hset("fleet:places", "elsewhere/boot/1", 1)
    assert [(each.name, each.place) for each in hosts(queues)] == [
        ("big", this_place()),
        ("nas", "elsewhere/boot/1"),
    ]
    assert run_elsewhere(queues) == {"covers"}

    def is_alone() -> bool:
        recovery.poll()
        return [each.name for each in hosts(queues)] == ["big"]

    until(is_alone)
    recovery.leave()
    assert hosts(queues) == []


def test_one_host_alone_says_nothing_of_folders(queues: redis.Redis, data_dir: Path) -> None:
    open_sqlite()
    dispatch._places.cache_clear()
    scans.start("/not/here", deep=False)
    Recovery(queues).poll()
    assert [each.roots for each in hosts(queues)] == [None]
    dispatch.enqueue_need(ANALYSIS, [1])
    (job_id,) = dispatch.queue("audio_analysis").get_job_ids()
    assert not queues.hexists(f"rq:job:{job_id}", "meta")
    assert taken_by_this_host() == [[1]]


def test_a_session_of_a_host_that_is_gone_ends_within_half_a_minute(
    postgres: PostgresServer, data_dir: Path
) -> None:
    url = postgres.empty()
    given = {}
    for more in ("", "&keepalives_idle=7"):
        opened = open_database(url + more)
        given[more] = opened.connection().info.get_parameters()
        close_database()
    assert [each["keepalives_idle"] for each in given.values()] == ["15", "7"]
    assert given[""]["tcp_user_timeout"] == "30000"
