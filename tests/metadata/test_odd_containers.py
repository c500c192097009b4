"""A reader that does not find what it expects looks further, and FFmpeg is asked last."""

import io
import struct
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from mutagen.mp4 import MP4

from jobs.metadata.reader import read_pictures
from tests.metadata import containers, tagging
from tests.metadata.conftest import Found, Read
from tests.metadata.containers import RATE, aiff, atom, chunk, wave
from tests.metadata.muxing import muxed
from tests.metadata.tagging import id3_tag, with_ape, with_vorbis
from tests.music import picture, tone

STRAY = b"\0n\0i" + bytes(4)
UNNAMED = bytes(4) + struct.pack("<I", 6) + bytes(6)
TITLE = "Jóga / state of (emergency)"
"""Of `tagging.TAGS`."""


def unpadded(*entries: tuple[bytes, bytes]) -> bytes:
    """Chunks without the byte that makes an odd size even."""
    return b"".join(name + struct.pack("<I", len(data)) + data for name, data in entries)


def info(*entries: tuple[bytes, bytes]) -> bytes:
    """A LIST chunk of type INFO, nothing in it padded."""
    return unpadded((b"LIST", b"INFO" + unpadded(*entries)))


ENTRIES = ((b"INAM", TITLE.encode() + b"\0"), (b"IART", b"Odd"), (b"IPRD", b"Even"))


def long_data(data: bytes) -> bytes:
    """A WAV file whose data chunk claims to be larger than the file."""
    start = data.index(b"data") + 4
    return data[:start] + struct.pack("<I", 2**31) + data[start + 4 :]


