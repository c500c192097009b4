"""A simulation says what one can work out by hand."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.fleet.conftest import REPOSITORY
from worker.cli.fleet import run
from worker.cli.simulate import best_split
from worker.errors import ExitCode
from worker.topology import load
from worker.topology.simulation import (
    JobTimes,
    Plan,
    QueueResult,
    Result,
    Times,
    simulate,
)

SCAN, READ, GROUP = "scan.discovery", "metadata.extract_batch", "batch.process_entities"
INSERT, ANALYSE = "insert.direct_batch", "audio_analysis.analyze_batch"
FETCH = "covers.fetch_album_covers"
ONE_EACH = {"metadata": 1, "library": 1, "analysis": 1, "scan": 1, "providers": 1}
TOPOLOGY = load(REPOSITORY / "queues.toml")


def times(**of: Any) -> Times:
    """What a library of a thousand tracks took; jobs in the order of their names."""
    return Times(1000, of, {"metadata": 100, "fleet": 7}, rows=3, database=20, images=10, record=50)


def simulated(jobs: dict[str, JobTimes], tracks: int = 1000, **plan: Any) -> Result:
    processes = {**ONE_EACH, **plan.pop("processes", {})}
    return simulate(TOPOLOGY, times(**jobs), Plan(tracks, processes=processes, **plan))


def of(result: Result, queue: str) -> QueueResult:
    return next(each for each in result.queues if each.queue == queue)


@pytest.mark.parametrize(
    ("processes", "plan", "seconds"),
    [
        (1, {"cores": 1}, 100),
        (2, {"cores": 1}, 100),
        (2, {"cores": 2}, 50),
        (4, {"cores": 2}, 50),
        (1, {"cores": 4}, 100),
        (1, {"cores": 1, "hosts": 4}, 25),
        (1, {"cores": 1, "tracks": 3000}, 300),
    ],
)
def test_work_takes_its_cpu_time_on_as_many_cores_as_processes_use(
    processes: int, plan: dict[str, int], seconds: float
) -> None:
    result = simulated({READ: JobTimes(100, 0.998)}, processes={"metadata": processes}, **plan)
    assert result.seconds == pytest.approx(seconds, rel=0.02)


def test_a_hundred_million_tracks_are_as_much_longer_as_they_are_more() -> None:
    jobs = {SCAN: JobTimes(1, 0.1), READ: JobTimes(7, 0.4), INSERT: JobTimes(7, 0.2)}
    small, large = simulated(jobs), simulated(jobs, tracks=100_000_000)
    assert large.seconds == pytest.approx(100_000 * small.seconds, rel=0.3)
    assert (large.rows, large.database, large.images) == (300_000_000, 2 * 10**9, 10**9)


def test_waiting_for_the_web_takes_a_process_and_no_core() -> None:
    result = simulated({FETCH: JobTimes(10, 0.0, wait=5.0)}, cores=1)
    assert result.seconds == pytest.approx(50, rel=0.01)
    assert result.busy < 0.01


def test_stages_follow_each_other_while_the_one_before_goes_on() -> None:
    jobs = {name: JobTimes(100, 1.0) for name in (READ, GROUP, INSERT)}
    result = simulated({SCAN: JobTimes(1, 100.0), **jobs}, cores=8, processes={"library": 2})
    assert [each.queue for each in result.queues] == ["scan", "extract", "batch", "insert"]
    assert all(each.begun < 5 for each in result.queues)
    assert result.seconds == pytest.approx(103, rel=0.03)


def test_a_library_is_walked_by_one_process_whatever_hosts_there_are() -> None:
    assert simulated({SCAN: JobTimes(1, 10.0)}, hosts=5).seconds == pytest.approx(10, rel=0.15)


def test_a_program_with_a_backlog_has_a_process_more_after_a_minute() -> None:
    known = times(**{ANALYSE: JobTimes(100, 1.0)})
    assert (TOPOLOGY.programs["analysis"].processes, TOPOLOGY.programs["analysis"].most) == (1, 2)
    more = simulate(TOPOLOGY, known, Plan(1000, cores=2))
    assert more.seconds == pytest.approx(80, rel=0.02)
    alone = simulate(TOPOLOGY, known, Plan(1000, cores=2, processes={"analysis": 1}))
    assert alone.seconds == pytest.approx(100, rel=0.02)


def test_what_is_nice_gives_way_on_a_core_that_others_want() -> None:
    jobs = {READ: JobTimes(100, 1.0), ANALYSE: JobTimes(100, 1.0)}
    result = simulated(jobs, cores=1)
    assert TOPOLOGY.programs["analysis"].nice > 0
    assert of(result, "extract").ended < 0.65 * of(result, "audio_analysis").ended
    assert result.busy == pytest.approx(1, rel=0.01)


def test_jobs_that_wait_are_counted_with_their_bytes() -> None:
    result = simulated({GROUP: JobTimes(10, 1.0)}, cores=1)
    queue = of(result, "batch")
    assert (queue.jobs, queue.backlog) == (10, 10)
    assert result.redis == 10 * (1_500 + 1000 * 50 / 10)
    assert queue.waited == pytest.approx(4.5, rel=0.02)
    assert result.slowest == queue


def test_hosts_of_the_file_run_the_programs_that_it_gives_them(tmp_path: Path) -> None:
    text = (REPOSITORY / "queues.toml").read_text()
    others = sorted({*TOPOLOGY.programs, "scheduler", "web"} - {"analysis"})
    file = tmp_path / "queues.toml"
    file.write_text(f"{text}\n[hosts.a]\nprograms = {others}\n[hosts.b]\nprograms = ['analysis']\n")
    known = times(**{READ: JobTimes(100, 1.0), ANALYSE: JobTimes(100, 1.0)})
    plan = Plan(1000, cores=1, processes=ONE_EACH)
    assert simulate(load(file), known, plan).seconds == pytest.approx(101, rel=0.02)
    assert simulate(TOPOLOGY, known, plan).seconds == pytest.approx(200, rel=0.02)


def test_a_queue_that_is_left_out_takes_no_time() -> None:
    jobs = {READ: JobTimes(10, 1.0), ANALYSE: JobTimes(100, 9.0)}
    assert simulated(jobs, without={"audio_analysis"}).seconds == pytest.approx(10, rel=0.01)


def test_the_best_split_gives_processes_to_what_waits() -> None:
    known = times(**{READ: JobTimes(100, 1.0), INSERT: JobTimes(100, 0.1)})
    best = best_split(TOPOLOGY, known, Plan(1000, cores=4))
    assert best.plan.processes["metadata"] == 4
    assert best.plan.processes["library"] == 1
    assert best.seconds == pytest.approx(25, rel=0.2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of times."""
    known = vars(times(**{}))
    jobs = {READ: {"jobs": 100, "cpu": 1.0}}
    path = tmp_path / "times.json"
    path.write_text(json.dumps({**known, "jobs": jobs}))
    return path


