"""Memory is named as the cause where the kernel killed for want of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.doctor.complaints import complaint, complaints
from tests.doctor.supervised import ESSENTIAL, Supervise, until
from tests.fleet.conftest import REPOSITORY
from worker.doctor import Severity
from worker.host.memory import note_kernel_kills
from worker.supervisor.logs import last_lines, log_file

_LIMIT = 120 * 2**20
_TOP = Path("/sys/fs/cgroup")
_GREEDY = """
import sys
from pathlib import Path
from worker.process.child import Child
Path(sys.argv[1], "cgroup.procs").write_text("0")
child = Child(None)
child.start(lambda send: [bytearray(b"x" * 2**20) for _ in range(1000)] and send(b"done"))
print(child.receive(120), child.cause_of_end(child.stop()))
"""
_KILLED = (
    f'command = {sys.executable} -c "import os; os.kill(os.getpid(), 9)"\nstartretries = 1000\n'
)


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group with little memory; whoever may make none skips the test."""
    version_1 = (_TOP / "memory").is_dir()
    folder = (_TOP / "memory" if version_1 else _TOP) / f"musicfleet-tests-{os.getpid()}"
    try:
        folder.mkdir()
        name = "memory.limit_in_bytes" if version_1 else "memory.max"
        (folder / name).write_text(str(_LIMIT))
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no control group can be made here: {error}")
    yield folder
    until(lambda: not (folder / "cgroup.procs").read_text())  # a child ends after its parent
    folder.rmdir()


def test_a_child_that_the_kernel_killed_for_memory_died_of_memory(
    group: Path, supervise: Supervise
) -> None:
    command = [sys.executable, "-c", _GREEDY, str(group)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.stdout == "None memory\n", ended
    supervise(ESSENTIAL | {"covers-1": _KILLED}, "covers-1", "BACKOFF")
    until(lambda: any("SIGKILL" in line for line in last_lines(log_file("supervisord"), 100)))
    reasons = [each.says for each in complaints("programs") if "covers-1 is BACKOFF" in each.says]
    assert "(killed by the kernel, for want of memory)" in reasons[0]
    found = complaint("memory")
    assert found.severity is Severity.ERROR
    assert "in the last hour (covers-1)" in found.says


def test_who_is_killed_by_others_did_not_die_of_memory(group: Path, supervise: Supervise) -> None:
    command = [sys.executable, "-c", _GREEDY, str(group)]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    note_kernel_kills()  # so much for what was before the fleet
    supervise(ESSENTIAL | {"covers-1": _KILLED}, "covers-1", "BACKOFF")
    until(lambda: any("SIGKILL" in line for line in last_lines(log_file("supervisord"), 100)))
    reasons = [each.says for each in complaints("programs") if "covers-1 is BACKOFF" in each.says]
    assert "(killed by SIGKILL)" in reasons[0]
    assert not complaints("memory")


_GREEDY_ITEM = """
import sys
from pathlib import Path
from jobs.bounded import run_bounded
Path(sys.argv[1], "cgroup.procs").write_text("0")
def work(item):
    return len([bytearray(b"x" * 2**20) for _ in range(item)])
for outcome in run_bounded(work, [1000, 1], extra_memory=4 * 2**30, seconds=60):
    print(getattr(outcome, "obstacle", outcome), getattr(outcome, "signal", None))
"""


def test_an_item_whose_child_the_kernel_killed_for_memory_waits_and_is_not_blamed(
    group: Path,
) -> None:
    command = [sys.executable, "-c", _GREEDY_ITEM, str(group)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    first, second = ended.stdout.splitlines()
    assert "NO_MEMORY" in first, ended
    assert first.endswith(") ")  # no signal: it is not quarantined for it
    assert second == "Value(json=1) None"
