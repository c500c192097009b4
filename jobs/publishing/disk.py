"""Writing files outside the data folder, so that whoever ends the process finds whole files.

A file is written beside its place under a hidden name, and then gets its own: a new one without
replacing whatever may be there by then, one of ours in exchange for what is there, which is looked
at afterwards and put back where it is not what it should have been.
"""

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from db.files import opened
from db.publishing import written_files
from db.publishing.export_runs import End, Outcome
from db.publishing.written_files import Kind, Ours, digest_of
from db.scanning import roots
from db.sql.connection import transaction
from db.sql.path_text import shown, to_bytes

_libc = ctypes.CDLL(None, use_errno=True)
_HERE = -100
_NO_REPLACE, _EXCHANGE = 1, 2
"""Flags of renameat2(2)."""
_UNABLE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM, errno.EMLINK}
"""What file systems say that have no such links, or flags."""
_MODE = 0o644
_PIECE = 1024 * 1024

Make = Callable[[bytes], None]
"""What writes a file at a path where there is none."""


class ForeignFileError(Exception):
    """Something that is not ours stands where a file is to be written."""


class Wanted(NamedTuple):
    """A file that is to be there."""

    path: str
    """In the text form of `db.sql.path_text`."""
    kind: Kind
    source: str
    """What it is made of: when that is the same, and the file as it was written, it is. Empty: that
    is not known before it is made."""
    make: Make
    place: str | None = None
    """The folder that was named for the export; None: the library's own."""


FOREIGN = "something that is not of musicfleet is there, and was left alone"
GONE = "it was changed since it was written, so it is yours, and was left alone"


def settle(wanted: Wanted, known: Ours | None, *, dry: bool) -> Outcome:
    """Have a file be there, and say what became of it. Whatever is not ours stays as it is.

    `known` is the row of its path. Raises OSError, and what `make` raises.
    """
    path = to_bytes(wanted.path)
    if known is not None and known.state == written_files.WRITING and not dry:
        remove(beside(path))
    present = _present(path, known)
    if known is not None and present is not None and present not in (known.digest, known.before):
        if not dry:
            _forget(known.id)
        return Outcome(End.LEFT, wanted.path, FOREIGN)
    if known is None and present is not None:
        return Outcome(End.LEFT, wanted.path, FOREIGN)
    is_same = known is not None and present == known.digest and known.source == wanted.source
    if known is not None and is_same and wanted.source:
        if known.state == written_files.WRITING and not dry:
            _end(known.id, path)
        return Outcome(End.UNCHANGED, wanted.path)
    if dry:
        return Outcome(End.WRITTEN, wanted.path)
    return _write(wanted, path, present)


def _write(wanted: Wanted, path: bytes, present: str | None) -> Outcome:
    temporary = beside(path)
    row = _begin(wanted, _UNKNOWN, present)
    try:
        remove(temporary)
        wanted.make(temporary)
        digest = digest_of(temporary)
        if digest == present:
            _begin(wanted, digest, None)
            _end(row, path)
            return Outcome(End.UNCHANGED, wanted.path)
        _begin(wanted, digest, present)
        if present is None:
            move_in(temporary, path)
        else:
            exchange(temporary, path, present)
        _end(row, path)
    except ForeignFileError:
        _forget(row)
        return Outcome(End.LEFT, wanted.path, FOREIGN)
    except OSError:
        if present is None and _present(path) is None:
            _forget(row)
        raise
    finally:
        remove(temporary)
    return Outcome(End.WRITTEN, wanted.path)


def _begin(wanted: Wanted, digest: str, present: str | None) -> int:
    columns = {"source": wanted.source, "place": wanted.place, "before": present}
    with transaction():
        return written_files.begin(wanted.path, wanted.kind, digest, **columns)


_UNKNOWN = "not made yet"
"""The digest of what is just being made."""


def take_away(known: Ours, *, dry: bool) -> Outcome:
    """Remove what was written, unless it is somebody else's by now, and forget it.

    Raises OSError when it cannot be removed.
    """
    path = to_bytes(known.path)
    if not dry:
        remove(beside(path))
    if known.is_folder:
        return _take_folder_away(known, path, dry=dry)
    present = _present(path, known)
    if present is not None and present not in (known.digest, known.before):
        if not dry:
            _forget(known.id)
        return Outcome(End.LEFT, known.path, GONE)
    if not dry:
        remove(path)
        sync_folder(os.path.dirname(path))
        _forget(known.id)
    return Outcome(End.UNCHANGED if present is None else End.REMOVED, known.path)


def _take_folder_away(known: Ours, path: bytes, *, dry: bool) -> Outcome:
    if dry:
        return Outcome(End.REMOVED, known.path)
    try:
        os.rmdir(path)  # noqa: PTH106  # bytes
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        _forget(known.id)
        return Outcome(End.LEFT, known.path, "something that is not of musicfleet is in it")
    _forget(known.id)
    return Outcome(End.REMOVED, known.path)


