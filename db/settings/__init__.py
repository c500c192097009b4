"""Settings of the fleet: each environment variable with its default, its meaning and its rules."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from db.errors import SettingError
from db.files import read_small
from db.settings.providers import PROVIDERS, Offers, offering


class Setting(NamedTuple):
    """One environment variable: its name, what holds when it is unset, and its meaning."""

    name: str
    default: str
    help: str


SETTINGS = (
    Setting(
        "FLEET_DATA_DIR",
        "$XDG_DATA_HOME/musicfleet, else ~/.local/share/musicfleet",
        "The data folder: the fleet keeps its database, pictures, sockets and logs there.",
    ),
    Setting(
        "FLEET_DATABASE_URL",
        "library.db in the data folder (SQLite)",
        "The URL of the database: postgresql://USER:PASSWORD@HOST/DATABASE or "
        "sqlite:////absolute/path.",
    ),
    Setting(
        "FLEET_REDIS_URL",
        "the fleet runs a Valkey of its own on a unix socket",
        "The redis://, rediss:// or unix:// URL of another Redis or Valkey. The fleet then starts "
        "none of its own.",
    ),
    Setting(
        "FLEET_REDIS_PREFIX",
        "none: keys are rq:… and fleet:…",
        "A word that the names of all keys in Redis begin with, before a colon, so that several "
        "fleets and other programs of RQ can share one: letters, digits, _, - and points. Tools of "
        "RQ see this fleet with RQ_KEY_PREFIX=WORD:rq.",
    ),
    Setting(
        "FLEET_QUEUES",
        "the queues.toml that musicfleet came with",
        "A profile, `small` or `large`, or the path of another queues.toml.",
    ),
    Setting(
        "FLEET_ALBUM_COVERS",
        "cover.*, folder.*, front.*, albumart.*, embedded, external",
        "The sources of an album's cover, best first; see below.",
    ),
    Setting(
        "FLEET_DISC_COVERS",
        "disc*.*, cd*.*, cover.*, folder.*, front.*, discsubtitle, embedded",
        "The sources of the cover of a single disc, best first; see below.",
    ),
    Setting(
        "FLEET_ARTIST_IMAGES",
        "artist.*, album/artist.*, folder.*, thumb.*, name, nfo, external",
        "The sources of an artist's picture, best first; see below.",
    ),
    Setting(
        "FLEET_PROVIDERS",
        "none: the fleet sends no request to the web",
        "The web services that the fleet asks for what is not on disk, in order. Album covers: "
        f"{', '.join(offering(Offers.ALBUM_COVERS))}. Artist images: "
        f"{', '.join(offering(Offers.ARTIST_IMAGES))}. Facts: {', '.join(offering(Offers.FACTS))}.",
    ),
    Setting(
        "FLEET_CONTACT",
        "requests name no contact",
        "A mail address or URL of yours, which the fleet sends to providers in the User-Agent. "
        f"These demand it: {', '.join(each.name for each in PROVIDERS if each.needs_contact)}.",
    ),
    *(
        Setting(each.key.setting, each.key.default, each.key.help)
        for each in PROVIDERS
        if each.key is not None
    ),
    Setting(
        "FLEET_PROVIDER_URLS",
        "each provider's public address",
        "NAME=URL, …: other addresses of providers, such as a local mirror of musicbrainz.",
    ),
    Setting(
        "FLEET_PROVIDER_PACES",
        "the rate limit of each provider",
        "NAME=SECONDS, …: the least time between two requests to a server of your own that "
        "FLEET_PROVIDER_URLS names.",
    ),
    Setting(
        "FLEET_ANALYSIS_SECONDS",
        "90",
        "How many seconds from the middle of each track the fleet analyses, from 60 to 120; off: "
        "none. When you turn it on again, the tracks that were left out are analysed.",
    ),
    Setting(
        "FLEET_RETRAIN_DAYS",
        "7",
        "The similarity model is retrained when it is this many days old.",
    ),
    Setting(
        "FLEET_RETRAIN_GROWTH",
        "10",
        "The similarity model is retrained when the library has this many per cent more tracks "
        "than at its training.",
    ),
    Setting(
        "FLEET_RETRAIN_GENRE_MINUTES",
        "15",
        "The similarity model is retrained for a genre that it does not know, once it is this many "
        "minutes old.",
    ),
    Setting(
        "FLEET_RETRAIN_TRACKS",
        "100",
        "The similarity model is retrained for more new tracks than this, once it is "
        "FLEET_RETRAIN_TRACKS_HOURS old.",
    ),
    Setting(
        "FLEET_RETRAIN_TRACKS_HOURS",
        "2",
        "How many hours old the similarity model must be to be retrained for new tracks.",
    ),
    Setting(
        "FLEET_RETRAIN_TAGS",
        "5",
        "The similarity model is retrained for more new tags of any kind than this, once it is "
        "FLEET_RETRAIN_TAGS_HOURS old.",
    ),
    Setting(
        "FLEET_RETRAIN_TAGS_HOURS",
        "8",
        "How many hours old the similarity model must be to be retrained for new tags.",
    ),
    Setting(
        "FLEET_RETRAIN_COVERAGE",
        "90",
        "The similarity model is retrained when fewer per cent of the analysed tracks than this "
        "have a vector by it.",
    ),
    Setting(
        "FLEET_RETRAIN_DRIFT",
        "0.75",
        "The similarity model is retrained when the audio features of newer tracks are further "
        "than this from those it was trained on, in standard deviations.",
    ),
    Setting(
        "FLEET_RETRAIN_RECALL_DROP",
        "10",
        "The similarity model is retrained when it predicts genres worse than right after its "
        "training, by more than this many percentage points.",
    ),
    Setting(
        "FLEET_BACKUPS",
        "7",
        "How many daily copies of the database the fleet keeps in the folder `backups` of the data "
        "folder; 0: it makes none.",
    ),
    Setting(
        "FLEET_FORGET_MISSING_DAYS",
        "never",
        "After how many days the fleet deletes the rows of a track whose file is gone, with the "
        "covers that the user chose for it. It never does while the scanned folder is not there.",
    ),
    Setting(
        "FLEET_KEEP_LOGS_DAYS",
        "30",
        "How many days the fleet keeps old logs, compressed, in the folder `logs` of the data "
        "folder.",
    ),
    Setting(
        "FLEET_WATCH",
        "off",
        "on: the fleet watches every scanned folder, and takes in what is new, changed or gone "
        "within seconds. Or the folders to watch, with `:` between them. See `fleet watch`.",
    ),
    Setting(
        "FLEET_WATCH_QUIET",
        "5",
        "How many seconds a watched folder must stay unchanged before the fleet takes it in.",
    ),
    Setting(
        "FLEET_WATCH_MINUTES",
        "60",
        "How many minutes lie between two scans of a folder that cannot be watched, such as one on "
        "a network share.",
    ),
    Setting(
        "FLEET_WEB",
        "127.0.0.1:8310",
        "HOST:PORT where the web UI listens. Port 0 takes any free port; off turns the web UI off.",
    ),
    Setting(
        "FLEET_WEB_PASSWORD",
        "no login: every user of this machine has access, and no other machine",
        "The password of the web UI. Without one the web UI listens on loopback addresses alone.",
    ),
    Setting(
        "FLEET_WEB_TRUSTED_PROXIES",
        "no proxy is believed",
        "The addresses or networks of reverse proxies, with commas. Of what they send on, the web "
        "UI believes X-Forwarded-For and X-Forwarded-Proto.",
    ),
    Setting("FLEET_DEBUG", "unset", "Any value: errors of `fleet` show their traceback."),
)


_images_dir: ContextVar[Path | None] = ContextVar("images_dir", default=None)


def value(name: str) -> str:
    """A setting as the environment has it, or what holds when it is unset or empty."""
    default = next(each.default for each in SETTINGS if each.name == name)
    return os.environ.get(name, "").strip() or default


def data_dir() -> Path:
    """The absolute data folder; it need not exist yet. Raises SettingError."""
    chosen = os.environ.get("FLEET_DATA_DIR")
    return at_home(chosen, "FLEET_DATA_DIR") if chosen else default_data_dir()


def default_data_dir() -> Path:
    """The data folder of the XDG base directory specification. Raises SettingError."""
    share = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return at_home(share, "FLEET_DATA_DIR") / "musicfleet"


def at_home(path: str, setting: str) -> Path:
    """The absolute path, "~" expanded. Raises SettingError where nobody knows what that is.

    `setting` is where the path is from, or may be set.
    """
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:  # no HOME, and the user has no entry in /etc/passwd
        raise SettingError(
            f"{path} begins with a home folder, and there is none: HOME is unset, or the system "
            f"knows no such user — set {setting} to an absolute path"
        ) from error


def expanded(path: str) -> Path:
    """The path with the home folder in place of ~; as it is written for a user who is not known."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  # Path's own raises RuntimeError


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


