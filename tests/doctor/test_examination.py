"""The examination as a whole: it goes on whatever is broken, and says each thing once."""

from pathlib import Path

import pytest
import redis

from db import settings
from db.artwork import image_files
from db.sql.connection import close_database
from tests.doctor.complaints import complaint
from worker import dispatch
from worker.doctor import Finding, Severity
from worker.doctor.examination import examine, repair


def test_sound_surroundings_without_a_fleet_have_only_that_to_complain_of(
    server: redis.Redis,
) -> None:
    wrong = [each for each in examine() if each.severity is not Severity.OK]
    assert [(each.check, each.says, each.remedy) for each in wrong] == [
        ("supervisord", "the fleet is not up", "run `fleet up`")
    ]


def test_nothing_is_printed(server: redis.Redis, capfd: pytest.CaptureFixture[str]) -> None:
    assert list(examine())
    assert capfd.readouterr() == ("", "")


def test_a_redis_that_does_not_answer_is_named_once_and_what_needs_it_left_out(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_REDIS_URL", "redis://:secret@localhost:1")
    dispatch.connection.cache_clear()
    found = list(examine())
    (redis_finding,) = [each for each in found if each.check == "redis"]
    assert redis_finding.severity is Severity.ERROR
    assert "Redis at redis://:***@localhost:1 does not answer" in redis_finding.says
    assert redis_finding.remedy == "check FLEET_REDIS_URL and that the server runs"
    assert not {"queues", "workers", "clock"} & {each.check for each in found}


def test_a_database_that_does_not_open_is_named_once_and_what_needs_it_left_out(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_database()
    monkeypatch.setenv("FLEET_DATABASE_URL", "postgresql://me:secret@localhost:1/music")
    found = list(examine())
    (database_finding,) = [each for each in found if each.check == "database"]
    assert database_finding.severity is Severity.ERROR
    assert "postgresql://me:***@localhost:1/music does not open" in database_finding.says
    assert database_finding.fix is None
    assert not {"schema", "ledger", "pictures"} & {each.check for each in found}


def test_a_broken_topology_is_named_with_its_faults(
    server: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queues.toml").write_text("[queues.a]\n")
    monkeypatch.setenv("FLEET_QUEUES", str(tmp_path / "queues.toml"))
    found = complaint("topology")
    assert found.severity is Severity.ERROR
    assert "queues.a.use: is missing" in found.says
    assert found.remedy == "repair it, then run `fleet config check`"


def test_a_check_that_cannot_be_made_is_a_finding_and_costs_only_itself(prepared: Path) -> None:
    shard = image_files.originals_dir() / "ab"
    shard.parent.mkdir(parents=True)
    shard.touch()
    found = list(examine())
    (pictures,) = [each for each in found if each.check == "pictures"]
    assert pictures.severity is Severity.ERROR
    assert pictures.says == f"{shard}: Not a directory"
    assert found[-1].check == "supervisord"


def test_a_quick_examination_leaves_the_picture_store_alone(prepared: Path) -> None:
    assert "pictures" in {each.check for each in examine()}
    assert "pictures" not in {each.check for each in examine(quick=True)}


def test_a_finding_as_json_has_no_function_in_it(prepared: Path) -> None:
    settings.run_dir().chmod(0o755)
    assert complaint("permissions").as_json() == {
        "check": "permissions",
        "severity": "error",
        "says": f"{settings.run_dir()} is open to others (755)",
        "remedy": f"chmod 700 {settings.run_dir()}",
        "count": None,
        "age": None,
        "fixable": True,
    }


def test_only_what_has_a_fix_can_be_mended() -> None:
    with pytest.raises(ValueError, match="has no fix"):
        repair(Finding("library", Severity.WARNING, "gone"))
