"""What supervisord runs, and what of it does not run."""

import pytest
import redis
from click.testing import CliRunner

from db import settings
from tests.doctor.complaints import complaint, complaints
from tests.doctor.supervised import ESSENTIAL, FAILS, FATAL, STOPPED, Supervise, until
from worker.cli.status import status
from worker.doctor import Severity
from worker.doctor.examination import examine, repair


def test_a_supervisord_whose_programs_all_run_is_well(supervise: Supervise) -> None:
    supervise(ESSENTIAL, "scheduler", "RUNNING")
    (well,) = [each for each in examine(quick=True) if each.check == "programs"]
    assert (well.severity, well.count) == (Severity.OK, 2)


def test_a_program_that_was_given_up_is_named_with_the_reason_and_started(
    supervise: Supervise, server: redis.Redis
) -> None:
    supervise(ESSENTIAL | {"covers-1": FATAL}, "covers-1", "FATAL")
    found = complaint("programs")
    assert found.severity is Severity.ERROR
    assert found.says.startswith("covers-1 is FATAL, last started ")
    assert found.says.endswith(" (out of luck)")
    assert found.remedy == "see `fleet logs covers-1`, then `fleet up`"
    assert "(out of luck) — see `fleet logs covers-1`" in CliRunner().invoke(status, []).stdout
    assert repair(found).says == "covers-1 is starting"
    log = settings.run_dir() / "covers-1.log"
    until(lambda: log.read_text().count("out of luck") == 2)


def test_a_program_that_keeps_failing_is_named_and_left_to_supervisord(
    supervise: Supervise,
) -> None:
    failing = f"{FAILS}startretries = 1000\n"
    supervise(ESSENTIAL | {"covers-1": failing}, "covers-1", "BACKOFF")
    found = complaint("programs")
    assert found.severity is Severity.ERROR
    assert found.says.startswith("covers-1 is BACKOFF")
    assert "(out of luck)" in found.says
    assert found.fix is None


def test_a_program_that_was_stopped_is_a_warning_and_started(supervise: Supervise) -> None:
    supervise(ESSENTIAL | {"covers-1": STOPPED}, "covers-1", "STOPPED")
    found = complaint("programs")
    assert (found.severity, found.says) == (Severity.WARNING, "covers-1 is STOPPED")
    assert repair(found).done
    assert complaints("programs") == []


@pytest.mark.parametrize("name", ["recovery", "scheduler"])
def test_a_fleet_without_what_it_cannot_do_without_is_an_error(
    supervise: Supervise, name: str
) -> None:
    other = ({"recovery", "scheduler"} - {name}).pop()
    supervise({other: STOPPED}, other, "STOPPED")
    found = {each.says.split(":")[0]: each for each in complaints("programs")}
    assert list(found) == [f"{other} is STOPPED", f"supervisord does not know {name}"]
    assert {each.severity for each in found.values()} == {Severity.ERROR}
    assert repair(found[f"{other} is STOPPED"]).done
