"""Whose files others may change is known from what is mounted."""

import pytest

from db.scanning.roots import mounts_of

MOUNTINFO = rb"""22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
30 22 0:40 / /mnt/my\040nas rw,relatime shared:5 master:2 - nfs4 nas:/music rw,vers=4.2
31 22 0:41 / /mnt/disk rw,relatime - ext4 /dev/sdb1 rw
32 31 0:42 / /mnt/disk/share rw,relatime - cifs //nas/share rw
33 22 0:43 / /mnt/ssh rw - fuse.sshfs me@there: rw
34 22 0:44 / /mnt/usb rw - fuseblk /dev/sdc1 rw
35 34 0:45 / /mnt/usb rw - 9p share rw
"""


@pytest.mark.parametrize(
    ("root", "kinds"),
    [
        (b"/home/me/Music", ["ext4"]),
        (b"/mnt/my nas/jazz", ["nfs4"]),
        (b"/mnt/disk", ["ext4", "cifs"]),
        (b"/mnt/disk2", ["ext4"]),
        (b"/mnt/ssh", ["fuse.sshfs"]),
        (b"/mnt/usb", ["9p"]),
    ],
)
def test_a_root_lies_on_the_nearest_mount_and_has_those_below_it(
    root: bytes, kinds: list[str]
) -> None:
    assert [each.kind for each in mounts_of(root, MOUNTINFO)] == kinds


def test_only_network_mounts_are_network_mounts() -> None:
    network = {each.kind for each in mounts_of(b"/", MOUNTINFO) if each.is_network}
    assert network == {"nfs4", "cifs", "fuse.sshfs", "9p"}


def test_this_machine_has_a_mount_for_its_root() -> None:
    assert mounts_of(b"/")[0].place == b"/"
