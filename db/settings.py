"""Every setting of the fleet that comes from the environment: name, default, what it is for."""

import os
from pathlib import Path
from typing import NamedTuple


class Setting(NamedTuple):
    """One environment variable: its name, what holds when it is unset, and its meaning."""

    name: str
    default: str
    help: str


SETTINGS = (
    Setting(
        "FLEET_DATA_DIR",
        "$XDG_DATA_HOME/musicfleet, else ~/.local/share/musicfleet",
        "The folder of everything the fleet keeps: library.db, images, sockets, logs.",
    ),
    Setting(
        "FLEET_DATABASE_URL",
        "library.db in the data folder (SQLite)",
        "postgresql://USER:PASSWORD@HOST/DATABASE, or sqlite:////absolute/path.",
    ),
    Setting(
        "FLEET_REDIS_URL",
        "a Valkey of the fleet's own on a unix socket",
        "redis://, rediss:// or unix:// URL of a Redis or Valkey; the own one is then left out.",
    ),
    Setting(
        "FLEET_QUEUES",
        "the queues.toml that musicfleet came with",
        "Another queues.toml.",
    ),
    Setting("FLEET_DEBUG", "unset", "Any value: errors of `fleet` come with their traceback."),
)


def data_dir() -> Path:
    """The absolute data folder; it need not exist yet."""
    chosen = os.environ.get("FLEET_DATA_DIR")
    return Path(chosen).expanduser().absolute() if chosen else default_data_dir()


def default_data_dir() -> Path:
    """The data folder of the XDG base directory specification."""
    share = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(share).expanduser().absolute() / "musicfleet"


def run_dir() -> Path:
    """The folder of sockets, process ids and logs, mode 0700."""
    return data_dir() / "run"


def images_dir() -> Path:
    """The content-addressed picture store."""
    return data_dir() / "images"


def database_url() -> str:
    """The database's URL: FLEET_DATABASE_URL, or the SQLite file of the data folder."""
    return os.environ.get("FLEET_DATABASE_URL") or f"sqlite:///{data_dir() / 'library.db'}"


def prepare_data_dir() -> Path:
    """Create the data folder and its `run` folder, both for their owner alone, and return it.

    Raises OSError when that is not possible.
    """
    for folder in (data_dir(), run_dir()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    return data_dir()
