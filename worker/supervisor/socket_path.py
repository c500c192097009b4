"""Where supervisord listens."""

from pathlib import Path

from db import settings
from worker.errors import BadInputError

SOCKET_PATH_LIMIT = 107
"""Bytes in `sun_path` of unix(7), without the closing zero."""
_TEMPORARY_SUFFIX = len(".4194304")  # supervisord first binds SOCKET.PID


def socket_file() -> Path:
    """The unix socket of this data folder's supervisord.

    Raises BadInputError when the data folder's path is too long for one.
    """
    file = settings.run_dir() / "supervisor.sock"
    excess = len(bytes(file)) + _TEMPORARY_SUFFIX - SOCKET_PATH_LIMIT
    if excess > 0:
        raise BadInputError(
            f"the data folder's path is too long for a unix socket by {excess} bytes ({file}) — "
            "set FLEET_DATA_DIR to a shorter one"
        )
    return file
