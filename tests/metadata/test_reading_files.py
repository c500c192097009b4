"""One file costs only itself, whatever it is."""

import struct
import zlib

import pytest

from jobs.metadata.reader import read_files
from jobs.records import ProblemCode, TrackRecord, UnreadFile
from tests.metadata.conftest import Found
from tests.metadata.tagging import id3_tag, with_vorbis
from tests.music import tone

NAMES = (b"TIT2", b"TPE1", b"TALB", b"TPE2", b"TCOM", b"TMOO", b"TKEY", b"TPUB")


def tag_bomb(frames: int, megabytes: int) -> bytes:
    """A mp3 with compressed ID3 frames that inflate to `megabytes` each."""
    deflate, million = zlib.compressobj(), b"x" * 1_000_000
    head = deflate.compress(b"\0") + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(million) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = zlib.adler32(b"\0")
    for _ in range(megabytes):
        checksum = zlib.adler32(million, checksum)
    tail = deflate.flush()[:-4] + struct.pack(">I", checksum)
    text = struct.pack(">I", megabytes * 1_000_000) + head + block * megabytes + tail
    content = struct.pack(">IH", len(text), 0x80) + text
    body = b"".join(name + content for name in NAMES[:frames])
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body + tone("mp3")


@pytest.mark.parametrize(("frames", "megabytes"), [(1, 500), (8, 60)])
def test_a_tag_bomb_costs_only_its_own_file(frames: int, megabytes: int, found: Found) -> None:
    files = [
        found("1.mp3", id3_tag() + tone("mp3")),
        found("2.mp3", tag_bomb(frames, megabytes)),
        found("3.flac", tone("flac")),
    ]
    before, bomb, after = read_files(files)
    assert isinstance(before, TrackRecord)
    assert isinstance(bomb, UnreadFile)
    assert bomb.code == ProblemCode.TOO_MUCH_MEMORY
    assert isinstance(after, TrackRecord)


def test_every_file_has_one_result_in_order(found: Found) -> None:
    contents = [b"", tone("mp3"), b"junk" * 100, tone("flac"), tone("mp3")[:700]]
    files = [found(f"{number}.mp3", data) for number, data in enumerate(contents)]
    assert [result.file for result in read_files(files)] == files


def test_a_size_beyond_the_file_costs_no_more_than_what_it_claims(found: Found) -> None:
    data = with_vorbis(tone("flac"))
    start = data.index(b"\x04", 42)
    claimed = data[: start + 4] + b"\xff\xff\xff\x7f" + data[start + 8 :]
    [result] = read_files([found("a.flac", claimed)])
    assert isinstance(result, TrackRecord)
    assert (result.audio.codec, result.audio.duration) == ("flac", 0.3)


def test_no_files_give_no_results() -> None:
    assert list(read_files([])) == []
