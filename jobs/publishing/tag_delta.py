"""What leads from a file back to the one that it was before its tags were written.

A backup holds the old bytes that the new file lacks, which is mostly the old block of tags, and
where in the new file all others stand. In Ogg each page has a number and a checksum, which change
with the pages before it; so a backup may have thousands of parts of some bytes. It is exact
whatever the format is: bytes are compared, and the result is compared with the digest.

The file: a line of JSON, then parts, each a letter and two numbers: `C` offset and length of bytes
of the new file, `D` the length of bytes that follow.
"""

import json
import mmap
import os
import struct
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO, NamedTuple

from db import settings
from db.files import opened

_PART = struct.Struct("<cQQ")
_COPY, _DATA = b"C", b"D"
_ANCHOR = 32
_PLAIN = 6
"""An anchor of fewer different bytes, such as padding, may stand anywhere."""
_NEAR = 1024 * 1024
_GOOD = 1024
_FAR = 16
"""So many times its length behind what was found nothing better is looked for."""
_PIECE = 256 * 1024
_SKIPS = (0, 4, 8, 16, 27, 48, 96, *(1 << power for power in range(8, 34)))
"""How far behind a difference bytes are tried that may stand in the new file too."""


class _Found(NamedTuple):
    old: int
    new: int
    length: int


def backup_file(row: int, digest: str) -> Path:
    """Where the backup lies that leads from the file with this digest back."""
    return backups_dir() / f"{row}-{digest[:16]}"


def backups_dir() -> Path:
    """The folder of all backups."""
    return settings.data_dir() / "exports" / "tags"


def write(old: bytes, new: bytes, backup: Path, *, before: str) -> None:
    """Write a backup that leads from the file at `new` back to that at `old`. Raises OSError.

    `before` is the digest of the old one.
    """
    backup.parent.mkdir(parents=True, exist_ok=True)
    temporary = backup.with_name(f"{backup.name}.part")
    with temporary.open("wb") as file:
        file.write(json.dumps({"version": 1, "before": before}).encode() + b"\n")
        with _mapped(old) as before_bytes, _mapped(new) as after_bytes:
            for part in _parts(before_bytes, after_bytes):
                _write_part(file, before_bytes, part)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(backup)


def _write_part(file: BinaryIO, old: mmap.mmap, part: tuple[bytes, int, int]) -> None:
    kind, start, length = part
    file.write(_PART.pack(kind, start, length))
    if kind == _DATA:
        for begin in range(start, start + length, _PIECE):
            file.write(old[begin : min(begin + _PIECE, start + length)])


def restore(new: bytes, backup: Path, target: bytes) -> str:
    """Write the old file at `target`, where nothing is, and return its digest. Raises OSError."""
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w+b") as file, backup.open("rb") as parts, _mapped(new) as now:
        parts.readline()
        while head := parts.read(_PART.size):
            kind, start, length = _PART.unpack(head)
            for begin in range(0, length, _PIECE):
                size = min(_PIECE, length - begin)
                offset = start + begin
                file.write(now[offset : offset + size] if kind == _COPY else parts.read(size))
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        return file_digest(file, "sha256").hexdigest()


def forget(row: int, *, but: str = "") -> None:
    """Delete the backups of a file, except that of the digest `but`."""
    for each in backups_dir().glob(f"{row}-*"):
        if not but or each.name != backup_file(row, but).name:
            each.unlink(missing_ok=True)


def _mapped(path: bytes) -> mmap.mmap:
    with open(opened(path), "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _parts(old: mmap.mmap, new: mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """The parts of the old file: copies of the new one, and what that lacks."""
    at_old = at_new = 0
    while at_old < len(old):
        length = _common(old, at_old, new, at_new)
        if length >= _ANCHOR or (length and at_old + length == len(old)):
            yield _COPY, at_new, length
            at_old, at_new = at_old + length, at_new + length
            continue
        found = _next(old, at_old, new, at_new)
        if found is None:
            yield _DATA, at_old, len(old) - at_old
            return
        yield _DATA, at_old, found.old - at_old
        at_old, at_new = found.old, found.new


def _common(old: mmap.mmap, at_old: int, new: mmap.mmap, at_new: int) -> int:
    """How many bytes are the same from these places on."""
    longest = min(len(old) - at_old, len(new) - at_new)
    done, size = 0, 64
    while done < longest:
        step = min(size, longest - done)
        if old[at_old + done : at_old + done + step] == new[at_new + done : at_new + done + step]:
            done, size = done + step, min(_PIECE, 2 * size)
        elif step == 1:
            break
        else:
            size = max(1, step // 2)
            longest = min(longest, done + step)
    return done


def _next(old: mmap.mmap, at_old: int, new: mmap.mmap, at_new: int) -> _Found | None:
    """The next place behind a difference from which on both files are the same for a while."""
    best: _Found | None = None
    for skip in _SKIPS:
        start = at_old + skip
        anchor = old[start : start + _ANCHOR]
        if len(anchor) < _ANCHOR:
            break
        if len(set(anchor)) < _PLAIN:
            continue
        place = new.find(anchor, at_new, at_new + skip + _NEAR)
        if place < 0 and skip >= _GOOD:
            place = new.find(anchor, at_new)
        if place < 0:
            continue
        found = _grown(old, at_old, new, at_new, start, place)
        if best is None or found.length - found.old > best.length - best.old:
            best = found
        if best.length >= max(_GOOD, skip) or skip > _FAR * best.length:
            break
    return best


def _grown(  # noqa: PLR0913, PLR0917  # two places in each of two files
    old: mmap.mmap, at_old: int, new: mmap.mmap, at_new: int, start: int, place: int
) -> _Found:
    """What is the same around a place in both, from its beginning on."""
    while start > at_old and place > at_new and old[start - 1] == new[place - 1]:
        start, place = start - 1, place - 1
    return _Found(start, place, _common(old, start, new, place))
