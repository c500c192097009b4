"""What is mounted: the file system that a folder lies on, and those below it."""

import os
import re
from pathlib import Path
from typing import NamedTuple

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
