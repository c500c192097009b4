"""What lies beside music is noticed by a scan, and only what it speaks of is read again."""

import errno
from pathlib import Path

import pytest

from db.models import Album, Lyrics, Problem, Scan, Track
from db.scanning import problems
from db.sql.queries import tuples
from jobs.metadata import beside, cue_sheet
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.pipeline.tables import content


def known_lyrics() -> dict[str, list[tuple[str, bool, str]]]:
    """Source, kind and text of the lyrics of each title."""
    found: dict[str, list[tuple[str, bool, str]]] = {}
    query = Lyrics.select(Track.title, Lyrics.source, Lyrics.is_synced, Lyrics.text).join(Track)
    for title, *row in tuples(query.order_by(Track.title, Lyrics.position)):
        found.setdefault(title, []).append(tuple(row))
    return found


def last_scan() -> tuple[int, int]:
    """How many files changed and were unchanged."""
    scan = Scan.select().order_by(Scan.id.desc()).get()
    return scan.changed, scan.unchanged


def test_lyrics_come_change_and_go_with_their_files(scan: RunScan, library: Path) -> None:
    album = library / "Band" / "Album"
    for number in (1, 2):
        song = {"title": f"Song {number}", "artist": "Band", "album": "Album", "date": 2001}
        lyrics = {"lyrics": "Of the tag"} if number == 2 else {}
        write_track(album / f"0{number}.flac", tracknumber=number, **song, **lyrics)
    beside = album / "01.lrc"
    beside.write_text("[00:01.00]One")
    scan()
    one, two = ("file", True, "[00:01.00]One"), ("tags", False, "Of the tag")
    assert known_lyrics() == {"Song 1": [one], "Song 2": [two]}
    assert [track.has_lyrics for track in Track.select().order_by(Track.title)] == [True, True]
    before = content()
    scan()
    assert last_scan() == (0, 2)
    assert content() == before
    beside.write_text("[00:02.00]Another")
    scan()
    assert last_scan() == (1, 1)
    assert known_lyrics()["Song 1"] == [("file", True, "[00:02.00]Another")]
    beside.unlink()
    scan()
    assert known_lyrics() == {"Song 2": [two]}
    scan()
    assert last_scan() == (0, 2)


@ON_SQLITE
def test_what_cannot_be_read_beside_music_is_a_note_and_read_again_by_the_next_scan(
    scan: RunScan, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = library / "Band" / "Album"
    write_track(album / "01.flac", title="Song", artist="Band", album="Album")
    said = {"01.lrc": "[00:01.00]One", "album.nfo": "<album/>", "x.cue": 'FILE "01.flac" WAVE'}
    for name, text in said.items():
        (album / name).write_text(text)

    def fails(path: bytes, most: int) -> tuple[bytes, bool]:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as disk:
        for module in (beside, cue_sheet):
            disk.setattr(module, "read_small", fails)
        disk.setenv("FLEET_TEST_DISK", "broken")  # so that another child reads
        scan()
        rows = Problem.select().where(Problem.stage == "companion").order_by(Problem.path)
        assert [Path(row.path).name for row in rows] == ["01.lrc", "album.nfo", "x.cue"]
        assert {row.code for row in rows} == {"unreadable"}
        assert "Input/output error — the disk of" in rows[0].message
        assert (Track.select().count(), problems.count()) == (1, 0)
        scan()
        assert last_scan() == (1, 0)
    scan()
    assert last_scan() == (1, 0)
    assert [row.stage for row in Problem.select()] == ["cue-sheet"]
    assert list(known_lyrics()) == ["Song"]
    scan()
    assert last_scan() == (0, 1)


@ON_SQLITE
def test_an_nfo_that_comes_and_goes_is_noticed(scan: RunScan, library: Path) -> None:
    write_track(library / "Bare Band" / "Bare Album" / "CD1" / "01 Song.flac")
    write_track(library / "Else" / "Third" / "01 Song.flac")
    scan()
    nfo = library / "Bare Band" / "Bare Album" / "album.nfo"
    nfo.write_text("<album><title>Bare album</title><year>1999</year></album>")
    scan()
    assert last_scan() == (1, 1)
    album = Album.get(Album.title == "Bare album")
    assert album.guessed == {"title": "nfo", "date": "nfo", "album_artist": "folder"}
    named = library / "Bare Band" / "artist.nfo"
    named.write_text("<artist><name>The Bare Band</name></artist>")
    scan()
    assert last_scan() == (1, 1)
    assert Album.get(Album.title == "Bare album").album_artist == "The Bare Band"
    nfo.unlink()
    named.unlink()
    scan()
    assert {each.title for each in Album.select()} == {"Bare Album", "Third"}
