"""ID3 as taggers of thirty years wrote it."""

import hashlib
import struct
import zlib

import pytest
from mutagen import id3 as frames

from jobs.records import PictureInfo
from tests.metadata.conftest import Read
from tests.metadata.tagging import UUIDS, id3_tag, with_ape
from tests.music import picture, tone


def tag(version: int, *contents: bytes, flags: int = 0) -> bytes:
    """An ID3v2 tag of the given frames."""
    body = b"".join(contents)
    return b"ID3" + bytes((version, 0, flags)) + _synchsafe(len(body)) + body


def frame(name: bytes, content: bytes, flags: int = 0) -> bytes:
    """A frame of version 2.3; of 2.4 too while it is shorter than 128 bytes."""
    return name + struct.pack(">IH", len(content), flags) + content


def latin(name: bytes, text: str) -> bytes:
    """A text frame in Latin-1."""
    return frame(name, b"\0" + text.encode("latin-1"))


def version_1(title: str = "", genre: int = 255, track: int = 0) -> bytes:
    """An ID3v1.1 tag."""
    fields = b"TAG" + title.encode("latin-1").ljust(30, b"\0") + bytes(60) + b"1999" + bytes(29)
    return fields + bytes((track, genre))


def _synchsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def test_several_frames_and_several_values_are_all_artists(read: Read) -> None:
    data = tag(4, latin(b"TPE1", "One\0Two"), latin(b"TPE1", "Three"))
    assert read("a.mp3", data + tone("mp3")).tags.artists == ["One", "Two", "Three"]


@pytest.mark.parametrize(
    ("written", "artists"),
    [
        ("AC/DC", ["AC/DC"]),
        ("Miles Davis/John Coltrane", ["Miles Davis", "John Coltrane"]),
        ("Jay Kay/AC/DC", ["Jay Kay", "AC/DC"]),
        ("LOONA 1/3", ["LOONA 1/3"]),
        ("piman / jzig", ["piman", "jzig"]),
        ("/", ["/"]),
    ],
)
def test_version_3_artists_are_split_where_the_slash_separates(
    written: str, artists: list[str], read: Read
) -> None:
    data = tag(3, latin(b"TPE1", written))
    assert read("a.mp3", data + tone("mp3")).tags.artists == artists


def test_version_4_artists_are_never_split_at_a_slash(read: Read) -> None:
    data = tag(4, latin(b"TPE1", "Miles Davis/John Coltrane"))
    assert read("a.mp3", data + tone("mp3")).tags.artists == ["Miles Davis/John Coltrane"]


def test_an_album_artist_with_a_slash_stays_whole_among_others(read: Read) -> None:
    data = tag(3, latin(b"TPE2", "Big/Small Band"), latin(b"TPE1", "Big/Small Band/Guest"))
    assert read("a.mp3", data + tone("mp3")).tags.artists == ["Big/Small Band", "Guest"]


def test_as_many_musicbrainz_ids_as_parts_split_single_words(read: Read) -> None:
    ids = latin(b"TXXX", f"MusicBrainz Artist Id\0{UUIDS[0]}/{UUIDS[1]}")
    tags = read("a.mp3", tag(3, latin(b"TPE1", "Drake/Future"), ids) + tone("mp3")).tags
    assert tags.artists == ["Drake", "Future"]
    assert tags.musicbrainz_artist_ids == UUIDS[:2]


def test_artists_spelt_one_by_one_win_over_the_joined_text(read: Read) -> None:
    joined, single = latin(b"TPE1", "A feat. B"), latin(b"TXXX", "ARTISTS\0A\0B")
    assert read("a.mp3", tag(4, joined, single) + tone("mp3")).tags.artists == ["A", "B"]


@pytest.mark.parametrize(
    ("written", "genres"),
    [
        ("(17)", ["Rock"]),
        ("17", ["Rock"]),
        ("(51)(39)Noise & more", ["Techno-Industrial", "Noise", "Noise & more"]),
        ("(RX)", ["Remix"]),
        ("CR", ["Cover"]),
        ("((I think so)", ["(I think so)"]),
        ("Rock/Jazz", ["Rock", "Jazz"]),
        ("Hip-Hop/Rap", ["Hip-Hop/Rap"]),
        ("Ha/Hu", ["Ha/Hu"]),
        ("251", []),
    ],
)
def test_genres_are_resolved_as_id3_means_them(written: str, genres: list[str], read: Read) -> None:
    data = tag(3, latin(b"TCON", written))
    assert read("a.mp3", data + tone("mp3")).tags.genres == genres


