"""Lengths of MPEG audio with and without a header that counts the frames."""

import struct

import pytest

from jobs.errors import UnreadableFileError
from tests.metadata.conftest import Read

FRAME = bytes.fromhex("FFFB9000") + bytes(413)
"""MPEG 1 layer III, 128 kbit/s, 44.1 kHz, stereo, 417 bytes, 1152 samples."""
LAYER_2 = bytes.fromhex("FFFDA400") + bytes(572)
"""MPEG 1 layer II, 192 kbit/s, 48 kHz: 576 bytes."""


def counted(name: bytes, frames: int, size: int) -> bytes:
    """A first frame with a Xing or Info header."""
    header = name + struct.pack(">III", 3, frames, size)
    return FRAME[:36] + header + FRAME[36 + len(header) :]


def test_constant_bit_rate_is_measured_by_the_file(read: Read) -> None:
    audio = read("a.mp3", FRAME * 100).audio
    assert (audio.bit_rate, audio.duration) == (128_000, pytest.approx(100 * 417 * 8 / 128_000))


def test_variable_bit_rate_is_measured_by_the_xing_header(read: Read) -> None:
    audio = read("a.mp3", counted(b"Xing", 3828, 2_000_000) + FRAME * 20).audio
    assert audio.duration == pytest.approx(3828 * 1152 / 44_100)
    assert audio.bit_rate == pytest.approx(160_000, rel=0.001)


def test_an_info_header_keeps_the_constant_bit_rate(read: Read) -> None:
    audio = read("a.mp3", counted(b"Info", 3828, 2_000_000) + FRAME * 20).audio
    assert (audio.bit_rate, audio.duration) == (128_000, pytest.approx(3828 * 1152 / 44_100))


def test_a_vbri_header_counts_too(read: Read) -> None:
    vbri = b"VBRI" + bytes(6) + struct.pack(">II", 2_000_000, 3828)
    first = FRAME[:36] + vbri + FRAME[36 + len(vbri) :]
    assert read("a.mp3", first + FRAME * 20).audio.duration == pytest.approx(3828 * 1152 / 44_100)


def test_layer_2_is_named(read: Read) -> None:
    audio = read("a.mp2", LAYER_2 * 50).audio
    assert (audio.codec, audio.container, audio.sample_rate) == ("mp2", "mp3", 48_000)


def test_sound_is_found_behind_junk(read: Read) -> None:
    assert read("a.mp3", b"junk" * 5000 + FRAME * 100).audio.codec == "mp3"


@pytest.mark.parametrize("size", [3_000, 60_000])
def test_frames_by_chance_are_no_sound(size: int, read: Read) -> None:
    noise = (FRAME[:4] + bytes(range(4, 256))) * (size // 256)
    with pytest.raises(UnreadableFileError, match="no frames of MPEG audio"):
        read("a.mp3", b"x" + noise)
