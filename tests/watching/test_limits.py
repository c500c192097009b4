"""A limit of inotify that is met is explained, with the line that raises it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from watch.changes import reason

ROOT = Path(__file__).parents[2]
_LISTEN = """\
import sys, time
from watch.changes import reason
from watch.changes import Listener
listener = Listener(sys.argv[1].encode())
while not listener.error and not listener.is_listening:
    time.sleep(0.05)
print(*reason(sys.argv[1], listener.error) if listener.error else ["watched"])
"""


def listen_within(limit: str, folder: Path) -> str:
    """What is said of a folder where the kernel has such a limit, in a user namespace."""
    name, _, value = limit.partition("=")
    shell = f'echo {value} > /proc/sys/user/{name} || exit 77; exec "$0" -c "$1" "$2"'
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare here")
    ended = subprocess.run(
        [unshare, "-Ur", "sh", "-c", shell, sys.executable, _LISTEN, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode == 77 or "unshare" in ended.stderr:
        pytest.skip(f"no user namespace can be made here: {ended.stderr}")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with thirty others."""
    for number in range(30):
        (tmp_path / str(number)).mkdir()
    return tmp_path


def test_too_many_folders_name_the_limit_the_number_and_the_line(folder: Path) -> None:
    said = listen_within("max_inotify_watches=5", folder)
    assert "(fs.inotify.max_user_watches)" in said
    assert f"{folder} has 31" in said
    assert "`echo fs.inotify.max_user_watches=" in said


def test_too_many_programs_name_the_limit_and_the_line(folder: Path) -> None:
    said = listen_within("max_inotify_instances=0", folder)
    assert "(fs.inotify.max_user_instances)" in said
    assert "`echo fs.inotify.max_user_instances=" in said


def test_without_a_limit_that_is_met_the_folder_is_watched(folder: Path) -> None:
    assert listen_within("max_inotify_watches=40", folder) == "watched\n"


@pytest.mark.parametrize(("present", "line"), [(8192, 524_288), (3_000_000, 4_194_304)])
def test_the_line_raises_the_limit(tmp_path: Path, present: int, line: int) -> None:
    error = OSError("OS file watch limit reached.")
    remedy = reason(str(tmp_path), error, lambda _: present).remedy
    assert remedy == (
        f"run `echo fs.inotify.max_user_watches={line} | sudo tee -a "
        "/etc/sysctl.d/60-musicfleet.conf && sudo sysctl --system`"
    )