def test_year_and_day_of_version_3_are_one_date(read: Read) -> None:
    data = tag(3, latin(b"TYER", "1997"), latin(b"TDAT", "2209"))
    assert read("a.mp3", data + tone("mp3")).tags.date == "1997-09-22"


@pytest.mark.parametrize(("written", "date"), [("c. 1970", "1970"), ("19.10.2004", "2004-10-19")])
def test_a_date_that_is_no_time_stamp_is_found_too(written: str, date: str, read: Read) -> None:
    data = tag(4, latin(b"TDRC", written))
    assert read("a.mp3", data + tone("mp3")).tags.date == date


def test_sort_names_of_version_3_are_read(read: Read) -> None:
    data = tag(3, latin(b"XSOP", "Bush, Kate"), latin(b"XSOA", "Dreaming, The"))
    tags = read("a.mp3", data + tone("mp3")).tags
    assert (tags.artist_sorts, tags.album_sort) == (["Bush, Kate"], "Dreaming, The")


def test_version_2_frames_are_read(read: Read) -> None:
    def short(name: bytes, content: bytes) -> bytes:
        return name + len(content).to_bytes(3, "big") + content

    image = picture("red", (8, 8))
    data = tag(
        2,
        short(b"TT2", b"\0Title"),
        short(b"TP1", b"\1" + "Ünder".encode("utf-16")),
        short(b"TYE", b"\x001984"),
        short(b"PIC", b"\0JPG\3\0" + image),
    )
    track = read("a.mp3", data + tone("mp3"))
    assert (track.tags.title, track.tags.artists, track.tags.date) == ("Title", ["Ünder"], "1984")
    assert [p.mime for p in track.pictures] == ["image/jpeg"]


def test_compressed_frames_are_inflated(read: Read) -> None:
    text = b"\0" + b"Long title " * 20
    content = struct.pack(">I", len(text)) + zlib.compress(text)
    data = tag(3, frame(b"TIT2", content, flags=0x80))
    assert read("a.mp3", data + tone("mp3")).tags.title == ("Long title " * 20).strip()


def test_unsynchronised_pictures_keep_their_bytes(read: Read) -> None:
    image = b"\xff\xd8\xff\0\xff\xfe" + bytes(range(200))
    escaped = image.replace(b"\xff\0", b"\xff\0\0").replace(b"\xff\xd8", b"\xff\0\xd8")
    escaped = escaped.replace(b"\xff\xfe", b"\xff\0\xfe")
    content = frame(b"APIC", b"\0image/jpeg\0\3\0" + image)
    stored = content[: -len(image)] + escaped
    [found] = read("a.mp3", tag(3, stored, flags=0x80) + tone("mp3")).pictures
    assert found.bytes == len(image)


def test_frame_sizes_written_like_itunes_does_are_understood(read: Read) -> None:
    long = latin(b"TIT2", "x" * 200)
    data = tag(4, long, latin(b"TALB", "Album"))
    tags = read("a.mp3", data + tone("mp3")).tags
    assert (tags.title, tags.album) == ("x" * 200, "Album")


def test_version_1_fills_only_what_version_2_lacks(read: Read) -> None:
    data = tag(4, latin(b"TIT2", "From two")) + tone("mp3") + version_1("From one", 17, 5)
    tags = read("a.mp3", data).tags
    assert (tags.title, tags.track, tags.genres) == ("From two", 5, ["Rock"])


def test_ape_behind_id3_fills_what_id3_lacks(read: Read) -> None:
    data = id3_tag(frames.TIT2(encoding=3, text="From ID3")) + tone("mp3")
    tags = read("a.mp3", with_ape(data, {"Title": "From APE", "Album": "From APE"})).tags
    assert (tags.title, tags.album) == ("From ID3", "From APE")


def test_sound_is_measured_without_the_tags_around_it(read: Read) -> None:
    bare = read("a.mp3", tone("mp3")).audio
    tagged = read("b.mp3", tag(4, latin(b"TIT2", "T")) + tone("mp3") + version_1("T")).audio
    assert tagged == bare


