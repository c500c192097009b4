"""RIFF INFO, bext and AIFF text chunks, and WAV files whose sizes lie."""

import struct

import pytest

from tests.metadata.conftest import Read
from tests.metadata.containers import RATE, aiff, chunk, wave
from tests.metadata.tagging import id3_tag
from tests.music import tone

INFO = {
    b"INAM": "Titel",
    b"IART": "Künstler",
    b"IPRD": "Album",
    b"IGNR": "Rock",
    b"ICRD": "1999-05-01",
    b"ITRK": "3/9",
}


def info(values: dict[bytes, str], encoding: str = "utf-8") -> bytes:
    """A LIST chunk of type INFO, its texts ended by NUL."""
    entries = (chunk(name, text.encode(encoding) + b"\0") for name, text in values.items())
    return chunk(b"LIST", b"INFO" + b"".join(entries))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_riff_info_is_read(encoding: str, read: Read) -> None:
    tags = read("a.wav", wave(info(INFO, encoding))).tags
    assert (tags.title, tags.artists, tags.album) == ("Titel", ["Künstler"], "Album")
    assert (tags.genres, tags.date) == (["Rock"], "1999-05-01")
    assert (tags.track, tags.track_total) == (3, 9)


def test_id3_wins_over_riff_info(read: Read) -> None:
    tags = read("a.wav", wave(info({b"INAM": "INFO"}), chunk(b"id3 ", id3_tag()))).tags
    assert tags.title == "Jóga / state of (emergency)"


def test_the_broadcast_date_is_the_date_where_no_other_is(read: Read) -> None:
    broadcast = chunk(b"bext", bytes(320) + b"2018:01:09" + bytes(272))
    assert read("a.wav", wave(broadcast)).tags.date == "2018-01-09"


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_an_unfinished_recording_lasts_as_long_as_its_bytes(size: int, read: Read) -> None:
    data = wave()
    start = data.index(b"data") + 4
    data = data[:start] + struct.pack("<I", size) + data[start + 4 :]
    assert read("a.wav", data).audio.duration == pytest.approx(0.5)


def test_rf64_takes_its_size_from_ds64_and_reads_what_follows(read: Read) -> None:
    plain = wave(info(INFO))
    sizes = chunk(b"ds64", struct.pack("<QQQI", len(plain), RATE, RATE // 2, 0))
    start = plain.index(b"data") + 4
    data = b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + plain[12:start] + b"\xff" * 4
    track = read("a.wav", data + plain[start + 4 :])
    assert track.audio.duration == pytest.approx(0.5)
    assert track.tags.title == "Titel"


def test_compressed_wave_is_measured_by_its_fact_chunk(read: Read) -> None:
    form = struct.pack("<HHIIHHH", 0x55, 2, RATE, 16_000, 1, 0, 0)
    data = wave(chunk(b"fact", struct.pack("<I", 10 * RATE)), form=form, sound=bytes(160_000))
    audio = read("a.wav", data).audio
    assert (audio.codec, audio.duration, audio.bit_rate) == ("mp3", 10.0, 128_000)


def test_aiff_text_chunks_are_read(read: Read) -> None:
    data = aiff(chunk(b"NAME", b"Title", ">"), chunk(b"AUTH", b"Some Author", ">"))
    tags = read("a.aiff", data).tags
    assert (tags.title, tags.artists) == ("Title", ["Some Author"])


@pytest.mark.parametrize("extension", ["wav", "aiff"])
def test_real_files_are_described(extension: str, read: Read) -> None:
    audio = read(f"a.{extension}", tone(extension)).audio
    assert (audio.codec, audio.duration, audio.sample_rate) == ("pcm", pytest.approx(0.3), 48_000)
    assert (audio.bit_depth, audio.channels, audio.bit_rate) == (
        16,
        1,
        pytest.approx(768_000, rel=0.01),
    )
