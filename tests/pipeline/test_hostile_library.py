"""Whatever lies in a library, a scan ends, and takes in the music beside it."""

import os
import socket
from pathlib import Path

import pytest

from db.files import NotAFileError, opened, read_small
from db.models import Problem, ScanChunk, Track
from db.models import Scan as ScanRow
from jobs.content import content_id_of
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan
from tests.pipeline.tables import content

NAMES = (
    b"a\nb\r.flac",
    b"\x1b[31m\x07.flac",
    b"\xff\xfe\xed\xa0\x80.flac",
    b"n" * 250 + b".flac",
    "\u202e\U0001f3b5 é e\u0301.flac".encode(),
    b"-rf --no-preserve-root; $(x) `x` %s {} [] * ?.flac",
    b"b'quoted'.flac",
)


def song(folder: Path, name: bytes = b"1.flac", pitch: int = 440) -> None:
    """A good song under any name."""
    made = write_track(folder / "made.flac", pitch=pitch, title="T", artist="A", album="B")
    os.rename(made, os.fsencode(folder) + b"/" + name)  # noqa: PTH104  # bytes


def make_hostile(library: Path) -> None:
    """Everything that can be named like what a scan takes, each beside a good song."""
    for number, name in enumerate((".ndignore", ".nomedia", "artist.nfo", "cover.jpg", "s.mp3")):
        folder = library / f"pipe {number}"
        song(folder, pitch=100 + number)
        os.mkfifo(folder / name)
        folder = library / f"folder {number}"
        song(folder, pitch=200 + number)
        (folder / name).mkdir()
        folder = library / f"device {number}"
        song(folder, pitch=300 + number)
        (folder / name).symlink_to("/dev/zero")
        folder = library / f"socket {number}"
        song(folder, pitch=400 + number)
        with socket.socket(socket.AF_UNIX) as server:
            here = Path.cwd()
            os.chdir(folder)  # the path of a socket has 107 bytes at most
            server.bind(name)
            os.chdir(here)
        folder = library / f"loop {number}"
        song(folder, pitch=500 + number)
        (folder / name).symlink_to(name)
        folder = library / f"large {number}"
        song(folder, pitch=600 + number)
        (folder / name).write_bytes(b"*[" * 100_000)


def test_a_scan_of_a_hostile_library_takes_in_every_song(library: Path, scan: Scan) -> None:
    make_hostile(library)
    (library / "names").mkdir()
    for number, name in enumerate(NAMES):
        song(library / "names", name, pitch=700 + number)
    (library / "up").symlink_to("..")
    (library / "here").symlink_to(".")
    scan()
    row = ScanRow.get()
    assert row.finished_at is not None
    assert row.fault is None
    assert ScanChunk.select().where(ScanChunk.done_at.is_null()).count() == 0
    missing = {
        f"{kind} {number}/1.flac"
        for kind in ("pipe", "folder", "device", "socket", "loop", "large")
        for number in range(5)
    } - {track.path.removeprefix(f"{library}/") for track in Track.select()}
    assert missing == set()
    assert Track.select().count() == 30 + len(NAMES)
    assert all("b'/" not in problem.message for problem in Problem.select())
    before = content(present_only=False)
    scan()
    assert content(present_only=False) == before


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop"])
def test_what_takes_the_place_of_a_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "song.mp3"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero" if kind == "device" else place.name)
    for reader in (opened, content_id_of, lambda path: read_small(path, 10)):
        with pytest.raises(NotAFileError, match="not a file"):
            reader(os.fsencode(place))


@ON_SQLITE
def test_a_folder_of_thousands_of_other_files_is_counted(library: Path, scan: Scan) -> None:
    song(library / "full")
    (library / "full" / "cover.jpg").write_bytes(picture("red"))
    for number in range(2_000):
        (library / "full" / f"{number}.txt").touch()
    scan()
    row = ScanRow.get()
    assert (row.found, row.pictures, row.left_out) == (1, 1, {"other": 2_000})
