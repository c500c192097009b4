"""The tracks of a file that a cue sheet divides: they come, stay, move and go with it."""

from pathlib import Path

import pytest

from db.library import entity_pages, statistics
from db.models import Album, EmbeddedPicture, Problem, Track
from db.models import Scan as ScanRow
from db.scanning import problems
from db.sql.queries import tuples
from jobs.scan.diff import preview
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan
from tests.pipeline.tables import content
from tests.sums import check_sums

SHEET = """REM DATE 1999
PERFORMER "The Band"
TITLE "The Album"
FILE "Album.wav" WAVE
  TRACK 01 AUDIO
    TITLE "One"
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Two"
    PERFORMER "Guest"
    INDEX 00 00:00:05
    INDEX 01 00:00:08
  TRACK 03 AUDIO
    TITLE "Three"
    INDEX 01 00:00:15
"""
ONE = {"title": "All of it", "artist": "Somebody", "album": "Some Album", "genre": "Rock"}


def present() -> dict[tuple[int, str | None], int]:
    """The ids of the tracks that are there, by part and title."""
    query = Track.select(Track.part, Track.title, Track.id).where(Track.missing_since.is_null())
    return {(part, title): track_id for part, title, track_id in tuples(query.order_by(Track.part))}


def last_scan() -> ScanRow:
    return ScanRow.select().order_by(ScanRow.id.desc()).get()


@pytest.fixture
def album(library: Path) -> Path:
    """The folder of a file with a sheet."""
    folder = library / "Band" / "Album"
    write_track(folder / "Album.flac", [picture("red")], **ONE)
    (folder / "Album.cue").write_text(SHEET)
    return folder


def test_a_file_and_its_sheet_are_tracks_which_stay_as_long_as_their_part(
    scan: Scan, library: Path, album: Path
) -> None:
    scan()
    first = present()
    assert list(first) == [(1, "One"), (2, "Two"), (3, "Three")]
    rows = list(Track.select().order_by(Track.part))
    assert [row.start for row in rows] == pytest.approx([0, 8 / 75, 15 / 75])
    assert [row.duration for row in rows] == pytest.approx([8 / 75, 7 / 75, 7.5 / 75], abs=1e-3)
    [found] = Album.select()
    assert (found.title, found.album_artist, found.date) == ("The Album", "The Band", "1999")
    page = entity_pages.album_page(found.id)
    assert page
    assert [[each.name for each in track.artists] for track in page.tracks] == [
        ["The Band"],
        ["Guest"],
        ["The Band"],
    ]
    assert [each.name for each in page.genres] == ["Rock"]
    assert len({row.digest for row in EmbeddedPicture.select()}) == 1
    assert {track.picture.source for track in page.tracks if track.picture} == {"embedded"}
    assert (last_scan().found, last_scan().new) == (1, 1)
    assert sum(each.size for each in statistics.totals_by_codec()) == rows[0].size
    check_sums()

    before = content()
    scan()
    assert (last_scan().unchanged, content()) == (1, before)

    (album / "Album.cue").write_text(SHEET.replace("Three", "Third").replace("00:08", "00:09"))
    scan()
    assert list(present()) == [(1, "One"), (2, "Two"), (3, "Third")]
    assert list(present().values()) == list(first.values())

    (album / "Album.flac").rename(album / "New.flac")
    (album / "Album.cue").rename(album / "New.cue")
    assert preview(str(library), deep=False)["counts"]["moved"] == 1
    scan()
    assert list(present().values()) == list(first.values())
    assert {row.path for row in Track.select()} == {f"{album}/New.flac"}
    assert (last_scan().moved, last_scan().missing, last_scan().new) == (1, 0, 0)

    (album / "New.cue").unlink()
    scan()
    assert list(present()) == [(0, "All of it")]
    (album / "New.cue").write_text(SHEET)
    scan()
    assert list(present().values()) == list(first.values())
    [found] = [each for each in Album.select() if each.present]
    page = entity_pages.album_page(found.id)
    assert page
    assert [track.id for track in page.tracks] == list(first.values())
    before = content()
    scan()
    assert (last_scan().unchanged, content()) == (1, before)

    (album / "New.flac").unlink()
    write_track(library / "other.flac", pitch=500, title="Other")
    scan()
    assert list(present()) == [(0, "Other")]
    assert (last_scan().missing, last_scan().left_out) == (1, {"cue": 1})
    check_sums()