def big_endian() -> bytes:
    """A RIFX file."""
    form = struct.pack(">HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    sound = chunk(b"data", bytes(RATE), ">")
    return chunk(b"RIFX", b"WAVE" + chunk(b"fmt ", form, ">") + sound + named(">"), ">")


def named(order: str = "<") -> bytes:
    """An ID3 chunk."""
    return chunk(b"id3 ", id3_tag(), order)


def wrong_ape_size() -> bytes:
    """An APE tag whose footer says that it is smaller."""
    data = with_ape(tone("mp3"))
    return data[:-20] + struct.pack("<I", 40) + data[-16:]


TITLED: dict[str, Callable[[], bytes]] = {
    "stray chunk.wav": lambda: wave(STRAY, info(*ENTRIES), named()),
    "chunk without a name.wav": lambda: wave(UNNAMED, info(*ENTRIES)),
    "no padding.wav": lambda: wave(unpadded((b"junk", b"odd")), info(*ENTRIES)),
    "junk between.wav": lambda: wave(b"\xff\xfe\xfd", named()),
    "padding too many.wav": lambda: wave(b"\0", named()),
    "size too large.wav": lambda: long_data(wave(named())),
    "cut off tag.wav": lambda: wave(named())[:-40],
    "big endian.wav": big_endian,
    "behind a tag.wav": lambda: id3_tag() + wave(),
    "behind junk.wav": lambda: b"<html>" * 9 + wave(named()),
    "stray chunk.aiff": lambda: aiff(b"\0n\0i" + bytes(4), chunk(b"ID3 ", id3_tag(), ">")),
    "no padding.aiff": lambda: aiff(b"ANNO\0\0\0\3odd" + chunk(b"ID3 ", id3_tag(), ">")),
    "behind a tag.aiff": lambda: id3_tag() + aiff(),
    "behind a tag.ogg": lambda: id3_tag() + tone("ogg"),
    "behind junk.ogg": lambda: b"\r\n\r\n" + with_vorbis_ogg(),
    "behind junk.flac": lambda: b"junk" * 99 + with_vorbis(tone("flac")),
    "behind a tag.m4a": lambda: id3_tag() + containers.mp4(),
    "behind two tags.flac": lambda: id3_tag() + id3_tag() + tone("flac"),
    "long junk.mp3": lambda: id3_tag() + b"\0junk" * 60_000 + tone("mp3"),
    "wrong size.mp3": wrong_ape_size,
    "quicktime.m4a": lambda: quicktime(tagging.with_atoms(containers.mp4())),
}
"""Files that hold the title, and lack something."""


def with_vorbis_ogg() -> bytes:
    """An Ogg file with tags."""
    from mutagen.oggvorbis import OggVorbis  # noqa: PLC0415  # a helper of one case

    return with_vorbis(tone("ogg"), OggVorbis)


def quicktime(data: bytes) -> bytes:
    """An MP4 file whose `meta` has neither version nor flags, as QuickTime writes it."""
    mp4 = MP4(io.BytesIO(data))
    assert mp4.tags
    meta = data.index(b"meta") - 4
    size = struct.unpack(">I", data[meta : meta + 4])[0]
    plain = struct.pack(">I", size - 4) + b"meta" + data[meta + 12 : meta + size]
    for outer in (b"moov", b"udta"):
        start = data.index(outer) - 4
        length = struct.unpack(">I", data[start : start + 4])[0]
        data = data[:start] + struct.pack(">I", length - 4) + data[start + 4 :]
    return data[:meta] + plain + data[meta + size :]


@pytest.mark.parametrize("name", TITLED)
def test_tags_are_found_where_the_file_is_not_as_it_should_be(name: str, read: Read) -> None:
    track = read(name, TITLED[name]())
    assert track.tags.title == TITLE
    assert track.audio.duration


def test_what_stands_behind_stray_bytes_is_read_whole(read: Read) -> None:
    tags = read("a.wav", wave(UNNAMED, info(*ENTRIES))).tags
    assert (tags.artists, tags.album) == (["Odd"], "Even")


def fragmented(*, indexed: bool = False) -> bytes:
    """An MP4 file whose samples stand in two fragments of a second each, or an index of them."""
    data = containers.mp4()
    extends = atom(b"mvex", atom(b"trex", struct.pack(">6I", 0, 0, 1, 1024, 0, 0)))
    moov = data.index(b"moov") - 4
    size = struct.unpack(">I", data[moov : moov + 4])[0]
    movie = data[moov + 8 : moov + size].replace(
        struct.pack(">II", RATE, 2 * RATE), struct.pack(">II", RATE, 0)
    )
    data = data[:moov] + atom(b"moov", movie, extends)
    if indexed:
        references = struct.pack(">III", 100, RATE, 0) * 2
        head = struct.pack(">IIIIHH", 1, RATE, 0, 0, 0, 2)
        return data + atom(b"sidx", bytes(4), head, references)
    given = struct.pack(">II", 0x100, 2) + struct.pack(">II", RATE - 1024, 1024)
    default = struct.pack(">II", 0, 43)
    runs = [atom(b"trun", given), atom(b"trun", default)]
    heads = [atom(b"tfhd", struct.pack(">II", 0, 0))] * 2
    parts = [atom(b"traf", head, run) for head, run in zip(heads, runs, strict=True)]
    return data + b"".join(atom(b"moof", part) + atom(b"mdat", bytes(800)) for part in parts)


@pytest.mark.parametrize("indexed", [False, True])
def test_a_fragmented_mp4_is_as_long_as_its_fragments(indexed: bool, read: Read) -> None:
    assert read("a.m4a", fragmented(indexed=indexed)).audio.duration == pytest.approx(2, abs=0.01)


def flac_in_mp4() -> bytes:
    """An MP4 file of FLAC at 96 kHz, which a sound description has no place for."""
    packed = (96_000 << 44 | 1 << 41 | 23 << 36).to_bytes(8, "big")
    specific = atom(b"dfLa", bytes(8), bytes(10) + packed + bytes(16))
    entry = atom(b"fLaC", bytes(6), struct.pack(">H", 1), bytes(8), described(), specific)
    return with_entry(entry)


def quicktime_pcm() -> bytes:
    """A QuickTime file whose sound description is of version 2."""
    head = struct.pack(">HHIHHhHI", 2, 0, 0, 3, 16, -2, 0, 65_536)
    rest = struct.pack(">IdIIIIII", 72, 96_000.0, 2, 0x7F000000, 24, 0, 6, 1)
    return with_entry(atom(b"lpcm", bytes(6), struct.pack(">H", 1), head, rest))


def described() -> bytes:
    """Channels, bits and rate of a sound description."""
    return struct.pack(">HHHHI", 2, 24, 0, 0, (96_000 & 0xFFFF) << 16)


def with_entry(entry: bytes) -> bytes:
    """An MP4 file with another sound description."""
    media = atom(
        b"mdia",
        atom(b"mdhd", bytes(12), struct.pack(">II", 96_000, 192_000), bytes(4)),
        atom(b"hdlr", bytes(8), b"soun", bytes(12)),
        atom(b"minf", atom(b"stbl", atom(b"stsd", bytes(4), struct.pack(">I", 1), entry))),
    )
    movie = atom(b"moov", atom(b"trak", media))
    return atom(b"ftyp", b"M4A ", bytes(4)) + movie + atom(b"mdat", bytes(32_000))


@pytest.mark.parametrize("made", [flac_in_mp4, quicktime_pcm])
def test_a_rate_that_the_description_has_no_place_for_is_read(
    made: Callable[[], bytes], read: Read
) -> None:
    audio = read("a.m4a", made()).audio
    assert (audio.sample_rate, audio.channels, audio.bit_depth) == (96_000, 2, 24)


def test_asf_with_a_film_has_the_rate_of_its_sound(read: Read) -> None:
    sound = containers.asf()
    film = uuid.UUID("BC19EFC0-5B4D-11CF-A8FD-00805F5C442B").bytes_le
    start = sound.index(uuid.UUID("B7DC0791-A9B7-11CF-8EE6-00C00C205365").bytes_le)
    (size,) = struct.unpack_from("<Q", sound, start + 16)
    stream = sound[start : start + size]
    other = stream[:24] + film + stream[40:78] + struct.pack("<IIB", 160, 120, 2) + stream[87:]
    end = start + size
    header = struct.unpack_from("<Q", sound, 16)[0] + len(other)
    data = sound[:16] + struct.pack("<Q", header) + sound[24:end] + other + sound[end:]
    audio = read("a.asf", data).audio
    assert (audio.sample_rate, audio.channels, audio.bit_rate) == (RATE, 2, 64_000)


@pytest.mark.parametrize(
    ("form", "codec", "extension"),
    [("matroska", "libopus", "mka"), ("matroska", "flac", "mkv"), ("webm", "libopus", "webm")],
)
def test_matroska_and_webm_are_read(form: str, codec: str, extension: str, read: Read) -> None:
    track = read(f"a.{extension}", muxed(form, codec))
    audio = track.audio
    assert (audio.container, audio.codec) == ("matroska", codec.removeprefix("lib"))
    assert (audio.sample_rate, audio.channels) == (48_000, 1)
    assert audio.duration == pytest.approx(0.5, abs=0.05)
    tags = track.tags
    assert (tags.title, tags.artists, tags.album) == ("Song", ["Band"], "Disc")
    assert (tags.track, tags.date, track.is_video) == (3, "1999", False)


def test_what_ffmpeg_reads_is_known_by_its_sound_whatever_its_tags(read: Read) -> None:
    def sound_id(form: str, codec: str, **more: Any) -> str | None:
        return read(f"a.{form}", muxed(form, codec, **more)).sound_id

    opus = sound_id("matroska", "libopus")
    assert opus is not None
    assert sound_id("matroska", "libopus", pictures=(picture("red", (8, 8)),), TITLE="Else") == opus
    assert sound_id("webm", "libopus") == opus
    assert sound_id("matroska", "libopus", pitch=2) != opus
    assert sound_id("caf", "pcm_s16le") not in (opus, None)


def test_attached_pictures_of_matroska_come_with_their_bytes(found: Found) -> None:
    images = (picture("red", (8, 8)), picture("blue", (8, 8)))
    file = found("a.mka", muxed("matroska", "flac", pictures=images))
    assert [(each.type, each.data) for each in read_pictures(file.path)] == [
        (3, images[0]),
        (0, images[1]),
    ]


@pytest.mark.parametrize(
    ("form", "extension"), [("matroska", "mkv"), ("mp4", "mp4"), ("mov", "mov")]
)
def test_a_film_beside_the_sound_is_known(form: str, extension: str, read: Read) -> None:
    assert read(f"a.{extension}", muxed(form, "aac", film=True)).is_video
    assert not read("a.m4a", muxed("mp4", "aac")).is_video


@pytest.mark.parametrize("form", ["w64", "caf", "au"])
def test_what_only_ffmpeg_reads_is_read(form: str, read: Read) -> None:
    audio = read(f"a.{form}", muxed(form, "pcm_s16be" if form == "au" else "pcm_s16le")).audio
    assert (audio.container, audio.codec, audio.sample_rate) == (form, "pcm", 48_000)
    assert (audio.bit_depth, audio.duration) == (16, pytest.approx(0.5, abs=0.05))


def test_a_playlist_is_not_followed(read: Read) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n"
    with pytest.raises(Exception, match="begin like"):
        read("a.flac", playlist)
