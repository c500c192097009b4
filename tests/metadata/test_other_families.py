"""MP4, ASF, APEv2 and DSDIFF: what each has of its own."""

import struct

from mutagen.apev2 import BINARY, APEValue
from mutagen.asf import ASFByteArrayAttribute
from mutagen.mp4 import MP4Cover, MP4FreeForm

from tests.metadata.conftest import Read
from tests.metadata.containers import (
    asf,
    dsdiff,
    edited_master,
    monkeys_audio,
    mp4,
    wavpack,
)
from tests.metadata.tagging import with_ape, with_atoms, with_attributes
from tests.music import picture, tone


def test_an_mp4_track_has_the_bit_rate_that_its_description_states(read: Read) -> None:
    assert read("a.m4a", mp4()).audio.bit_rate == 128_000


def test_mp4_covers_are_told_by_their_bytes(read: Read) -> None:
    png = picture("red", (8, 8), "PNG")
    data = with_atoms(mp4(), {"covr": [MP4Cover(png, MP4Cover.FORMAT_JPEG)]})
    [found] = read("a.m4a", data).pictures
    assert (found.type, found.mime, found.bytes) == (3, "image/png", len(png))


def test_artists_spelt_one_by_one_win_in_mp4(read: Read) -> None:
    artists = [MP4FreeForm(b"A"), MP4FreeForm(b"B")]
    data = with_atoms(mp4(), {"\xa9ART": ["A & B"], "----:com.apple.iTunes:ARTISTS": artists})
    assert read("a.m4a", data).tags.artists == ["A", "B"]


def test_asf_pictures_are_found(read: Read) -> None:
    jpeg = picture("red", (8, 8))
    names = "image/jpeg\0front\0".encode("utf-16-le")
    block = struct.pack("<BI", 3, len(jpeg)) + names + jpeg
    data = with_attributes(asf(), {"WM/Picture": [ASFByteArrayAttribute(block)]})
    [found] = read("a.wma", data).pictures
    assert (found.type, found.mime, found.bytes) == (3, "image/jpeg", len(jpeg))


def test_ape_covers_are_found_by_their_names(read: Read) -> None:
    front, back = picture("red", (8, 8)), picture("blue", (8, 8), "PNG")
    items = {
        "Cover Art (Front)": APEValue(b"front.jpg\0" + front, BINARY),
        "Cover Art (Back)": APEValue(b"back.png\0" + back, BINARY),
    }
    pictures = read("a.ape", with_ape(monkeys_audio(), items)).pictures
    assert {(p.type, p.mime, p.bytes) for p in pictures} == {
        (3, "image/jpeg", len(front)),
        (4, "image/png", len(back)),
    }


def test_ape_text_in_a_legacy_encoding_is_not_lost(read: Read) -> None:
    data = with_ape(monkeys_audio(), {"Title": "XX", "Album": "Album"})
    tags = read("a.ape", data.replace(b"XX", b"\xe4\xf6")).tags
    assert (tags.title, tags.album) == ("äö", "Album")


def test_ape_is_found_in_front_of_lyrics3_and_id3v1(read: Read) -> None:
    lyrics = b"LYRICSBEGININD0000200" + b"000021LYRICS200"
    data = with_ape(tone("mp3"), {"Title": "From APE"}) + lyrics + b"TAG" + bytes(125)
    assert read("a.mp3", data).tags.title == "From APE"


def test_dsdiff_titles_are_read(read: Read) -> None:
    tags = read("a.dff", dsdiff((b"DIIN", edited_master(DITI="Title", DIAR="Artist")))).tags
    assert (tags.title, tags.artists) == ("Title", ["Artist"])


def test_wavpack_of_six_channels_and_an_odd_rate_is_described(read: Read) -> None:
    parts = bytes.fromhex("0D 01 06 3F") + bytes.fromhex("67 02 401F00 00")
    audio = read("a.wv", wavpack(parts, rate_index=15)).audio
    assert (audio.channels, audio.sample_rate) == (6, 8000)


def test_wavpack_without_a_total_lasts_as_long_as_its_blocks(read: Read) -> None:
    data = wavpack(total=0xFFFFFFFF) + wavpack(total=0xFFFFFFFF, index=44_100)
    assert read("a.wv", data).audio.duration == 2.0
