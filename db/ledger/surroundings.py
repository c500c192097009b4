"""Causes of the surroundings: work cannot be done just now, though nothing is wrong with its item.

A root whose disk is away, a full disk, a service that does not answer: all of these pass. What
they keep from being done waits: it keeps what it shows, is tried again at a date, and is woken
earlier when its surroundings change. POLICIES says so for each cause. Reasons of the item, such as
a damaged file, are `jobs.records.ProblemCode`.
"""

import errno
import os
import posixpath
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

import peewee

from db import settings
from db.errors import DatabaseFullError, DatabaseUnreachableError
from db.models import State
from db.sql.connection import is_sqlite
from db.sql.path_text import is_under, shown, to_text


class Cause(StrEnum):
    """What the surroundings lack."""

    ROOT_AWAY = "root-away"
    SHARE_AWAY = "share-away"
    READ_ERROR = "read-error"
    NO_PERMISSION = "no-permission"
    NO_SPACE = "no-space"
    UNWRITABLE = "unwritable"
    NO_MEMORY = "no-memory"
    LIMIT_REACHED = "limit-reached"
    DATABASE_AWAY = "database-away"
    PROVIDER_AWAY = "provider-away"
    NOT_COMPILED = "not-compiled"
    LIBRARY_AWAY = "library-away"
    NO_MODEL = "no-model"
    MODEL_DAMAGED = "model-damaged"
    FILE_GONE = "file-gone"
    """The one that is the item's: its root is there, and the file is not. A scan says what it is:
    missing, moved or back."""


class Waker(StrEnum):
    """What wakes the work before its date has come."""

    SCAN_OF_PLACE = "a scan of the place"
    ANY_SCAN = "a scan of any whole root"
    TRAINING = "the training of a model"


class Policy(NamedTuple):
    """How work is treated that a cause keeps from being done."""

    says: str
    """The cause for people; `{place}` stands for where it is."""
    remedy: str
    errors: frozenset[int] = frozenset()
    """The error numbers of the system that mean it."""
    woken_by: Waker = Waker.ANY_SCAN
    first: timedelta = timedelta(minutes=15)
    """After what time it is tried again at first; that doubles with every fourth attempt."""
    longest: timedelta = timedelta(days=1)
    state: State = State.WAITING
    is_expected: bool = False
    """Whether it is no fault, such as a library that is too small yet for a model."""

    def pause(self, attempts: int) -> timedelta:
        """How long work that was attempted so often is left alone."""
        doubled: int = 2 ** min(attempts // 4, 12)
        return min(self.first * doubled, self.longest)


_HOUR = timedelta(hours=1)
_SOME_HOURS = timedelta(hours=4)
_PLACE = Waker.SCAN_OF_PLACE
_OF_SOCKETS_TOO = frozenset(
    (
        *(errno.ENOTCONN, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNABORTED),
        *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
    )
)
_SHARE_ERRORS = _OF_SOCKETS_TOO | frozenset(
    (errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ENOLINK)
)
POLICIES: dict[Cause, Policy] = {
    Cause.ROOT_AWAY: Policy(
        "root {place} is away",
        "mount its disk, then `fleet scan {place}`",
        woken_by=_PLACE,
        longest=_SOME_HOURS,
    ),
    Cause.SHARE_AWAY: Policy(
        "the share of {place} does not answer",
        "mount it again, then `fleet scan {place}`",
        _SHARE_ERRORS,
        _PLACE,
        longest=_SOME_HOURS,
    ),
    Cause.READ_ERROR: Policy(
        "the disk of {place} has read errors",
        "check the disk and its cable (`dmesg`), then `fleet scan {place}`",
        frozenset((errno.EIO, errno.EREMOTEIO, errno.EUCLEAN, errno.EBADMSG)),
        _PLACE,
    ),
    Cause.NO_PERMISSION: Policy(
        "permission is denied in {place}",
        "give the fleet's user the right to all that lies there, then `fleet scan`",
        frozenset((errno.EACCES, errno.EPERM)),
        _PLACE,
    ),
    Cause.NO_SPACE: Policy(
        "the disk of {place} is full",
        "free some space there, or move it to a larger disk",
        frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG)),
        longest=_HOUR,
    ),
    Cause.UNWRITABLE: Policy(
        "{place} cannot be written",
        "give the fleet's user the right to write there",
        frozenset((errno.EROFS,)),
        longest=_HOUR,
    ),
    Cause.NO_MEMORY: Policy(
        "this machine is out of memory",
        "run fewer processes (`fleet scale`), or give it more memory",
        frozenset((errno.ENOMEM,)),
        first=timedelta(minutes=2),
        longest=_HOUR,
    ),
    Cause.LIMIT_REACHED: Policy(
        "a limit of open files or processes is reached",
        "raise it (`ulimit -n`, `ulimit -u`), then `fleet down` and `fleet up`",
        frozenset((errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOLCK)),
        first=timedelta(minutes=2),
        longest=_HOUR,
    ),
    Cause.DATABASE_AWAY: Policy(
        "the database cannot be used",
        "run `fleet doctor`, which says why",
        first=timedelta(minutes=2),
        longest=_HOUR,
    ),
    Cause.PROVIDER_AWAY: Policy(
        "a provider on the web does not answer", "wait, or check the network of this machine"
    ),
    Cause.NOT_COMPILED: Policy(
        "librosa cannot be compiled into {place}",
        "see `fleet logs analysis`, which says what is in its way",
        longest=_HOUR,
    ),
    Cause.LIBRARY_AWAY: Policy(
        "a library of Python cannot be loaded",
        "install musicfleet again, then `fleet down` and `fleet up`",
        longest=_HOUR,
    ),
    Cause.NO_MODEL: Policy(
        "there is no model of similarity yet",
        "nothing: it is trained once ten tracks are analysed",
        woken_by=Waker.TRAINING,
        first=timedelta(days=1),
        state=State.NONE,
        is_expected=True,
    ),
    Cause.MODEL_DAMAGED: Policy(
        "the model of similarity cannot be read",
        "`fleet enqueue vectorization.train` makes another",
        woken_by=Waker.TRAINING,
    ),
    Cause.FILE_GONE: Policy(
        "files in {place} are gone since its last scan",
        "run `fleet scan {place}`",
        woken_by=_PLACE,
        first=timedelta(days=1),
        state=State.FAILED,
    ),
}


