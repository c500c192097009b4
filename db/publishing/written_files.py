"""The files outside the data folder that are the fleet's own, each known by its digest.

A row is written before its file, with the digest that the file will have, and says so afterwards:
whatever ends the process in between, the next attempt knows from the file which of the two it is. A
file whose bytes are others belongs to whoever wrote them, and is left alone.
"""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from enum import StrEnum
from hashlib import file_digest
from typing import Any, NamedTuple

from peewee import fn

from db.files import opened
from db.models import WrittenFile, utc_now
from db.scanning.library_files import folder_of
from db.sql.path_text import to_bytes
from db.sql.queries import Prepared, below, tuples


class Kind(StrEnum):
    """What a file is, and the name of the export that writes it."""

    ART = "art"
    PLAYLISTS = "playlists"
    TAGS = "tags"
    """An audio file of the library, into whose tags something was written."""
    MIRROR = "mirror"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


WRITING, WRITTEN = "writing", "written"
"""The states of a row."""


class Ours(NamedTuple):
    """A file that is ours, or was."""

    id: int
    path: str
    kind: str
    place: str | None
    state: str
    digest: str
    """SHA-256 of all its bytes, in hex; empty for a folder."""
    size: int
    mtime_ns: int
    source: str
    """What it was made of: when that is the same, nothing is written again."""
    before: str | None
    """SHA-256 of the bytes that were there before; None where nothing was."""
    before_mtime_ns: int | None
    fields: dict[str, list[str]]
    """Of tags: by field the text that was wanted, and as it was read again."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder that was made for other files."""
        return not self.digest


def digest_of(path: bytes) -> str:
    """SHA-256, in hex, of a file. Raises NotAFileError and OSError."""
    with open(opened(path), "rb", buffering=0) as file:
        return file_digest(file, "sha256").hexdigest()


_COLUMNS = [getattr(WrittenFile, name) for name in Ours._fields]
_AT = Prepared.by(WrittenFile.path, *_COLUMNS)
_ART_AT = Prepared.by(WrittenFile.folder, *_COLUMNS, where=WrittenFile.kind == Kind.ART)


def at(paths: Collection[str]) -> dict[str, Ours]:
    """What is ours at these paths."""
    return {row[1]: Ours._make(row) for row in _AT.rows(sorted(paths))}


def art_at(folders: Collection[str]) -> dict[str, Ours]:
    """The pictures that were written right into these folders, by their paths."""
    return {row[1]: Ours._make(row) for row in _ART_AT.rows(sorted(folders))}


def of_kind(kind: Kind, place: str | None, after: int, most: int) -> list[Ours]:
    """The files of an export, the newest first, so that folders come after what lies in them.

    `place` is the folder that was named for it, None for the library; `after`: those with smaller
    ids than this alone, 0 for all.
    """
    query = WrittenFile.select(*_COLUMNS).where(
        WrittenFile.kind == kind,
        WrittenFile.place.is_null() if place is None else WrittenFile.place == place,
    )
    query = query.where(WrittenFile.id < after) if after else query
    return [Ours._make(row) for row in tuples(query.order_by(WrittenFile.id.desc()).limit(most))]


def places_of(kind: Kind) -> list[str]:
    """The folders that were named for an export of this kind and hold something of it."""
    query = WrittenFile.select(WrittenFile.place).where(
        WrittenFile.kind == kind, WrittenFile.place.is_null(False)
    )
    return sorted(place for (place,) in tuples(query.distinct()))


def count(kind: Kind, place: str | None) -> int:
    """How many files and folders there are of an export."""
    at_place = WrittenFile.place.is_null() if place is None else WrittenFile.place == place
    return int(WrittenFile.select().where(WrittenFile.kind == kind, at_place).count())


