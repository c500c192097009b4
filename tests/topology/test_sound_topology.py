"""What a sound queues.toml says."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from worker import dispatch
from worker.errors import TopologyError, UnknownJobError
from worker.topology import Topology, load, queues_file
from worker.topology.queues_toml import profiles

Load = Callable[[str], Topology]
REPOSITORY = Path(__file__).parents[2]


def test_each_job_goes_to_the_one_queue_that_names_it(load_text: Load, sound: str) -> None:
    topology = load_text(sound)
    assert topology.routes == {
        "covers.extract_embedded": "covers",
        "covers.process_album_covers": "covers",
        "maintenance.cleanup": "upkeep",
        "metadata.extract_batch": "extract",
        "scan.discovery": "scan",
    }
    assert topology.route("scan.discovery") is topology.queues["scan"]
    assert topology.jobs_of("covers") == ["covers.extract_embedded", "covers.process_album_covers"]


def test_an_unknown_job_is_refused_with_the_nearest_names(load_text: Load, sound: str) -> None:
    with pytest.raises(
        UnknownJobError, match=r"'covers\.extract_embeded' — did you mean covers\.ext"
    ):
        load_text(sound).route("covers.extract_embeded")


def test_durations_are_seconds_and_those_left_out_have_defaults(
    load_text: Load, sound: str
) -> None:
    extract, covers = (load_text(sound).queues[name] for name in ("extract", "covers"))
    assert (extract.timeout, extract.keep, extract.wait_limit) == (1800, 30, 7200)
    assert (covers.timeout, covers.keep, covers.wait_limit) == (90, 600, 900)


def test_a_program_may_take_a_minute_longer_to_stop_than_its_longest_timeout(
    load_text: Load, sound: str
) -> None:
    programs = load_text(sound).programs
    assert programs["reading"].stop == 3600 + 60
    assert programs["rest"].stop == 20 * 60


def test_a_program_that_starts_on_demand_ends_after_five_idle_minutes_unless_it_says_otherwise(
    load_text: Load, sound: str
) -> None:
    always = load_text(sound).programs["rest"]
    assert (always.is_on_demand, always.idle) == (False, None)
    text = sound.replace('stop = "20m"', 'start = "on-demand"')
    rest = load_text(text).programs["rest"]
    assert (rest.is_on_demand, rest.idle) == (True, 300)
    brief = load_text(text.replace('"on-demand"', '"on-demand"\nidle = "90s"')).programs["rest"]
    assert (brief.is_on_demand, brief.idle) == (True, 90)
    assert len({each.digest for each in (always, rest, brief)}) == 3


def test_consumers_are_the_programs_that_name_the_queue(load_text: Load, sound: str) -> None:
    text = sound.replace('["covers", "upkeep"]', '["covers", "upkeep", "scan"]')
    text = text.replace('stop = "20m"', "")
    topology = load_text(text)
    assert [each.name for each in topology.consumers("scan")] == ["reading", "rest"]


def test_a_schedule_carries_its_arguments(load_text: Load, sound: str) -> None:
    schedule = load_text(sound).schedules["cleanup"]
    assert (schedule.job, schedule.cron) == ("maintenance.cleanup", "0 */4 * * *")
    assert schedule.arguments == {"days": 7}


def test_schedules_may_be_left_out(load_text: Load, sound: str) -> None:
    assert load_text(sound.partition("[schedules")[0]).schedules == {}


def test_the_digest_changes_with_what_the_fleet_does_and_with_nothing_else(
    load_text: Load, sound: str
) -> None:
    digest = load_text(sound).digest
    assert load_text("# other\n" + sound.replace('"discovery"', '"walks"')).digest == digest
    assert load_text(sound.replace('"1h"', '"60m"')).digest == digest
    assert load_text(sound.replace('"1h"', '"2h"')).digest != digest
    assert load_text(sound.replace("processes = 2", "processes = 3")).digest != digest


def test_nothing_of_a_topology_can_be_assigned(load_text: Load, sound: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_text(sound).queues["scan"].timeout = 1


def test_fleet_queues_names_the_file_to_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLEET_QUEUES", str(tmp_path / "mine.toml"))
    assert queues_file() == tmp_path / "mine.toml"


def test_a_word_names_a_profile_and_a_path_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_QUEUES", "small")
    assert queues_file() == REPOSITORY / "queues.small.toml"
    monkeypatch.setenv("FLEET_QUEUES", "./small")
    assert queues_file() == Path.cwd() / "small"


def test_an_unknown_profile_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_QUEUES", "smal")
    with pytest.raises(TopologyError, match='no profile "smal" — did you mean small') as caught:
        load()
    assert "a file is named by its path, ./smal" in str(caught.value)


@pytest.mark.parametrize("profile", profiles())
def test_a_profile_differs_from_queues_toml_in_its_programs_alone(profile: str) -> None:
    default, other = load(REPOSITORY / "queues.toml"), load(REPOSITORY / f"queues.{profile}.toml")
    assert (other.queues, other.schedules) == (default.queues, default.schedules)
    assert other.routes == default.routes


def test_the_small_profile_has_no_worker_at_rest_and_one_of_each_program_at_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLEET_QUEUES", "small")
    programs = load().programs.values()
    assert all(each.is_on_demand and each.processes == 1 for each in programs)


def test_without_a_checkout_the_installed_file_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FLEET_QUEUES", raising=False)
    monkeypatch.setattr("worker.topology.queues_toml.CHECKOUT", tmp_path)
    assert queues_file() == Path(sys.prefix, "share/musicfleet/queues.toml")


def test_the_queues_toml_of_this_repository_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_QUEUES", raising=False)
    topology = load()
    assert topology.path == Path(__file__).parents[2] / "queues.toml"
    assert topology.programs["library"].queues == ("insert", "batch")


def test_a_reload_keeps_what_it_read_and_a_fault_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "queues.toml"
    before = queues_file().read_text()
    monkeypatch.setenv("FLEET_QUEUES", str(file))
    file.write_text(before)
    dispatch.topology.cache_clear()
    first = dispatch.topology()
    file.write_text(before.replace('use = "File discovery', 'use = "Discovery'))
    assert dispatch.reload_topology()
    file.write_text("[queues.scan")
    second = dispatch.topology()
    assert second.queues["scan"].use != first.queues["scan"].use
    assert not dispatch.reload_topology()
    assert dispatch.topology() is second
    dispatch.topology.cache_clear()


def test_hosts_run_what_they_are_given_and_have_roots_elsewhere(
    load_text: Load, sound: str
) -> None:
    alone = load_text(sound)
    shared = load_text(
        sound + '[hosts.nas-1]\nprograms = ["reading", "scheduler"]\n'
        '[hosts.big]\nroots = { "/music/" = "/mnt/nas/music" }\n'
    )
    assert shared.hosts["nas-1"].programs == ("reading", "scheduler")
    assert shared.hosts["big"].programs == ("reading", "rest", "scheduler", "web", "watch")
    assert shared.hosts["big"].roots == {"/music": "/mnt/nas/music"}
    assert not alone.hosts
    assert shared.digest != alone.digest