def test_the_command_says_it_in_a_table_as_json_and_as_a_picture(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", str(REPOSITORY / "queues.toml"), "--times", str(file), "--tracks", "1k"]
    picture = tmp_path / "plot.svg"
    assert run([*words, "--processes", "metadata=1", "--plot", str(picture)]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1,000 tracks on 1 host of 2 cores: 100 s"
    assert any(line.startswith("extract\t100\t") for line in lines)
    assert any(line.startswith("Quicker: 50 s, with on each host") for line in lines)
    drawn = ElementTree.fromstring(picture.read_text())  # noqa: S314  # our own
    assert "extract" in "".join(drawn.itertext())
    assert run([*words, "--no-best", "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert (found["result"]["queues"][0]["jobs"], found["best"]) == (100, None)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--processes", "metadata"], "is not PROGRAM=N"),
        (["--processes", "nobody=1"], "is not PROGRAM=N"),
        (["--without", "nothing"], "there is no queue 'nothing'"),
        (["--times", "/nowhere"], "fleet simulate --save-times"),
        (["--times", "/dev/null"], "fleet simulate --save-times"),
        (["--tracks", "many"], "20000, 20k or 10M"),
        (["--tracks", "1e99"], "20000, 20k or 10M"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_a_remedy(
    words: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", str(REPOSITORY / "queues.toml"), *words]) != ExitCode.OK
    assert remedy in capsys.readouterr().err


@pytest.mark.parametrize("number", [-1, "one", None, float("nan"), float("inf")])
def test_times_that_are_no_times_are_refused(
    number: object, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = json.loads(file.read_text())
    known["jobs"][READ]["cpu"] = number
    file.write_text(json.dumps(known))
    assert run(["simulate", str(REPOSITORY / "queues.toml"), "--times", str(file)]) != ExitCode.OK
    assert "holds no times of jobs" in capsys.readouterr().err