def begin(path: str, kind: Kind, digest: str, **columns: Any) -> int:
    """Say that a file is about to be written, in place of what was said of its path; its row."""
    values = {
        "folder": folder_of(path),
        "kind": kind,
        "state": WRITING,
        "digest": digest,
        "written_at": utc_now(),
        **columns,
    }
    update = {getattr(WrittenFile, name): value for name, value in values.items()}
    query = WrittenFile.insert(path=path, **values).on_conflict(
        conflict_target=[WrittenFile.path], update=update
    )
    query.execute()
    return int(WrittenFile.get(WrittenFile.path == path).id)


def end(row: int, size: int, mtime_ns: int) -> None:
    """Say that a file is written."""
    WrittenFile.update(state=WRITTEN, size=size, mtime_ns=mtime_ns, written_at=utc_now()).where(
        WrittenFile.id == row
    ).execute()


def forget(row: int) -> None:
    """Say that what was written is not there any more, or not ours."""
    WrittenFile.delete().where(WrittenFile.id == row).execute()


class Art(NamedTuple):
    """A picture that `fleet export art` wrote."""

    size: int
    mtime_ns: int
    digest: str

    def is_at(self, path: str, size: int, mtime_ns: int) -> bool:
        """Whether a file of this size and time is it; when just the time differs its bytes say."""
        if size != self.size:
            return False
        if mtime_ns == self.mtime_ns:
            return True
        with suppress(OSError):
            return digest_of(to_bytes(path)) == self.digest
        return False


class OwnArt:
    """The pictures that were written below a folder, so that nobody takes them for the owner's."""

    def __init__(self, written: Mapping[str, Art]) -> None:
        """`written` are the pictures by their paths."""
        self._written = written
        self._alike = {(os.path.basename(path), art.size) for path, art in written.items()}
        self.moved: dict[str, str] = {}
        """Where pictures lie that went elsewhere with their folder: the paths before and now."""

    def __bool__(self) -> bool:
        return bool(self._written)

    @classmethod
    def below(cls, root: str) -> "OwnArt":
        """Those below a root; none in nearly all libraries."""
        query = WrittenFile.select(*_ART_COLUMNS).where(
            WrittenFile.kind == Kind.ART, below(WrittenFile.path, root)
        )
        return cls({path: Art(*columns) for path, *columns in tuples(query)})

    @classmethod
    def within(cls, folders: Collection[str]) -> "OwnArt":
        """Those right in these folders."""
        return cls({path: Art(*columns) for path, *columns in _ART_IN.rows(sorted(folders))})

    def holds(self, path: str, size: int, mtime_ns: int) -> bool:
        """Whether the file at a path is one of them, moved along with its folder or not."""
        if (os.path.basename(path), size) not in self._alike:
            return False
        if path in self._written:
            return self._written[path].is_at(path, size, mtime_ns)
        former = next((each for each in self._written if self._was_at(each, path, size)), None)
        if former is not None:
            self.moved[former] = path
        return former is not None

    def _was_at(self, former: str, path: str, size: int) -> bool:
        art = self._written[former]
        is_alike = (os.path.basename(former), art.size) == (os.path.basename(path), size)
        if not is_alike or former in self.moved or os.path.lexists(to_bytes(former)):
            return False
        return art.is_at(path, size, -1)

    def take_along(self) -> None:
        """Write where pictures lie that moved along with their folder."""
        for former, path in self.moved.items():
            WrittenFile.update(path=path, folder=folder_of(path)).where(
                WrittenFile.path == former
            ).execute()
            self._written = {**self._written, path: self._written[former]}
        self.moved.clear()


_ART_COLUMNS = (WrittenFile.path, WrittenFile.size, WrittenFile.mtime_ns, WrittenFile.digest)
_ART_IN = Prepared.by(WrittenFile.folder, *_ART_COLUMNS, where=WrittenFile.kind == Kind.ART)


def counts() -> dict[str, int]:
    """How many files there are of each kind of export."""
    query = WrittenFile.select(WrittenFile.kind, fn.COUNT(WrittenFile.id)).where(
        WrittenFile.digest != ""
    )
    return dict(tuples(query.group_by(WrittenFile.kind)))
