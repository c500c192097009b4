"""Folders of music: offered, checked, added, moved and forgotten, by a command or on a page."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from shlex import quote
from typing import NamedTuple

from db import settings
from db.errors import DatabaseGoneError, OldDatabaseError, SettingError
from db.maintenance import library_roots
from db.models import Track
from db.scanning import scans
from db.scanning.library_files import refused_root
from db.scanning.roots import being_forgotten, mark_forgotten
from db.scanning.selection import Kind, Selection
from db.settings import identity
from db.sql.connection import open_database, transaction
from db.sql.path_text import is_under, shown, to_bytes, to_text
from db.sql.schema import check_schema
from worker import dispatch
from worker.errors import BadInputError
from worker.phrases import counted
from worker.redis import is_embedded
from worker.supervisor import web_address
from worker.supervisor.rpc import is_up

_FORGET = "maintenance.forget_roots"
_MOST_COUNTED = 10_000
"""Audio files that are counted; of more it is only said that there are."""
_MOST_SEEN = 200_000
_LONGEST = 5.0
"""Files, and seconds, after which the counting of a folder ends."""
_MOST_ENTRIES = 5_000
_MOST_OFFERED = 200
"""Entries of a folder that are read, and folders in it that are offered."""


class Checked(NamedTuple):
    """A folder that can be added."""

    path: str
    """Absolute and real, in the text form of `db.sql.path_text`."""
    audio: int
    """How many audio files it holds, as far as they were counted."""
    is_all: bool
    """Whether all were."""
    inside: str
    """The root that holds it already; empty when none does."""
    around: list[str]
    """The roots that lie in it."""

    @property
    def text(self) -> str:
        """How much it holds, in words: "more than 10,000 audio files"."""
        return ("" if self.is_all else "more than ") + counted(self.audio, "audio file")

    @property
    def notes(self) -> list[str]:
        """What is to be known before it is added, in sentences."""
        inner = ", ".join(map(shown, self.around))
        notes = [
            self.inside and f"It lies in {shown(self.inside)}, which is scanned already.",
            inner and f"It holds {inner}, scanned already. No file comes into the library twice.",
        ]
        return [each for each in notes if each]


def check(path: str) -> Checked:
    """Check a folder that is to be added: that it can be read, holds music, and is no root yet.

    Raises BadInputError, and SettingError.
    """
    folder = checked_root(path)
    roots = scans.roots()
    if folder in roots or scans.unfinished(folder):
        raise BadInputError(
            f"{shown(folder)} is a root already — `fleet scan {quote(path)}` updates it"
        )
    audio, is_all = _audio_below(to_bytes(folder))
    if is_all and not audio:
        raise BadInputError(
            f"{shown(folder)} holds no audio file — name the folder that holds the music"
        )
    inside = max((root for root in roots if is_under(folder, root)), key=len, default="")
    return Checked(
        folder, audio, is_all, inside, [root for root in roots if is_under(root, folder)]
    )


def _audio_below(folder: bytes) -> tuple[int, bool]:
    """How many audio files lie below a folder, and whether all were counted."""
    selection, deadline = Selection.of_settings(), time.monotonic() + _LONGEST
    found = seen = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not selection.refusal(name)]
        found += sum(
            selection.kind_of(name) is Kind.AUDIO and not selection.refusal(name) for name in files
        )
        seen += 1 + len(files)
        if found > _MOST_COUNTED or seen > _MOST_SEEN or time.monotonic() > deadline:
            return min(found, _MOST_COUNTED), False
    return found, True


def checked_root(path: str) -> str:
    """The absolute path of a folder that can be read, as text. Raises BadInputError."""
    folder = settings.expanded(path)
    if not folder.exists():
        raise BadInputError(f"{path} does not exist — name the folder that holds the music")
    if not folder.is_dir():
        raise BadInputError(f"{path} is a file — name the folder that holds it")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise BadInputError(
            f"{path} may not be read — give this user the right to, e.g. chmod o+rx"
        )
    real = os.path.realpath(folder)
    if refusal := refused_root(to_text(os.fsencode(real)), _data_dir()):
        raise BadInputError(refusal)
    if not os.listdir(real):
        raise BadInputError(f"{path} is empty — is its disk mounted?")
    return to_text(os.fsencode(real))


def begin(folder: str) -> int:
    """Begin a scan of a root or a new one, and return its id; a fleet that is up scans at once."""
    scan_id = scans.start(folder, deep=False)
    if is_up() or not is_embedded():
        dispatch.enqueue(scans.DISCOVERY, scan_id=scan_id)
    return scan_id


def is_nothing_scanned() -> bool:
    """Whether no folder was ever scanned, none is being scanned, and no track is known."""
    has_scans = bool(scans.all_unfinished() or scans.roots())
    return not has_scans and not Track.select().limit(1).exists()


def first_step() -> str:
    """What to do while nothing is scanned, in a line; empty once something was.

    Raises db.errors.DatabaseError for a database that a fleet has had and that cannot be used.
    """
    try:
        open_database()
        check_schema()
        if not is_nothing_scanned():
            return ""
    except (DatabaseGoneError, OldDatabaseError):
        if identity().library:
            raise
    page = web_address.running()
    url = page.url if page else ""
    if not url and (address := web_address.configured()):
        url = f"{address.url} after `fleet up`"
    on_page = f", or add one at {url}" if url else ""
    return f"Nothing is scanned yet: `fleet scan PATH` takes in a folder of music{on_page}"


def share_to_move(before: str, now: str) -> float:
    """How much of a root lies at the same place below another folder, 0 to 1, before it moves.

    Raises BadInputError when one lies in the other, or nothing of it is there.
    """
    if is_under(before, now) or is_under(now, before):
        outer = quote(shown(min(before, now, key=len)))
        raise BadInputError(
            f"one of the two lies in the other — `fleet scan {outer}` finds what moved"
        )
    share = library_roots.share_at(before, now)
    if not share and not library_roots.doubled(before).get(now):
        raise BadInputError(
            f"none of the files of {shown(before)} is at the same place below {shown(now)} — "
            "name the folder that holds what was in the old one"
        )
    return share


def move(before: str, now: str) -> int:
    """Have the music of a root be in another folder; how many tracks. Raises BadInputError."""
    with transaction():
        if before in being_forgotten():
            raise BadInputError(
                f"{shown(before)} is being forgotten — `fleet scan {quote(shown(before))}` keeps "
                "what is left of it"
            )
        refuse_busy(before, now)
        return library_roots.move(before, now)


def what_goes(folder: str) -> str:
    """What is forgotten with a root, in words."""
    going = library_roots.going(folder)
    says = counted(going.tracks, "track")
    if going.albums:
        says += f" of {counted(going.albums, 'album')}"
    if going.chosen:
        says += f", for which you chose {counted(going.chosen, 'picture')}"
    return says


def forget(folder: str) -> int:
    """Forget a root and its tracks; how many. Raises BadInputError while it is scanned."""
    refuse_busy(folder)
    return library_roots.forget(folder)


def begin_to_forget(folder: str) -> None:
    """Have a root be none any more; a job deletes its tracks. Raises BadInputError, as `forget`."""
    refuse_busy(folder)
    with transaction():
        mark_forgotten(folder)
    if is_up() or not is_embedded():  # else the schedule does it once the fleet is up
        dispatch.enqueue(_FORGET)


def refuse_busy(*folders: str) -> None:
    """Raise BadInputError when one of these folders is being scanned, or one above or below."""
    busy = next((scan for folder in folders for scan in scans.overlapping(folder)), None)
    if busy is not None:
        where = shown(busy.root)
        raise BadInputError(
            f"{where} is being scanned — wait, or run `fleet scan --cancel {quote(where)}`"
        )


def places() -> list[str]:
    """The places of FLEET_MUSIC_PLACES that are there, links resolved. Raises SettingError."""
    found, own = [], _data_dir()
    for part in filter(None, map(str.strip, settings.value(_PLACES).split(os.pathsep))):
        folder = settings.expanded(part)
        if not folder.is_absolute():
            raise SettingError(
                f"{_PLACES} names {part!r}, which is no absolute path — write absolute paths with "
                f"{os.pathsep!r} between them"
            )
        real = to_text(os.fsencode(os.path.realpath(folder)))
        if folder.is_dir() and not is_under(real, own):
            found.append(real)
    return list(dict.fromkeys(found))


def _data_dir() -> str:
    return to_text(os.path.realpath(os.fsencode(settings.data_dir())))


_PLACES = "FLEET_MUSIC_PLACES"


def placed(text: str) -> str:
    """The real path of a folder that a page may name; `text` has the form of `db.sql.path_text`.

    Raises BadInputError for one outside of the places, whether it is there or not.
    """
    folder = _real(text)
    if not folder or not any(is_under(folder, place) for place in places()):
        raise BadInputError(
            f"{shown(text)} is not in {_PLACES} ({', '.join(map(shown, places()))}) — name a "
            "folder there, add the place to that setting, or run `fleet scan` on the server"
        )
    return folder


def _real(text: str) -> str:
    """The absolute path, links resolved; empty for what is no whole path."""
    if "\0" in text or not text.startswith(("/", "~")):
        return ""
    path = settings.expanded(os.fsdecode(to_bytes(text)))
    return to_text(os.fsencode(os.path.realpath(path))) if path.is_absolute() else ""


def offered(text: str) -> list[str]:
    """The folders that a path may mean which somebody is typing, by name.

    After a `/` those in it, else those that begin so; without a path the places. Hidden folders are
    left out, and whatever lies outside of the places, also behind a symbolic link.
    """
    head, _, start = text.rpartition("/")
    known = places()
    folder = _real(head or "/" * bool(text))
    if not folder or not any(is_under(folder, place) for place in known):
        return [each for each in known if each.lower().startswith(text.lower())]
    names = sorted(set(_folders_in(folder, start.lower(), known)), key=str.lower)
    whole = to_text(os.fsencode(settings.expanded(os.fsdecode(to_bytes(head)))))
    return [f"{whole}/{name}" for name in names[:_MOST_OFFERED]]


def _folders_in(folder: str, start: str, known: Sequence[str]) -> Iterator[str]:
    selection = Selection()
    own = _data_dir()
    with suppress(OSError), os.scandir(to_bytes(folder)) as entries:  # what cannot be listed is not
        for entry in islice(entries, _MOST_ENTRIES):
            name = to_text(entry.name)
            if not name.lower().startswith(start) or selection.refusal(entry.name):
                continue
            with suppress(OSError):
                real = to_text(os.path.realpath(entry.path))
                is_placed = any(is_under(real, place) for place in known)
                if entry.is_dir() and is_placed and not refused_root(real, own):
                    yield name
