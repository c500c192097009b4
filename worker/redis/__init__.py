"""Redis: its address, the connection, the embedded Valkey, and which processes hold jobs."""

import os
from pathlib import Path
from urllib.parse import quote

from db import settings
from db.settings.urls import shown


def is_embedded() -> bool:
    """Whether the fleet runs a Valkey of its own."""
    return not os.environ.get("FLEET_REDIS_URL")


def socket_path() -> str:
    """The unix socket of the fleet's own Valkey."""
    return str(settings.run_dir() / "redis.sock")


def loading_mark() -> Path:
    """A file that is there from the start of the fleet's own Valkey until it first answers."""
    return settings.run_dir() / "redis.loading"


def note_answer() -> None:
    """Redis has answered: what its own file holds can be loaded."""
    if is_embedded():
        loading_mark().unlink(missing_ok=True)


def redis_url() -> str:
    """FLEET_REDIS_URL, or the fleet's own Valkey."""
    return os.environ.get("FLEET_REDIS_URL") or f"unix://{quote(socket_path())}"


def shown_url() -> str:
    """`redis_url` as it may be shown: without a password."""
    return shown(redis_url())
