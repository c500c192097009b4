"""A fleet in a data folder of its own, run by the command that its user would give."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.sql.connection import close_database, open_database
from worker.errors import ExitCode

COMPLETE = {ExitCode.OK, ExitCode.PROBLEMS}
"""Exit codes of a scan that has ended well."""


class StormError(Exception):
    """What keeps the bench from measuring. The message says what to do."""


@contextmanager
def own_fleet() -> Iterator[Path]:
    """An empty data folder that the settings of this process name; its fleet is down at the end."""
    folder = Path(tempfile.mkdtemp(prefix="mf-storm", dir="/tmp"))  # sockets: 107 bytes
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        del os.environ[name]
    os.environ["FLEET_DATA_DIR"] = str(folder)
    os.environ["FLEET_WEB"] = "off"
    try:
        yield folder
    finally:
        close_database()
        run("down")
        shutil.rmtree(folder, ignore_errors=True)


def run(*arguments: str) -> None:
    """Run `fleet` to its end. Raises StormError when it ends badly."""
    ended = subprocess.run(_command(arguments), capture_output=True, text=True, check=False)
    if ended.returncode not in COMPLETE:
        raise StormError(f"fleet {' '.join(arguments)}: {ended.stderr.strip()}")


def start_scan(folder: Path) -> "subprocess.Popen[str]":
    """Begin `fleet scan` of a folder."""
    return subprocess.Popen(
        _command(("scan", str(folder))),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def up() -> None:
    """Start the fleet, and open its database."""
    run("up")
    open_database()


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "worker.cli", *arguments]
