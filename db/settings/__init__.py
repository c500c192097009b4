"""Settings of the fleet: what the environment says, and where the fleet keeps what is its own.

Who the fleet is, the library of its database and the host id of its data folder, is random and kept
in a file of the data folder, so that nothing depends on the name of the machine. The database says
which library it holds (`db.sql.schema.library_id`); the file repeats it for whoever has no database
open, and so that a database that is gone is not taken for a first one.
"""

import errno
import json
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import time
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from db.errors import SettingError
from db.files import read_small
from db.settings.declarations import SETTINGS

_images_dir: ContextVar[Path | None] = ContextVar("images_dir", default=None)


def value(name: str) -> str:
    """A setting as the environment has it, or what holds when it is unset or empty."""
    return os.environ.get(name, "").strip() or _DEFAULTS[name]


_DEFAULTS = {each.name: each.default for each in SETTINGS}


def switch(name: str) -> bool:
    """Whether a setting is on. Raises SettingError for what is neither on nor off."""
    text = value(name)
    if text.lower() not in {"on", "off"}:
        raise SettingError(f"{name} is {text!r} — write on or off")
    return text.lower() == "on"


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


_KEY_BYTES = 32


def secret_key(name: str) -> bytes:
    """Random bytes that stay the same, in a file of the run folder, which is in no backup."""
    file = run_dir() / name
    if not file.exists():
        prepare_data_dir()
        new = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        new.touch(mode=0o600)
        new.write_bytes(os.urandom(_KEY_BYTES))
        with suppress(FileExistsError):  # another process was faster
            os.link(new, file)
        new.unlink()
    return file.read_bytes()


def images_dir() -> Path:
    """The content-addressed picture store."""
    if (chosen := _images_dir.get()) is not None:
        return chosen
    url = images_url()
    if not url or "://" in url:
        return data_dir() / "images"
    folder = expanded(url)
    if not folder.is_absolute():
        raise SettingError(f"FLEET_IMAGES_URL is {url!r} — write the absolute path of a folder")
    return folder


def images_url() -> str:
    """FLEET_IMAGES_URL: a folder, or the address of an object store; empty when it is unset."""
    return "" if _images_dir.get() else os.environ.get("FLEET_IMAGES_URL", "").strip()


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


SUPERVISORS = ("compose", "systemd", "kubernetes")


def supervisor() -> str:
    """Who starts the programs, where `fleet up` does not: FLEET_SUPERVISOR; else "".

    Raises SettingError.
    """
    text = os.environ.get("FLEET_SUPERVISOR", "").strip()
    if text and text not in SUPERVISORS:
        raise SettingError(
            f"FLEET_SUPERVISOR is {text!r} — write {', '.join(SUPERVISORS)}, or leave it unset"
        )
    return text


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


class Hours(NamedTuple):
    """A part of each day, in local time; one that ends before it begins lasts over midnight."""

    begin: time
    end: time

    def holds(self, moment: time) -> bool:
        """Whether it is that part of the day."""
        if self.begin < self.end:
            return self.begin <= moment < self.end
        return moment >= self.begin or moment < self.end

    @property
    def length(self) -> float:
        """How long it is, in seconds."""
        begin, end = (each.hour * 3600 + each.minute * 60 for each in self)
        return float((end - begin) % _DAY)


_DAY = 24 * 3600
_HOURS = re.compile(r"([01]?\d|2[0-3])(?::([0-5]\d))? ?[-\u2013] ?([01]?\d|2[0-3])(?::([0-5]\d))?")
_ALWAYS = "always"


def analysis_hours() -> Hours | None:
    """When tracks are analysed: FLEET_ANALYSIS_HOURS; None: at any time. Raises SettingError."""
    text = value("FLEET_ANALYSIS_HOURS")
    if text.lower() == _ALWAYS:
        return None
    found = _HOURS.fullmatch(text)
    first, minute, last, last_minute = map(int, found.groups("0")) if found else [0] * 4
    hours = Hours(time(first, minute), time(last, last_minute))
    if hours.begin == hours.end:
        raise SettingError(
            f"FLEET_ANALYSIS_HOURS is {text!r} — write two times of day, such as 22:00-07:00, or "
            f"{_ALWAYS}"
        )
    return hours


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


def check_analysis() -> None:
    """Raise SettingError when a setting of the analysis has a fault."""
    analysis_hours()
    if not analysis_is_off():
        analysis_seconds()


_HOST_ID_LENGTH = 8


class Identity(NamedTuple):
    """The ids of a fleet."""

    library: str = ""
    """Of the library in its database; empty before the first `fleet up`."""
    host: str = ""
    """Of this data folder: what stands behind the names of its workers."""

    @property
    def name(self) -> str:
        """What distinguishes the workers of this fleet and host from all others."""
        return f"{self.library[:_HOST_ID_LENGTH]}-{self.host}"


def identity() -> Identity:
    """The identity that the data folder holds; an empty one where there is none."""
    try:
        content = json.loads(read_text(_file()))
        return Identity(str(content["library"]), str(content["host"]))
    except (OSError, ValueError, TypeError, LookupError):
        return Identity()


def remember(library: str) -> Identity:
    """Keep the id of the library that the data folder's fleet works for. Raises OSError."""
    before = identity()
    now = Identity(library, before.host or uuid4().hex[:_HOST_ID_LENGTH])
    if now != before:
        new = _file().with_suffix(".new")
        new.write_text(json.dumps(now._asdict()), encoding="utf-8")
        new.replace(_file())
    return now


def _file() -> Path:
    return data_dir() / "identity.json"