_PREFIX = re.compile(r"[A-Za-z0-9_.-]*")


def check_redis_prefix() -> None:
    """Raise SettingError when FLEET_REDIS_PREFIX cannot begin the name of a key."""
    text = os.environ.get("FLEET_REDIS_PREFIX", "").strip()
    if not _PREFIX.fullmatch(text):
        raise SettingError(
            f"FLEET_REDIS_PREFIX is {text!r} — write letters, digits, _, - and points, or leave it "
            "unset"
        )


def redis_key(name: str) -> str:
    """The key of Redis that the fleet calls `name`: RQ's own are `rq:…`, the others `fleet:…`.

    A process has one prefix as long as it lives, for RQ reads its own when it is imported.
    """
    prefix = os.environ.get("FLEET_REDIS_PREFIX", "").strip()
    return f"{prefix}:{name}" if prefix and _PREFIX.fullmatch(prefix) else name


def prepare_data_dir() -> Path:
    """Create the data folder and its `run` folder, both for their owner alone, and return it.

    A folder that belongs to another, such as a volume of this user's group, keeps its mode. Raises
    OSError for one that this user cannot write.
    """
    for folder in (data_dir(), run_dir()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        set_mode(folder, 0o700)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    return data_dir()


_LARGEST_TEXT = 1024 * 1024


def read_text(path: Path) -> str:
    """The text of a file that somebody edits: small, and no pipe that is waited for.

    Raises OSError, which names what is wrong with it.
    """
    data, whole = read_small(os.fsencode(path), _LARGEST_TEXT)
    if not whole:
        raise OSError(errno.EFBIG, f"is larger than {_LARGEST_TEXT // 2**20} MiB", str(path))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"is no UTF-8 (byte {error.start})", str(path)) from error