_SOMEWHERE = "a folder that is not named"


class Obstacle(NamedTuple):
    """A cause at a place."""

    cause: Cause
    place: str = ""
    """A library root or another folder, in the text form of `db.sql.path_text`; empty where the
    cause says it all."""

    @property
    def policy(self) -> Policy:
        """How it is treated."""
        return POLICIES[self.cause]

    @property
    def text(self) -> str:
        """For people: "root /music is away"."""
        return self.policy.says.format(place=shown(self.place) or _SOMEWHERE)

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self.policy.remedy.format(place=shown(self.place) or _SOMEWHERE)

    @property
    def is_of_item(self) -> bool:
        """Whether just the item is lacking, and nothing around it."""
        return self.policy.state is State.FAILED


_BY_ERROR = {number: cause for cause, policy in POLICIES.items() for number in policy.errors}


def cause_of(number: int | None) -> Cause | None:
    """What an error number of the system means; None when it is of the item."""
    return _BY_ERROR.get(number or 0)


_SQLITE_AWAY = ("locked", "unable to open", "disk i/o error", "readonly")
"""What SQLite says when the file is in the way, and not the statement."""


def obstacle_of(error: BaseException) -> Obstacle | None:
    """What in the surroundings ended a job with this exception; None when it was something else.

    An exception may have it as its attribute `obstacle`.
    """
    obstacle = getattr(error, "obstacle", None)
    if isinstance(obstacle, Obstacle):
        return obstacle
    if isinstance(error, DatabaseFullError):
        return Obstacle(Cause.NO_SPACE, to_text(bytes(settings.data_dir())))
    if _is_of_database(error):
        return Obstacle(Cause.DATABASE_AWAY)
    if isinstance(error, ImportError):
        return Obstacle(Cause.LIBRARY_AWAY)
    cause = cause_of(error.errno) if isinstance(error, OSError) else None
    if cause is None or not isinstance(error, OSError):
        return None
    place = _folder(error.filename)
    is_of_socket = error.errno in _OF_SOCKETS_TOO and not place
    return None if is_of_socket else Obstacle(cause, place)


def _is_of_database(error: BaseException) -> bool:
    """Whether the database does not answer, rather than refuse what it was asked."""
    if isinstance(error, DatabaseUnreachableError | peewee.InterfaceError):
        return True
    if not isinstance(error, peewee.OperationalError):
        return False
    return not is_sqlite() or any(words in str(error).lower() for words in _SQLITE_AWAY)


def _folder(name: object) -> str:
    """The folder of a file that an error names; the data folder for all that lies in it."""
    if not isinstance(name, str | bytes):
        return ""
    path, data_dir = to_text(os.fsencode(name)), to_text(bytes(settings.data_dir()))
    return data_dir if is_under(path, data_dir) else posixpath.dirname(path)
