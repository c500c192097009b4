"""Lyrics, and the files beside music that say what its tags lack."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen import id3 as frames

from db.sql import path_text
from jobs import nfo
from jobs.metadata.reader import read_file
from jobs.metadata.text import MAX_LYRICS, lyrics
from jobs.records import FoundFile, LyricsText, TrackRecord
from tests.metadata.conftest import Read
from tests.music import tone, write_track

WORDS = "First line\nSecond line"
TIMED = "[00:01.50]First line\n[01:02.00]Second line"
UUID = "0f7cd0d4-6ab5-4d0b-9e3e-3a37d2f0e0c1"
ALBUM_NFO = f"""<?xml version="1.0"?>
<album><title>Bare &amp; Album</title><musicBrainzAlbumID>{UUID}</musicBrainzAlbumID>
<albumArtistCredits><artist>Bare Band</artist></albumArtistCredits><genre>Rock</genre>
<genre>Folk</genre><releasedate>1999-03-01</releasedate><label>Nobody</label>
<track><position>1</position><title>First Light</title></track></album>
https://example.org/the-page"""
ARTIST_NFO = f"""<artist><name>Bare Band</name><sortname>Band, Bare</sortname>
<musicBrainzArtistID>{UUID}</musicBrainzArtistID></artist>"""


def read_beside(song: Path, *companions: Path) -> TrackRecord:
    """The track of a file with what lies beside it."""
    beside = [path_text.to_text(bytes(each)) for each in companions]
    found = FoundFile(path_text.to_text(bytes(song)), song.stat().st_size, 0, beside=beside)
    return read_file(found, root=str(song.parents[2]))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A file without tags, as the first of an album's folder that says nothing of it."""
    return write_track(tmp_path / "Downloads" / "New" / "01.flac")


def companion(song: Path, name: str, text: str | bytes) -> Path:
    """A file beside it."""
    path = song.parent / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_embedded_lyrics_have_their_language_and_times(read: Read) -> None:
    lines = [("First line", 1500), ("\nSecond line", 62_000)]
    file = io.BytesIO(tone("mp3"))
    tags = frames.ID3()
    tags.add(frames.USLT(encoding=3, lang="eng", text=WORDS.replace("\n", "\r\n")))
    tags.add(frames.SYLT(encoding=3, lang="deu", format=2, type=1, text=lines))
    tags.save(file)
    assert read("a.mp3", file.getvalue()).lyrics == [
        LyricsText("tags", "eng", is_synced=False, text=WORDS),
        LyricsText("tags", "deu", is_synced=True, text=TIMED),
    ]


def test_lyrics_of_free_names_are_synced_by_their_times(tmp_path: Path) -> None:
    for name, text in (("LYRICS", TIMED), ("UNSYNCEDLYRICS", WORDS)):
        song = write_track(tmp_path / "a" / "b" / f"{name}.flac", **{name: text})
        expected = LyricsText("tags", None, is_synced=text == TIMED, text=text)
        assert read_beside(song).lyrics == [expected]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (TIMED.encode("utf-16"), TIMED),
        (b"\xef\xbb\xbf" + TIMED.encode(), TIMED),
        ("[00:01.00]Größe".encode("latin-1"), "[00:01.00]Größe"),
        (b"", None),
    ],
)
def test_lyrics_beside_a_file_are_read_in_any_form(
    song: Path, written: bytes, text: str | None
) -> None:
    found = read_beside(song, companion(song, "01.lrc", written)).lyrics
    assert found == ([LyricsText("file", None, is_synced=True, text=text)] if text else [])


def test_lyrics_are_bounded() -> None:
    kept, _ = lyrics("A line\n" * MAX_LYRICS)
    assert 0 < len(kept) <= MAX_LYRICS
    assert set(kept.split("\n")) == {"A line"}


def test_an_album_nfo_says_what_tags_lack(song: Path) -> None:
    track = read_beside(song, companion(song, "album.nfo", ALBUM_NFO))
    tags = track.tags
    assert (tags.album, tags.artists, tags.album_artists) == (
        "Bare & Album",
        ["Bare Band"],
        ["Bare Band"],
    )
    assert (tags.date, tags.genres, tags.labels) == ("1999-03-01", ["Rock", "Folk"], ["Nobody"])
    assert (tags.musicbrainz_release_id, tags.track) == (UUID, 1)
    assert track.guessed["album"] == "nfo"
    assert track.guessed["track"] == "file name"


def test_an_nfo_of_another_album_or_artist_says_nothing(song: Path) -> None:
    write_track(song, title="Song", artist="Somebody", album="Other", tracknumber=1, date=2001)
    others = companion(song, "album.nfo", ALBUM_NFO), companion(song, "artist.nfo", ARTIST_NFO)
    track = read_beside(song, *others)
    assert track.guessed == {}
    assert track.tags.musicbrainz_artist_ids == []


def test_an_artist_nfo_says_the_id_of_its_artist(song: Path) -> None:
    write_track(song, title="Song", artist="bare band", album="Other", tracknumber=1, date=2001)
    track = read_beside(song, companion(song, "artist.nfo", ARTIST_NFO))
    assert track.tags.artists == ["bare band"]
    assert (track.tags.musicbrainz_artist_ids, track.tags.artist_sorts) == ([UUID], ["Band, Bare"])
    assert track.guessed == dict.fromkeys(("musicbrainz_artist_ids", "artist_sorts"), "nfo")


def test_a_companion_that_cannot_be_read_costs_nothing(song: Path) -> None:
    (song.parent / "album.nfo").mkdir()
    track = read_beside(song, song.parent / "album.nfo", song.parent / "01.lrc")
    assert (track.lyrics, track.tags.track) == ([], 1)


BOMB = b"""<!DOCTYPE album [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
<album><title>&b;</title></album>"""


def test_a_document_type_is_not_read() -> None:
    assert nfo.elements(BOMB, "album") == []


def test_deep_and_long_files_are_bounded() -> None:
    assert nfo.elements(b"<album>" + b"<a>" * 80_000 + b"x", "album") == []
    assert len(nfo.elements(b"<album>" + b"<a>x</a>" * 20_000, "album")) <= 2_000


PARTS = st.sampled_from(
    [
        *(b"<album>", b"</album>", b"<title>", b"</title>", b"<track>", b"</track>", b"<position>"),
        *(b"<!DOCTYPE x>", b"<![CDATA[", b"]]>", b"&", b"&#0;", b"\xff\xfe", b"\0", b"1", b"text"),
    ]
)


@settings(max_examples=60)
@given(st.lists(PARTS | st.binary(max_size=6), max_size=20))
def test_no_nfo_is_too_odd(parts: list[bytes]) -> None:
    for path, text in nfo.elements(b"".join(parts), "album"):
        assert path
        assert text == text.strip() != ""