def make_folders(folder: str, place: str, kind: Kind) -> None:
    """Make a folder and those above it that lack, each known as ours. Raises OSError."""
    missing = []
    while not os.path.isdir(to_bytes(folder)):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for each in reversed(missing):
        with transaction():
            row = written_files.begin(each, kind, "", place=place)
        with suppress(FileExistsError):
            os.mkdir(to_bytes(each))  # noqa: PTH102  # bytes
        _end(row, to_bytes(each))


def failure(error: OSError, path: str) -> Outcome:
    """What became of a file that the system did not let be written, in words with a remedy."""
    obstacle = roots.obstacle(path, error.errno)
    if obstacle is None or obstacle.is_of_item:
        return Outcome(End.FAILED, path, f"{error.strerror or error} — check {shown(path)}")
    return Outcome(End.FAILED, path, f"{obstacle.text} — {obstacle.remedy}")


def writer(data: bytes) -> Make:
    """What writes these bytes."""

    def make(path: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    return make


def clone(path: bytes, target: bytes) -> None:
    """Copy a file, with its mode and times, where nothing is. Raises OSError.

    The copy shares the blocks of the file where the file system can.
    """
    if not share(path, target):
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with open(opened(path), "rb") as source, open(descriptor, "wb") as copy:
            shutil.copyfileobj(source, copy, _PIECE)
            copy.flush()
            os.fsync(copy.fileno())
        like(path, target)


def share(path: bytes, target: bytes) -> bool:
    """Have a new file share the blocks of another; False where the file system cannot.

    Raises OSError.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    with open(opened(path), "rb") as source, open(descriptor, "wb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), _FICLONE, source.fileno())
        except OSError as error:
            remove(target)
            if error.errno not in _NO_CLONES:
                raise
            return False
    like(path, target)
    return True


def like(path: bytes, target: bytes, mtime_ns: int | None = None) -> None:
    """Give a file the owner, mode and times of another, or this time."""
    status = os.stat(path)
    with suppress(PermissionError):
        os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(path, target)
    if mtime_ns is not None:
        os.utime(target, ns=(status.st_atime_ns, mtime_ns))


_FICLONE = 0x40049409
"""ioctl_ficlone(2)."""
_NO_CLONES = {
    *(errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS),
    *(errno.EBADF, errno.EISDIR, errno.ETXTBSY, errno.EPERM),
}
"""What is said where blocks cannot be shared."""


def beside(path: bytes) -> bytes:
    """The hidden name under which a file is written, always the same: the next attempt finds it."""
    folder, name = os.path.split(path)
    return os.path.join(folder, b".musicfleet-%s.part" % sha256(name).hexdigest()[:16].encode())


def move_in(temporary: bytes, path: bytes) -> None:
    """Give a file its name unless something has it. Raises ForeignFileError and OSError."""
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError as error:
        raise ForeignFileError(shown(os.fsdecode(path))) from error
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        _rename(temporary, path, _NO_REPLACE)
    sync_folder(os.path.dirname(path))


def exchange(temporary: bytes, path: bytes, before: str) -> None:
    """Put a file in the place of one whose bytes have the digest `before`.

    Raises ForeignFileError when that has become another, which stays, and OSError.
    """
    try:
        _rename(temporary, path, _EXCHANGE)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        # Such a file system can do no better.
        os.replace(temporary, path)  # noqa: PTH105  # bytes
    else:
        if digest_of(temporary) != before:
            _rename(temporary, path, _EXCHANGE)
            raise ForeignFileError(shown(os.fsdecode(path)))
    sync_folder(os.path.dirname(path))


def _rename(old: bytes, new: bytes, flags: int) -> None:
    if _libc.renameat2(_HERE, old, _HERE, new, flags):
        number = ctypes.get_errno()
        if number == errno.EEXIST:
            raise ForeignFileError(shown(os.fsdecode(new)))
        raise OSError(number, os.strerror(number), os.fsdecode(new))


def remove(path: bytes) -> None:
    """Remove a file, if there is one."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108  # bytes


def sync_folder(folder: bytes) -> None:
    """Have the disk keep the names in a folder. File systems that cannot are let be."""
    descriptor = os.open(folder or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _present(path: bytes, known: Ours | None = None) -> str | None:
    """The digest of what is at a path; None for nothing.

    A mirror is as large as the library: a file of it with the size and time that it was written
    with is not read again.
    """
    if not os.path.lexists(path):
        return None
    if os.path.islink(path) or not os.path.isfile(path):  # noqa: PTH114  # bytes
        return "no file"
    if known is not None and known.kind == Kind.MIRROR and known.state == written_files.WRITTEN:
        status = os.lstat(path)
        if (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns):
            return known.digest
    return digest_of(path)


def _end(row: int, path: bytes) -> None:
    status = os.lstat(path)
    with transaction():
        written_files.end(row, status.st_size, status.st_mtime_ns)


def _forget(row: int) -> None:
    with transaction():
        written_files.forget(row)
