"""Library roots and mounts: whether one is there, and what keeps a file below it from being read.

What is mounted below a root is as a root itself: its disk or share may be away alone.
"""

import errno
import os
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from db.ledger import Cause, Obstacle, cause_of
from db.models import Scan, utc_now
from db.scanning import scans
from db.scanning.selection import Kind, Selection
from db.sql.path_text import is_under, to_bytes, to_text
from db.sql.queries import tuples

_NETWORK = re.compile(
    r"9p|afs|beegfs|ceph|cifs|coda|davfs|gfs2?|glusterfs|lustre|ncpfs|nfs4?|ocfs2|orangefs|pvfs2"
    r"|smb3|smbfs|vboxsf|virtiofs|vmhgfs"
    r"|fuse\.(cephfs|davfs2|gcsfuse|glusterfs|gvfsd-fuse|juicefs|mergerfs|rclone|s3fs|smbnetfs"
    r"|sshfs|vmhgfs-fuse)"
)
"""File systems that other machines change too: inotify reports only changes of this machine.
Branches of a mergerfs may be anywhere."""
_ESCAPE = re.compile(rb"\\([0-7]{3})")
_MOUNTINFO = Path("/proc/self/mountinfo")


class Mount(NamedTuple):
    """A mounted file system."""

    number: int
    """Of the mount; another one at the same place has another."""
    place: bytes
    kind: str
    """nfs4, ext4, fuse.sshfs …"""

    @property
    def is_network(self) -> bool:
        """Whether files may change there without this machine's doing."""
        return _NETWORK.fullmatch(self.kind) is not None


def mounts_of(root: bytes, mountinfo: bytes | None = None) -> list[Mount]:
    """The mount that the root lies on, and those below the root.

    `mountinfo` is the text of proc_pid_mountinfo(5), by default this process's. Only Linux has
    one; elsewhere there are none.
    """
    text = _own_mountinfo() if mountinfo is None else mountinfo
    mounts = [_parsed(line) for line in text.splitlines()]
    above = [each for each in mounts if _is_below(root, each.place)]
    # Of several at one place the last one covers the others.
    lowest = max(above, key=lambda each: (len(each.place), mounts.index(each)), default=None)
    below = [each for each in mounts if each.place != root and _is_below(each.place, root)]
    return ([lowest] if lowest else []) + below


def _own_mountinfo() -> bytes:
    return _MOUNTINFO.read_bytes() if _MOUNTINFO.exists() else b""


def _parsed(line: bytes) -> Mount:
    fields = line.split(b" ")
    kind = fields[fields.index(b"-", 6) + 1]
    place = _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), fields[4])
    return Mount(int(fields[0]), place, os.fsdecode(kind))


def _is_below(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


_MOST_SEEN = 20_000
"""Files and folders after which a root counts as there, though no audio file was among them."""
_GONE = {errno.ENOENT, errno.ENOTDIR}


def absence(root: str) -> str:
    """Why a root cannot be scanned, for people; empty when it is there and has anything in it."""
    try:
        with os.scandir(to_bytes(root)) as entries:
            return "" if next(entries, None) else "it is empty: is its disk mounted?"
    except FileNotFoundError:
        return "it is not there: is its disk mounted?"
    except OSError as error:
        return f"it cannot be listed: {error.strerror}"


def root_of(path: str) -> str:
    """The outermost library root that holds a file; its folder when none does."""
    return min(_roots_of(path), key=len, default=posixpath.dirname(path))


def away(path: str) -> Obstacle | None:
    """What is wrong with the roots and mounts that hold a file or folder; None: they are there.

    One without any audio file is away: its disk is not mounted.
    """
    for root in sorted(_roots_of(path), key=len):
        try:
            os.scandir(to_bytes(root)).close()
        except OSError as error:
            return Obstacle(cause_of(error.errno) or Cause.ROOT_AWAY, root)
        if not _holds_audio(root):
            return Obstacle(Cause.ROOT_AWAY, root)
    return None


def are_several() -> bool:
    """Whether there is more than one library root."""
    return len(scans.roots()) > 1


def gone(paths: Sequence[str]) -> set[str]:
    """Those of these paths where no file is any more, though their root is there."""
    vanished = {path for path in paths if not os.path.lexists(to_bytes(path))}
    missed = {place for path in vanished for place in _roots_of(path)}
    lost = {place for place in missed if away(place)}
    return {path for path in vanished if not any(is_under(path, place) for place in lost)}


def obstacle(path: str, number: int | None) -> Obstacle | None:
    """What keeps a file or folder from being read that failed with this error number of the system.

    None when it is the file itself, which is there. A file that is there by now was away with its
    root, which has come back meanwhile.
    """
    if number in _GONE:
        is_back = os.path.exists(to_bytes(path))
        here = Obstacle(Cause.ROOT_AWAY if is_back else Cause.FILE_GONE, root_of(path))
        return away(path) or here
    cause = cause_of(number)
    return Obstacle(cause, root_of(path)) if cause is not None else None


class Mounts(NamedTuple):
    """The disks and shares with music that are mounted below a root."""

    known: list[str]
    """The folders, also of those that are away."""
    away: list[str]


def mounts_below(root: str) -> Mounts:
    """What is mounted below a root, or was when it was last scanned."""
    before = {place for place in scans.mounts() if is_under(place, root)}
    places = before | {to_text(each.place) for each in mounts_of(to_bytes(root))}
    there = {each for each in places - {root} if is_under(each, root) and _holds_audio(each)}
    return Mounts(sorted(before | there), sorted(before - there))


def _roots_of(path: str) -> list[str]:
    return [root for root in {*scans.roots(), *scans.mounts()} if is_under(path, root)]


def _holds_audio(root: str) -> bool:
    selection, seen = Selection.of_settings(), 0
    for _, _, files in os.walk(to_bytes(root)):
        if any(selection.kind_of(name) is Kind.AUDIO for name in files):
            return True
        seen += 1 + len(files)
        if seen > _MOST_SEEN:
            return True
    return False


def mark_forgotten(root: str) -> None:
    """Say that a root is none any more, and that its tracks are to go, in a transaction."""
    here = (Scan.root == root) & Scan.forgotten_at.is_null()
    Scan.update(forgotten_at=utc_now()).where(here).execute()


def being_forgotten() -> list[str]:
    """The folders that are no roots any more, and whose tracks may not all be gone, by name."""
    query = Scan.select(Scan.root).where(Scan.forgotten_at.is_null(False)).distinct()
    return sorted(root for (root,) in tuples(query))


def is_forgotten(root: str) -> bool:
    """Whether a root is being forgotten; no scan of it begins before this transaction has ended."""
    here = (Scan.root == root) & Scan.forgotten_at.is_null(False)
    return bool(Scan.update(root=Scan.root).where(here).execute())