def set_mode(path: Path, mode: int) -> None:
    """Give a file this mode where it has another, and where this user and the disk can.

    Where they cannot, such as on a volume of a group, the doctor says who else has access.
    """
    if stat.S_IMODE(path.stat().st_mode) & 0o777 != mode:
        with suppress(PermissionError):
            path.chmod(mode)


_DIGITS = 5
"""More days are beyond the calendar, and more of anything is a mistake."""


def keep_logs_days() -> int:
    """For how many days old logs are kept: FLEET_KEEP_LOGS_DAYS. Raises SettingError."""
    text = value("FLEET_KEEP_LOGS_DAYS")
    days = whole_number(text)
    if not days:
        raise SettingError(f"FLEET_KEEP_LOGS_DAYS is {text!r} — write a number of days from 1 on")
    return days


def whole_number(text: str) -> int | None:
    """The number of up to five digits that a text is; None for any other."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


SHORTEST, LONGEST = 60.0, 120.0
ANALYSIS_OFF = "analysis is turned off (FLEET_ANALYSIS_SECONDS)"
"""The ledger's reason for tracks that were not analysed because of that."""


def analysis_is_off() -> bool:
    """Whether audio analysis is turned off."""
    return value("FLEET_ANALYSIS_SECONDS").lower() == "off"


def analysis_seconds() -> float:
    """Seconds of the excerpt. Raises SettingError for what is no number from 60 to 120.

    Ask `is_off` first.
    """
    text = value("FLEET_ANALYSIS_SECONDS")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not SHORTEST <= seconds <= LONGEST:
        raise SettingError(
            f"FLEET_ANALYSIS_SECONDS is {text!r} — write a number of seconds from "
            f"{SHORTEST:g} to {LONGEST:g}, or off, or leave it unset for 90"
        )
    return seconds


def check_analysis_seconds() -> None:
    """Raise SettingError when the setting has a fault."""
    if not analysis_is_off():
        analysis_seconds()
