"""A fleet in a data folder of its own, run by the command that its user would give."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.command import UnusableRunError
from db import settings
from db.sql.connection import close_database, open_database
from worker.errors import ExitCode

COMPLETE = {ExitCode.OK, ExitCode.PROBLEMS}
"""Exit codes of a scan that has ended well."""
_IN_NAMESPACE = "STORM_NAMESPACE"
_DISK_SIZE = "600m"
"""Of the disk that the storm fills: several times what 2,000 tracks take."""


def enter_mount_namespace() -> None:
    """Run this process again where it may mount a disk of its own, unless it runs there already.

    Its mounts end with it, and no other process sees them. Raises UnusableRunError.
    """
    if os.environ.pop(_IN_NAMESPACE, None):
        return
    unshare = shutil.which("unshare")
    if unshare is None:
        raise UnusableRunError(
            "`unshare` is missing, which gives a disk to fill: install util-linux"
        )
    os.environ[_IN_NAMESPACE] = "1"
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = [unshare, *as_root, "--mount", "--", sys.executable, *sys.orig_argv[1:]]
    os.execv(unshare, command)  # no shell is wanted


@contextmanager
def own_fleet(environment: Callable[[Path], dict[str, str]] = lambda _: {}) -> Iterator[None]:
    """A fleet in an empty data folder on a small disk, which the settings of this process name.

    `environment`, called with the data folder, is added to that of its processes. It is down at
    the end.
    """
    parent = Path(tempfile.mkdtemp(prefix="mf-storm", dir="/tmp"))  # sockets: 107 bytes
    folder = parent / "data"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        del os.environ[name]
    os.environ["FLEET_DATA_DIR"] = str(folder)
    os.environ["FLEET_WEB"] = "off"
    _mount("mount", "-t", "tmpfs", "-o", f"size={_DISK_SIZE},mode=0700", "storm", str(folder))
    try:
        run("up", environment=environment(folder))
        open_database()
        yield
    finally:
        close_database()
        run("down")
        _mount("umount", "--lazy", str(folder))
        shutil.rmtree(parent, ignore_errors=True)


def _mount(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise UnusableRunError(f"no disk to fill: {ended.stderr.strip()} — run the bench as root")


def run(*arguments: str, environment: dict[str, str] | None = None, may_find: bool = False) -> str:
    """Run `fleet` to its end, and return what it printed.

    Raises UnusableRunError when it ends badly; with `may_find` the doctor may find faults.
    """
    ended = subprocess.run(
        fleet_command(arguments),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if ended.returncode not in COMPLETE | ({ExitCode.UNSOUND} if may_find else set()):
        raise UnusableRunError(f"fleet {' '.join(arguments)}: {ended.stdout}{ended.stderr.strip()}")
    return ended.stdout


def start_scan(folder: Path) -> "subprocess.Popen[bytes]":
    """Begin `fleet scan` of a folder. What it prints is in a file beside the data folder."""
    with _scan_log().open("wb") as log:
        return subprocess.Popen(
            fleet_command(("scan", str(folder))), stdout=subprocess.DEVNULL, stderr=log
        )


def said_last() -> str:
    """The last line that the last scan printed."""
    lines = _scan_log().read_text(errors="replace").replace("\r", "\n").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "nothing")


def _scan_log() -> Path:
    return settings.data_dir().with_suffix(".log")


def fleet_command(arguments: tuple[str, ...]) -> list[str]:
    """The command line of `fleet`."""
    return [sys.executable, "-m", "worker.cli", *arguments]