@ON_SQLITE
def test_sheets_beside_the_folders_of_discs_come_and_go(scan: Scan, library: Path) -> None:
    album = library / "Band" / "Album"
    for disc, pitch in (("CD1", 300), ("CD2", 400)):
        write_track(album / disc / "image.flac", pitch=pitch, **ONE)
    scan()
    assert list(present()) == [(0, "All of it")]  # of both, as each is called so
    for disc in ("CD1", "CD2"):
        (album / f"Album {disc}.cue").write_text(SHEET.replace("Album.wav", "image.wav"))
    scan()
    assert list(present()) == [(1, "One"), (2, "Two"), (3, "Three")]
    assert {(row.disc, row.part) for row in Track.select().where(Track.part > 0)} == {
        (disc, part) for disc in (1, 2) for part in (1, 2, 3)
    }
    before = content()
    scan()
    assert (last_scan().unchanged, content()) == (2, before)
    (album / "Album CD2.cue").unlink()
    scan()
    assert list(present()) == [(0, "All of it"), (1, "One"), (2, "Two"), (3, "Three")]


@ON_SQLITE
def test_the_same_songs_in_files_of_their_own_are_another_edition(scan: Scan, album: Path) -> None:
    for number, title in enumerate(("One", "Two", "Three"), 1):
        song = {"title": title, "artist": "The Band", "album": "The Album", "date": 1999}
        write_track(album / f"{number}.flac", pitch=300 + number, tracknumber=number, **song)
    scan()
    found: dict[int, set[int]] = {}
    for row in Track.select():
        found.setdefault(row.album_id, set()).add(row.part)
    assert sorted(found.values(), key=len) == [{0}, {1, 2, 3}]
    assert len({each.edition for each in Album.select()}) == 2


@ON_SQLITE
def test_a_sheet_that_is_of_no_use_is_a_note_and_its_file_is_one_track(
    scan: Scan, library: Path
) -> None:
    sheets = {
        "a.cue": SHEET.replace("00:00:15", "00:00:07"),
        "b.cue": SHEET.replace("00:00:15", "00:09:15"),
        "c.cue": "no sheet at all",
        "d.cue": 'FILE "../../../etc/passwd" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00',
        "e.cue": SHEET.replace("Album.wav", "e.wav"),
        "e (utf8).cue": SHEET.replace("Album.wav", "e.wav"),
        "f.cue": SHEET.replace("TRACK 02 AUDIO", "TRACK 02 MODE1/2352"),
    }
    for number, (name, text) in enumerate(sheets.items()):
        stem = name.partition(".")[0]
        if stem not in {"d", "e (utf8)"}:
            song = {**ONE, "title": stem, "track": number}
            write_track(library / f"{stem}.flac", pitch=400 + number, **song)
        (library / name).write_text(text)
    scan()
    found: dict[str, list[str]] = {}
    for row in Track.select().order_by(Track.path, Track.part):
        found.setdefault(row.path.rpartition("/")[2], []).append(f"{row.part} {row.title}")
    assert found == {
        **{f"{name}.flac": [f"0 {name}"] for name in "abc"},
        "e.flac": ["1 One", "2 Two", "3 Three"],
        "f.flac": ["1 One", "3 Three"],  # track 2 is data
    }
    said = {note.path.rpartition("/")[2]: note.message for note in problems.notes()}
    assert said.keys() == sheets.keys() - {"e.cue", "f.cue"}
    for name, why in {
        "a.cue": "TRACK 03 does not begin after TRACK 02",
        "b.cue": "TRACK 03 begins at 9.2 s",
        "c.cue": "no TRACK",
        "d.cue": "'../../../etc/passwd'",
        "e (utf8).cue": "e.cue says the tracks of e.flac",
    }.items():
        assert why in said[name], name
    assert problems.count() == 0
    read = Problem.select().where(Problem.stage == "metadata").count()
    assert last_scan().found == len({row.path for row in Track.select()}) + read
    (library / "c.cue").unlink()
    (library / "a.cue").write_text(SHEET)
    scan()
    assert {note.path.rpartition("/")[2] for note in problems.notes()} == {
        *("b.cue", "d.cue", "e (utf8).cue")
    }
    assert last_scan().unchanged == 0