def test_relative_volume_stands_in_for_replaygain(read: Read) -> None:
    volume = b"track\0\1" + struct.pack(">h", -3 * 512) + b"\0"
    assert (
        read("a.mp3", tag(4, frame(b"RVA2", volume)) + tone("mp3")).tags
        == read(
            "b.mp3", tag(4, latin(b"TXXX", "replaygain_track_gain\0-3.0 dB")) + tone("mp3")
        ).tags
    )


def test_pictures_are_told_by_type_size_and_digest(read: Read) -> None:
    front, back = picture("red", (8, 8)), picture("blue", (8, 8), "PNG")
    data = id3_tag(
        frames.APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=front),
        frames.APIC(encoding=1, mime="image/jpeg", type=4, desc="Rück", data=back),
        frames.APIC(encoding=0, mime="-->", type=0, desc="link", data=b"http://host/a.jpg"),
    )
    pictures = {p.type: p for p in read("a.mp3", data + tone("mp3")).pictures}
    assert pictures == {
        3: _info(3, "image/jpeg", front),
        4: _info(4, "image/png", back),
    }


def _info(kind: int, mime: str, data: bytes) -> PictureInfo:
    return PictureInfo(kind, mime, len(data), hashlib.sha256(data).hexdigest())


def test_a_tag_longer_than_the_file_still_gives_its_frames(read: Read) -> None:
    whole = tag(4, latin(b"TIT2", "Title")) + tone("mp3")
    assert read("a.mp3", whole[:6] + b"\x7f" * 4 + whole[10:]).tags.title == "Title"


def test_a_tag_in_no_known_encoding_costs_only_its_frame(read: Read) -> None:
    data = tag(4, frame(b"TIT2", b"\x09junk"), latin(b"TALB", "Album"))
    tags = read("a.mp3", data + tone("mp3")).tags
    assert (tags.title, tags.album) == (None, "Album")


def wide(text: str, order: str = "le", *, marked: bool = True) -> bytes:
    """UTF-16, with its byte-order mark or without."""
    mark = {"le": b"\xff\xfe", "be": b"\xfe\xff"}[order] if marked else b""
    return mark + text.encode(f"utf-16-{order}")


WIDE = {
    "one mark": [b"TPE1", wide("Ärzte") + bytes(2) + wide("Óla", marked=False)],
    "one mark, big": [b"TPE1", wide("Ärzte", "be") + bytes(2) + wide("Óla", "be", marked=False)],
    "each marked": [b"TPE1", wide("Ärzte") + bytes(2) + wide("Óla", "be")],
    "no mark": [b"TPE1", wide("Ärzte\0Óla", marked=False)],
    "no mark, big": [b"TPE1", wide("Ärzte\0Óla", "be", marked=False)],
    "odd last byte": [b"TPE1", wide("Ärzte\0Óla") + bytes(1)],
    "odd byte behind the end": [b"TPE1", wide("Ärzte\0Óla") + bytes(3)],
}


@pytest.mark.parametrize("name", WIDE)
def test_utf_16_is_read_with_fewer_marks_than_it_should_have(name: str, read: Read) -> None:
    frame_name, text = WIDE[name]
    track = read("a.mp3", tag(4, frame(frame_name, b"\1" + text)) + tone("mp3"))
    assert track.tags.artists == ["Ärzte", "Óla"]
    assert track.guessed == ({"artists": "character set"} if name.startswith("no mark") else {})


def test_a_mark_before_the_name_of_a_free_text_holds_for_its_value(read: Read) -> None:
    text = wide("ALBUMARTIST", "be") + bytes(2) + wide("Ärzte", "be", marked=False)
    data = tag(4, frame(b"TXXX", b"\1" + text))
    assert read("a.mp3", data + tone("mp3")).tags.album_artists == ["Ärzte"]


def test_a_charset_of_the_settings_is_tried_where_latin_1_is_claimed(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TAG_CHARSETS", "cp1251")
    written = [frame(name, b"\0" + text.encode("cp1251")) for name, text in RUSSIAN.items()]
    track = read("a.mp3", tag(3, *written) + tone("mp3"))
    assert (track.tags.title, track.tags.artists) == ("Звезда", ["Кино Группа", "Виктор Цой"])
    assert track.guessed == dict.fromkeys(("title", "artists"), "character set")


RUSSIAN = {b"TIT2": "Звезда", b"TPE1": "Кино Группа/Виктор Цой"}
