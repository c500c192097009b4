"""Each fault of a queues.toml is named with its place, its value, the reason and the remedy."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.errors import TopologyError
from worker.topology import load

FaultsOf = Callable[[str], str]

FAULTS = {
    "host without a name": (
        "[queues.scan]",
        "[hosts.NAS]\n[queues.scan]",
        'hosts."NAS": is no name — use small letters, digits, hyphens and underscores',
    ),
    "host of a program that is none": (
        "[queues.scan]",
        '[hosts.nas]\nprograms = ["reeding"]\n[queues.scan]',
        'hosts.nas.programs: there is no program "reeding" — did you mean reading?',
    ),
    "queue that no host consumes": (
        "[queues.scan]",
        '[hosts.nas]\nprograms = ["reading", "scheduler"]\n[queues.scan]',
        "hosts: no host runs a program that consumes covers, so its jobs would wait for ever — "
        'add "rest" to the programs of one',
    ),
    "schedules on no host": (
        "[queues.scan]",
        '[hosts.nas]\nprograms = ["reading", "rest"]\n[queues.scan]',
        "hosts: no host runs the scheduler, so no schedule would be met",
    ),
    "root of a host that is no path": (
        "[queues.scan]",
        '[hosts.nas]\nroots = { music = "/mnt" }\n[queues.scan]',
        'hosts.nas.roots = {"music": "/mnt"}: has "music", which is no absolute path of a folder',
    ),
    "root of a host in another": (
        "[queues.scan]",
        '[hosts.nas]\nroots = { "/a" = "/x", "/a-b" = "/y", "/a/c/" = "/z" }\n[queues.scan]',
        'has "/a/c" in "/a" — name folders that do not lie in another',
    ),
    "unknown table": (
        "[queues.scan]",
        "[queue]\n[queues.scan]",
        "queue: is no table of queues.toml — did you mean queues?",
    ),
    "unknown key of a queue": (
        'timeout = "1h"',
        'timout = "1h"',
        "queues.scan.timout: is no such key — did you mean timeout?",
    ),
    "unknown key of a program": (
        "processes = 2",
        "processes = 2\nproceses = 3",
        "programs.reading.proceses: is no such key — did you mean processes?",
    ),
    "unknown key of a schedule": (
        'cron = "0 */4 * * *"',
        'cron = "0 */4 * * *"\nargument = {}',
        "schedules.cleanup.argument: is no such key — did you mean arguments?",
    ),
    "more processes at least than at rest": (
        "processes = 2",
        "processes = 2\nleast = 3",
        "programs.reading.least = 3: is more than its processes, 2 — write 2 or less",
    ),
    "fewer processes at most than at rest": (
        "processes = 2",
        "processes = 2\nmost = 1",
        "programs.reading.most = 1: is less than its processes, 2 — write 2 or more",
    ),
    "no process at least": (
        "processes = 2",
        "processes = 2\nleast = 0",
        "programs.reading.least = 0: is no whole number from 1 up",
    ),
    "another way to start": (
        "processes = 2",
        'processes = 2\nstart = "lazily"',
        'programs.reading.start = "lazily": is no way to start a program — '
        'write "always" or "on-demand"',
    ),
    "idle that is no duration": (
        "processes = 2",
        'processes = 2\nstart = "on-demand"\nidle = 5',
        "programs.reading.idle = 5: is no duration — write a number and s, m, h or d",
    ),
    "no idle time at all": (
        "processes = 2",
        'processes = 2\nstart = "on-demand"\nidle = "0s"',
        'programs.reading.idle = "0s": is too short — write at least 1s',
    ),
    "idle of processes that always run": (
        "processes = 2",
        'processes = 2\nidle = "5m"',
        "programs.reading.idle: is for processes that start on demand, and these always run — "
        'add start = "on-demand", or leave it out',
    ),
    "as many that always run as there are": (
        "processes = 2",
        'processes = 2\nstart = "on-demand"\nstanding = 2',
        "programs.reading.standing = 2: leaves none of its processes, 2, to start on demand — "
        "write 1 or less, or leave start out",
    ),
    "some that always run among those that do": (
        "processes = 2",
        "processes = 2\nstanding = 1",
        "programs.reading.standing: is for processes that start on demand, and these always run",
    ),
    "more niceness than there is": (
        "processes = 2",
        "processes = 2\nnice = 20",
        "programs.reading.nice = 20: is more than 19 — write 0 to 19",
    ),
    "priority over others": (
        "processes = 2",
        "processes = 2\nnice = -5",
        "programs.reading.nice = -5: is no whole number from 0 to 19 — write 0 to 19",
    ),
    "idle beside another way to start": (
        "processes = 2",
        'processes = 2\nstart = "always"\nidle = "5m"',
        "programs.reading.idle: is for processes that start on demand, and these always run — add",
    ),
    "missing key": (
        'use = "discovery"\n',
        "",
        "queues.scan.use: is missing — add use to [queues.scan]",
    ),
    "missing jobs": ('jobs = ["scan.discovery"]\n', "", "queues.scan.jobs: is missing"),
    "missing cron": ('cron = "0 */4 * * *"\n', "", "schedules.cleanup.cron: is missing"),
    "text that is a number": ('use = "discovery"', "use = 3", "queues.scan.use = 3: is no text"),
    "jobs that are text": (
        'jobs = ["scan.discovery"]',
        'jobs = "scan.discovery"',
        'queues.scan.jobs = "scan.discovery": is no list of names — write ["one", "two"]',
    ),
    "no jobs": ('jobs = ["scan.discovery"]', "jobs = []", "queues.scan.jobs = []: is empty"),
    "duration without a unit": (
        'timeout = "1h"',
        "timeout = 3600",
        "queues.scan.timeout = 3600: is no duration — write a number and s, m, h or d",
    ),
    "duration of another unit": (
        '"90s"',
        '"2 weeks"',
        'queues.covers.timeout = "2 weeks": is no duration',
    ),
    "no time at all": (
        '"90s"',
        '"0s"',
        'queues.covers.timeout = "0s": is too short — write at least 1s',
    ),
    "negative retries": (
        "retries = 0",
        "retries = -1",
        "queues.covers.retries = -1: is no whole number from 0 up",
    ),
    "retries that are true": (
        "retries = 0",
        "retries = true",
        "queues.covers.retries = true: is no whole number",
    ),
    "no process": (
        "processes = 2",
        "processes = 0",
        "programs.reading.processes = 0: is no whole number from 1 up",
    ),
    "cron with seconds": (
        "0 */4 * * *",
        "0 */4 * * * 5",
        'schedules.cleanup.cron = "0 */4 * * * 5": is no cron expression',
    ),
    "cron out of range": (
        "0 */4 * * *",
        "61 * * * *",
        'schedules.cleanup.cron = "61 * * * *": is no cron expression',
    ),
    "entry that is no table": (
        "[queues.scan]",
        "[queues]\nlost = 3\n[queues.scan]",
        "queues.lost = 3: is no table — write [queues.lost]",
    ),
    "job in no queue": (
        '"covers.*"',
        '"covers.extract_embedded"',
        "queues: the job covers.process_album_covers (jobs/covers/__init__.py line 10) "
        "is in no queue — "
        'add "covers.process_album_covers" to the jobs of one',
    ),
    "job in two queues": (
        '"maintenance.*"',
        '"maintenance.*", "scan.*"',
        "queues.scan.jobs and queues.upkeep.jobs: the job scan.discovery is in 2 queues "
        "— leave it in one",
    ),
    "pattern twice": (
        '"covers.*"',
        '"covers.*", "covers.*"',
        "names covers.* twice — name each once",
    ),
    "pattern of no job": (
        '"maintenance.*"',
        '"maintenance.*", "maintenance.cleanups"',
        'queues.upkeep.jobs: no job matches "maintenance.cleanups" '
        "— did you mean maintenance.cleanup?",
    ),
    "queue that nobody consumes": (
        '["covers", "upkeep"]',
        '["covers"]',
        "queues.upkeep: no program consumes it, so its jobs would wait for ever — "
        'add "upkeep" to the queues of a program',
    ),
    "program of an unknown queue": (
        '["scan", "extract"]',
        '["scan", "extract", "extarct"]',
        'programs.reading.queues: there is no queue "extarct" — did you mean extract?',
    ),
    "program that lists a queue twice": (
        '["scan", "extract"]',
        '["scan", "extract", "scan"]',
        "names scan twice",
    ),
    "stop shorter than a timeout": (
        'stop = "20m"',
        'stop = "5m"',
        'programs.rest.stop = "5m": is shorter than the timeout 10m of a queue of it '
        '— write at least "10m"',
    ),
    "schedule of an unknown job": (
        'job = "maintenance.cleanup"',
        'job = "maintenance.clean"',
        'schedules.cleanup.job: there is no job "maintenance.clean" '
        "— did you mean maintenance.cleanup?",
    ),
    "schedule with an argument that the job does not take": (
        "{ days = 7 }",
        "{ day = 7 }",
        "schedules.cleanup.arguments.day: maintenance.cleanup takes no day — did you mean days?",
    ),
    "schedule without an argument that the job needs": (
        'job = "maintenance.cleanup"',
        'job = "scan.discovery"',
        "schedules.cleanup.arguments: scan.discovery needs root — add root to the arguments",
    ),
    "schedule with an argument that is no JSON": (
        "{ days = 7 }",
        "{ days = 2026-01-01 }",
        'schedules.cleanup.arguments = {"days": "2026-01-01"}: holds a date or time in days',
    ),
    "name that no file can have": ("[queues.covers]", '[queues."a b"]', 'queues."a b": is no name'),
    "name that the fleet itself uses": (
        "[programs.rest]",
        "[programs.redis]",
        "programs.redis: is the name of a part of the fleet — choose another",
    ),
    "table twice": ("[queues.extract]", "[queues.scan]", "('queues', 'scan')"),
    "no TOML": (
        "retries = 0",
        "retries = ",
        "Invalid value (at line 20, column 11) — repair the line",
    ),
}


@pytest.mark.parametrize(("sound_part", "wrong_part", "message"), FAULTS.values(), ids=FAULTS)
def test_fault_is_named(
    faults_of: FaultsOf, sound: str, sound_part: str, wrong_part: str, message: str
) -> None:
    assert sound_part in sound
    assert message in faults_of(sound.replace(sound_part, wrong_part, 1))


def test_all_faults_are_told_at_once(faults_of: FaultsOf, sound: str) -> None:
    text = sound.replace('"1h"', '"soon"').replace("processes = 2", "processes = 0")
    told = faults_of(text.replace("[schedules.", "[scheduls."))
    assert told.splitlines()[0].endswith("queues.toml has 3 faults, so nothing was done:")
    for where in ("scheduls", "queues.scan.timeout", "programs.reading.processes"):
        assert f"\n  {where}" in told


def test_a_queue_that_cannot_be_read_causes_no_further_fault(
    faults_of: FaultsOf, sound: str
) -> None:
    told = faults_of(sound.replace('jobs = ["scan.discovery"]', "jobs = 3"))
    assert told.count("\n") == 1


def test_a_program_whose_queues_are_a_text_consumes_that_queue(
    faults_of: FaultsOf, sound: str
) -> None:
    told = faults_of(sound.replace('queues = ["scan", "extract"]', 'queues = "scan"'))
    assert 'programs.reading.queues = "scan": is no list of names' in told
    assert "queues.extract: no program consumes it" in told
    assert "queues.scan: no program" not in told


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("queues = []", "programs.reading.queues = []: is empty"),
        ("", "programs.reading.queues: is missing"),
        ('queus = ["scan"]', "programs.reading.queues: is missing"),
    ],
)
def test_a_program_without_queues_hides_no_queue_that_nobody_consumes(
    faults_of: FaultsOf, sound: str, line: str, fault: str
) -> None:
    told = faults_of(sound.replace('queues = ["scan", "extract"]', line))
    assert fault in told
    assert "queues.scan: no program consumes it" in told
    assert "queues.extract: no program consumes it" in told


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("jobs = []", "queues.scan.jobs = []: is empty"),
        ("", "queues.scan.jobs: is missing"),
    ],
)
def test_a_queue_without_jobs_hides_no_job_without_a_queue(
    faults_of: FaultsOf, sound: str, line: str, fault: str
) -> None:
    told = faults_of(sound.replace('jobs = ["scan.discovery"]', line))
    assert fault in told
    assert "the job scan.discovery (jobs/scan.py" in told


def test_a_pipe_is_not_waited_for(tmp_path: Path, jobs: Path) -> None:
    os.mkfifo(tmp_path / "queues.toml")
    with pytest.raises(TopologyError, match="it is a pipe, not a file"):
        load(tmp_path / "queues.toml", jobs)


def test_a_folder_is_a_fault(tmp_path: Path, jobs: Path) -> None:
    with pytest.raises(TopologyError, match="cannot be read: it is a folder, not a file"):
        load(tmp_path, jobs)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#" * 1_100_000, "is larger than 1 MiB"),
        ("a = " + "[" * 50_000, "nested too deeply"),
        ("a = " + "1" * 10_000, "digits"),
        ("a = '\0'", "TOML: "),
    ],
)
def test_a_file_that_nobody_would_write_is_one_fault(
    tmp_path: Path, jobs: Path, text: str, says: str
) -> None:
    (tmp_path / "queues.toml").write_text(text)
    with pytest.raises(TopologyError, match=says) as raised:
        load(tmp_path / "queues.toml", jobs)
    assert str(raised.value).count("\n") == 1


def test_a_file_that_is_not_there_is_a_fault(
    tmp_path: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_QUEUES", str(tmp_path / "gone.toml"))
    with pytest.raises(TopologyError, match="FLEET_QUEUES: cannot be read: No such file"):
        load(jobs=jobs)


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path, jobs: Path) -> None:
    file = tmp_path / "queues.toml"
    file.write_bytes(b"# \xff")
    with pytest.raises(TopologyError, match=r"is no UTF-8 \(byte 2\)"):
        load(file, jobs)
