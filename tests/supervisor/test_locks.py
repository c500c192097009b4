"""A lock has one holder, who is named to whoever else wants it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from worker.errors import LockTakenError
from worker.host.process_files import hold

REPOSITORY = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from worker.host.process_files import take
take(Path(sys.argv[1]), 0)
print(flush=True)
time.sleep(600)
"""


def test_a_lock_that_is_held_is_refused_with_its_holder(tmp_path: Path) -> None:
    file = tmp_path / "a.lock"
    with hold(file, 0), pytest.raises(LockTakenError, match=f"process {os.getpid()} holds {file}"):
        hold(file, 0).__enter__()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    file = tmp_path / "a.lock"
    command = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LockTakenError, match=f"process {holder.pid} "):
            hold(file, 0).__enter__()
        os.kill(holder.pid, signal.SIGKILL)
    with hold(file, 5):
        assert file.read_text().startswith(f"{os.getpid()} ")
