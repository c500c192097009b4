"""Every setting of the fleet that comes from the environment: name, default, what it is for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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
    Setting(
        "FLEET_ALBUM_COVERS",
        "cover.*, folder.*, front.*, albumart.*, embedded, external",
        "Where an album's cover is looked for, best first; see below.",
    ),
    Setting(
        "FLEET_DISC_COVERS",
        "disc*.*, cd*.*, cover.*, folder.*, front.*, discsubtitle, embedded",
        "The same for a single disc of an album.",
    ),
    Setting(
        "FLEET_ARTIST_IMAGES",
        "artist.*, album/artist.*, folder.*, thumb.*, name, nfo, external",
        "The same for an artist.",
    ),
    Setting(
        "FLEET_PROVIDERS",
        "none: nobody is asked for anything",
        "Whom on the web to ask for what is not on disk, in order. Pictures: coverartarchive, "
        "deezer, wikidata, theaudiodb, fanarttv, lastfm. Facts: musicbrainz, acoustid, "
        "listenbrainz, lastfm, wikipedia.",
    ),
    Setting(
        "FLEET_CONTACT",
        "nothing is told",
        "A mail address or URL, which providers are told as who asks; coverartarchive, wikidata, "
        "musicbrainz, listenbrainz and wikipedia demand it.",
    ),
    Setting("FLEET_FANARTTV_KEY", "unset", "A key from fanart.tv; fanarttv demands it."),
    Setting("FLEET_LASTFM_KEY", "unset", "A key from last.fm/api; lastfm demands it."),
    Setting(
        "FLEET_ACOUSTID_KEY",
        "unset",
        "A key of an application from acoustid.org; acoustid demands it, and the program fpcalc.",
    ),
    Setting("FLEET_THEAUDIODB_KEY", "123, which is free for all", "A key from theaudiodb.com."),
    Setting(
        "FLEET_PROVIDER_URLS",
        "each at its own place",
        "NAME=URL, …: other places of services, such as a mirror of musicbrainz at home.",
    ),
    Setting(
        "FLEET_PROVIDER_PACES",
        "each as often as it allows",
        "NAME=SECONDS, …: between two requests to a service of one's own, which "
        "FLEET_PROVIDER_URLS names.",
    ),
    Setting(
        "FLEET_ANALYSIS_SECONDS",
        "90",
        "How many seconds from the middle of each track are analysed, from 60 to 120; off: none. "
        "What was not analysed then is when this is turned on again.",
    ),
    Setting(
        "FLEET_RETRAIN_DAYS",
        "7",
        "A model of what is alike that is so many days old is trained anew.",
    ),
    Setting(
        "FLEET_RETRAIN_GROWTH",
        "10",
        "It is, when there are so many per cent more tracks than then.",
    ),
    Setting(
        "FLEET_RETRAIN_GENRE_MINUTES",
        "15",
        "It is for a genre that it does not know, once it is so many minutes old.",
    ),
    Setting("FLEET_RETRAIN_TRACKS", "100", "It is for more new tracks than so many,"),
    Setting("FLEET_RETRAIN_TRACKS_HOURS", "2", "once it is so many hours old."),
    Setting("FLEET_RETRAIN_TAGS", "5", "It is for more new tags of any kind than so many,"),
    Setting("FLEET_RETRAIN_TAGS_HOURS", "8", "once it is so many hours old."),
    Setting(
        "FLEET_RETRAIN_COVERAGE",
        "90",
        "It is, when fewer per cent of the tracks that were heard have a vector by it.",
    ),
    Setting(
        "FLEET_RETRAIN_DRIFT",
        "0.75",
        "It is, when what is heard in newer tracks lies further off, in standard deviations.",
    ),
    Setting(
        "FLEET_RETRAIN_RECALL_DROP",
        "10",
        "It is, when it tells genres worse than at first by more than so many points in a hundred.",
    ),
    Setting(
        "FLEET_BACKUPS",
        "7",
        "How many daily copies of the database are kept, in the folder `backups` of the data "
        "folder; 0: none are made.",
    ),
    Setting(
        "FLEET_FORGET_MISSING_DAYS",
        "never",
        "After how many days a track whose file is gone is forgotten, with what the user chose for "
        "it. Never while the folder that was scanned is not there.",
    ),
    Setting(
        "FLEET_KEEP_LOGS_DAYS",
        "30",
        "How many days old logs are kept, packed, in the folder `logs` of the data folder.",
    ),
    Setting(
        "FLEET_WATCH",
        "off",
        "on: every folder that was scanned is watched, and what is new, changed or gone is taken "
        "in within seconds; or the folders to watch, with `:` between them. See `fleet watch`.",
    ),
    Setting(
        "FLEET_WATCH_QUIET",
        "5",
        "For how many seconds nothing may have changed in a folder before it is taken in.",
    ),
    Setting(
        "FLEET_WATCH_MINUTES",
        "60",
        "How often a folder is scanned that cannot be watched, such as one on a network share.",
    ),
    Setting(
        "FLEET_WEB",
        "127.0.0.1:8310",
        "HOST:PORT where the page listens; port 0 takes any that is free, off switches it off.",
    ),
    Setting(
        "FLEET_WEB_PASSWORD",
        "no login, and only this machine is let in",
        "The password of the page. Without one it listens on no address but loopback.",
    ),
    Setting("FLEET_DEBUG", "unset", "Any value: errors of `fleet` come with their traceback."),
)


_images_dir: ContextVar[Path | None] = ContextVar("images_dir", default=None)


def value(name: str) -> str:
    """A setting as the environment has it, or what holds when it is unset or empty."""
    default = next(each.default for each in SETTINGS if each.name == name)
    return os.environ.get(name, "").strip() or default


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
    return _images_dir.get() or data_dir() / "images"


@contextmanager
def images_in(folder: Path) -> Iterator[None]:
    """Have another folder be the picture store, for what is done inside."""
    token = _images_dir.set(folder)
    try:
        yield
    finally:
        _images_dir.reset(token)


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
