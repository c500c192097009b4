"""A scan reads what changed, and ends as a fresh scan would."""

import shutil
from datetime import timedelta
from pathlib import Path

import redis

from db.models import TABLES, Album, Fact, Problem, Scan, Track
from db.scanning import scans
from jobs.records import FoundFile, Grouping, ProblemCode, UnreadFile
from jobs.scan import discovery
from tests.databases import ON_SQLITE
from tests.metadata.muxing import muxed
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import Content, content
from worker import dispatch


def make_albums(library: Path) -> None:
    """Three albums: embedded covers, a folder cover, none; one on two discs; and an artist's."""
    for number in (1, 2, 3):
        write_track(
            library / "Björk" / "Debut" / f"{number:02} Song.mp3",
            [picture("red")],
            pitch=200 + number,
            title=f"Song {number}",
            artist="Björk",
            album="Debut",
            tracknumber=f"{number}/3",
        )
        write_track(
            library / "Artist" / "Double" / f"CD{number % 2 + 1}" / f"{number}.flac",
            pitch=300 + number,
            title=f"Part {number}",
            artist="Artist",
            albumartist="Artist",
            album="Double",
            discnumber=number % 2 + 1,
        )
        write_track(
            library / "Bare" / f"{number}.ogg",
            pitch=400 + number,
            title=f"Bare {number}",
            artist=["One", "Two"],
            album="Bare",
            genre=["Rock", "Jazz"],
        )
    (library / "Artist" / "Double" / "cover.jpg").write_bytes(picture("blue"))
    (library / "Artist" / "artist.jpg").write_bytes(picture("white"))


def last_scan() -> Scan:
    return Scan.select().order_by(Scan.id.desc()).get()


def fresh(scan: RunScan) -> Content:
    """What a scan into empty tables says."""
    for table in reversed(TABLES):
        table.delete().execute()
    scan()
    return content()


@ON_SQLITE
def test_a_second_scan_changes_nothing(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    before = content(present_only=False), ids()
    scan()
    assert (content(present_only=False), ids()) == before
    assert last_scan().unchanged == 9


@ON_SQLITE
def test_a_retagged_file_alone_is_read_again(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    write_track(library / "Bare" / "2.ogg", title="Renamed", artist="Three", album="Else")
    scan()
    after = content()
    assert (last_scan().changed, last_scan().unchanged) == (1, 8)
    assert after == fresh(scan)


def test_a_moved_file_keeps_its_id(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    before = {track.title: track.id for track in Track.select()}
    (library / "Björk" / "Debut").rename(library / "Björk" / "Debut (1993)")
    scan()
    after = content()
    assert {track.title: track.id for track in Track.select()} == before
    assert (last_scan().moved, last_scan().missing, last_scan().new) == (3, 0, 0)
    assert after == fresh(scan)


@ON_SQLITE
def test_of_two_equal_copies_it_is_not_guessed_which_moved(scan: RunScan, library: Path) -> None:
    original = write_track(library / "a" / "song.mp3", title="Song", artist="A", album="B")
    shutil.copy(original, library / "a" / "copy.mp3")
    scan()
    (library / "a" / "song.mp3").rename(library / "a" / "one.mp3")
    (library / "a" / "copy.mp3").rename(library / "a" / "two.mp3")
    scan()
    assert (last_scan().moved, last_scan().missing, last_scan().new) == (0, 2, 2)


def test_files_that_were_renamed_and_retagged_at_once_keep_their_rows(
    scan: RunScan, library: Path
) -> None:
    make_albums(library)
    same = {"artist": "Tidy", "album": "Mess"}
    by_id = {"musicbrainz_releasetrackid": "bbbbbbbb-0000-4000-8000-000000000002"}
    write_track(library / "inbox" / "track1.flac", pitch=500, title="wrong", **same, **by_id)
    write_track(library / "inbox" / "track2.mp3", pitch=501, title="also wrong", **same)
    write_track(library / "inbox" / "twin 1.mp3", pitch=502, title="A", tracknumber=3, **same)
    write_track(library / "inbox" / "twin 2.mp3", pitch=502, title="B", tracknumber=4, **same)
    scan()
    before = {track.path: track.id for track in Track.select()}
    tidy = library / "Tidy" / "Tidied"
    write_track(tidy / "01 Right.ogg", pitch=503, title="Right", album="Tidied", **by_id)
    write_track(tidy / "02 Also.mp3", pitch=501, title="Also", artist="Tidy", album="Tidied")
    write_track(tidy / "03 C.mp3", pitch=502, title="C", tracknumber=3, **same)
    write_track(tidy / "9" / "04 D.mp3", pitch=502, title="D", tracknumber=4, **same)
    shutil.rmtree(library / "inbox")
    expected = discovery(root=str(library.resolve()), dry_run=True)
    scan()
    after = {track.title: track.id for track in Track.select()}
    names = ("track1.flac", "track2.mp3", "twin 1.mp3", "twin 2.mp3")
    assert [after[title] for title in ("Right", "Also", "C", "D")] == [
        before[str(library / "inbox" / name)] for name in names
    ]
    assert (last_scan().moved, last_scan().missing, last_scan().new) == (4, 0, 0)
    assert expected is not None
    assert {name: expected["counts"][name] for name in ("moved", "missing", "new")} == {
        **{"moved": 4, "missing": 0},
        "new": 0,
    }
    assert content() == fresh(scan)


@ON_SQLITE
def test_a_retagged_copy_of_what_is_there_is_a_new_track(scan: RunScan, library: Path) -> None:
    write_track(library / "a" / "song.mp3", title="Song", artist="A", album="B")
    write_track(library / "gone" / "other.mp3", title="Other", artist="A", album="C")
    scan()
    (library / "gone" / "other.mp3").unlink()
    write_track(library / "b" / "copy.mp3", title="Copy", artist="D", album="E")
    expected = discovery(root=str(library.resolve()), dry_run=True) or {}
    assert (expected["counts"]["moved"], expected["counts"]["missing"]) == (0, 1)
    scan()
    assert (last_scan().moved, last_scan().missing, last_scan().new) == (0, 1, 1)


@ON_SQLITE
def test_a_copy_of_what_is_there_is_not_taken_for_a_track_of_the_same_sound(
    scan: RunScan, library: Path
) -> None:
    for number in (1, 2):
        tags = {"title": f"Song {number}", "artist": "A", "album": "B", "tracknumber": number}
        write_track(library / "a" / f"{number}.mp3", **tags)
    scan()
    (library / "a" / "2.mp3").unlink()
    shutil.copy(library / "a" / "1.mp3", library / "a" / "new 1.mp3")
    write_track(library / "b" / "3.mp3", title="Other", artist="C", album="D", tracknumber=2)
    scan()
    assert (last_scan().moved, last_scan().missing, last_scan().new) == (0, 1, 2)


@ON_SQLITE
def test_a_file_retagged_in_place_keeps_its_row_though_another_has_its_sound(
    scan: RunScan, library: Path
) -> None:
    for number in (1, 2):
        write_track(library / "a" / f"{number}.mp3", title=f"Song {number}", artist="A", album="B")
    scan()
    before = Track.get(Track.title == "Song 2").id
    (library / "a" / "2.mp3").unlink()
    write_track(library / "a" / "renamed.mp3", title="Retagged", artist="A", album="B")
    scan()
    assert Track.get(Track.title == "Retagged").id == before


@ON_SQLITE
def test_a_file_that_went_to_another_root_keeps_its_row(
    scan: RunScan, library: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write_track(other / "there.mp3", pitch=300, title="There")
    make_albums(library)
    scan()
    scan(other)
    before = {track.title: track.id for track in Track.select()}
    shutil.move(library / "Bare", other / "Bare")
    write_track(other / "Bare" / "1.ogg", pitch=401, title="Bare 1", album="Retagged")
    scan(other)
    assert {track.title: track.id for track in Track.select()} == before
    assert (last_scan().moved, last_scan().missing, last_scan().new) == (3, 0, 0)
    scan()
    assert (last_scan().missing, Track.select().count()) == (0, 10)


def test_an_album_whose_folder_and_title_change_keeps_its_row(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    row = Album.get(Album.title == "Debut")
    Album.update(added_at=row.added_at - timedelta(days=9)).where(Album.id == row.id).execute()
    Fact.create(
        entity_type="album", entity_id=row.id, field="about", value="x", source="y", score=1.0
    )
    (library / "Björk" / "Debut").rename(library / "Debut moved")
    scan()
    for number in (1, 2, 3):
        write_track(library / "Debut moved" / f"{number:02} Song.mp3", album="Debut (1993)")
    scan()
    kept = Album.get(Album.title == "Debut (1993)")
    assert (kept.id, kept.added_at) == (row.id, row.added_at - timedelta(days=9))
    assert Fact.get().entity_id == row.id
    assert (last_scan().changed, Album.select().count()) == (3, 3)


@ON_SQLITE
def test_an_album_of_which_a_track_stays_keeps_its_row_for_that(
    scan: RunScan, library: Path
) -> None:
    make_albums(library)
    scan()
    before = Album.get(Album.title == "Debut").id
    for number in (1, 2):
        write_track(library / "Björk" / "Debut" / f"{number:02} Song.mp3", album="Else")
    scan()
    assert Album.get(Album.title == "Debut").id == before
    assert Album.get(Album.title == "Else").id != before


@ON_SQLITE
def test_a_deleted_file_is_marked_missing_and_kept(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    (library / "Björk" / "Debut" / "02 Song.mp3").unlink()
    scan()
    after = content()
    assert Track.get(Track.title == "Song 2").missing_since is not None
    assert last_scan().missing == 1
    assert after == fresh(scan)


@ON_SQLITE
def test_a_missing_file_that_returns_is_the_same_track(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    before = content(), ids()
    shutil.move(library / "Bare", library.parent / "elsewhere")
    scan()
    shutil.move(library.parent / "elsewhere", library / "Bare")
    scan()
    assert (content(), ids()) == before


@ON_SQLITE
def test_an_added_copy_is_a_new_track(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    shutil.copy(library / "Bare" / "1.ogg", library / "Bare" / "new 1.ogg")
    scan()
    after = content()
    assert (last_scan().new, last_scan().moved) == (1, 0)
    assert after == fresh(scan)


@ON_SQLITE
def test_a_new_folder_cover_is_noticed_without_reading_a_track(
    scan: RunScan, library: Path
) -> None:
    make_albums(library)
    scan()
    (library / "Bare" / "cover.jpg").write_bytes(picture("green"))
    scan()
    after = content()
    assert last_scan().unchanged == 9
    assert len(after["covers"]) == 7
    assert after == fresh(scan)


@ON_SQLITE
def test_a_picture_that_comes_into_a_folder_for_pictures_is_noticed(
    scan: RunScan, library: Path
) -> None:
    make_albums(library)
    scan()
    (library / "Bare" / "Scans").mkdir()
    (library / "Bare" / "Scans" / "Front.jpg").write_bytes(picture("green"))
    scan()
    assert len(content()["covers"]) == 7
    (library / "Bare" / "Scans" / "Front.jpg").unlink()
    scan()
    assert len(content()["covers"]) == 6


@ON_SQLITE
def test_a_removed_folder_cover_goes_from_its_album(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    (library / "Artist" / "Double" / "cover.jpg").unlink()
    scan()
    after = content()
    assert after == fresh(scan)


@ON_SQLITE
def test_a_library_that_is_not_mounted_loses_nothing(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    before = content()
    hidden = library.rename(library.parent / "unmounted")
    scan()
    library.mkdir()
    scan()
    assert content() == before
    assert "is the disk mounted" in last_scan().fault
    library.rmdir()
    hidden.rename(library)


@ON_SQLITE
def test_a_deep_scan_reads_every_file_and_changes_nothing(scan: RunScan, library: Path) -> None:
    make_albums(library)
    scan()
    before = content(present_only=False), ids()
    scan(deep=True)
    assert (content(present_only=False), ids()) == before
    assert last_scan().changed == 9


@ON_SQLITE
def test_a_damaged_file_is_a_problem_until_it_is_mended(scan: RunScan, library: Path) -> None:
    make_albums(library)
    good = (library / "Bare" / "1.ogg").read_bytes()
    (library / "Bare" / "1.ogg").write_bytes(b"This is not audio.")
    scan()
    assert [path for path, *_ in content()["problems"]] == [str(library / "Bare" / "1.ogg")]
    scan()
    assert last_scan().unchanged == 9
    (library / "Bare" / "1.ogg").write_bytes(good)
    scan()
    assert content()["problems"] == []


@ON_SQLITE
def test_what_an_older_version_read_or_could_not_read_is_read_again_once(
    scan: RunScan, library: Path
) -> None:
    write_track(library / "1.ogg", title="Song")
    (library / "2.ogg").write_bytes(b"This is not audio.")
    (library / "3.mka").write_bytes(muxed("matroska", "flac"))
    scan()
    Track.update(reader=1).where(Track.container == "matroska").execute()
    scan()
    assert (last_scan().changed, last_scan().unchanged) == (1, 2)
    (library / "3.mka").unlink()
    Track.delete().where(Track.container == "matroska").execute()
    Track.update(reader=0, title=None).execute()
    Problem.update(reader=0, message="not supported").execute()
    scan()
    assert (Track.get().title, last_scan().changed, last_scan().unreadable) == ("Song", 1, 1)
    assert Problem.get().message != "not supported"
    scan()
    assert last_scan().unchanged == 2


@ON_SQLITE
def test_a_file_that_could_not_be_opened_is_tried_again_by_every_scan(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    song = write_track(library / "1.mp3", title="Song", album="A")
    file = FoundFile(str(song), song.stat().st_size, song.stat().st_mtime_ns)
    unread = UnreadFile(file, ProblemCode.UNREADABLE, "the file cannot be read: Permission denied")
    chunk_id = scans.add_chunk(scans.start(str(library), deep=False), [file.as_json()])
    grouping = Grouping().as_json()
    dispatch.enqueue(
        "insert.direct_batch",
        chunk_id=chunk_id,
        records=[],
        unread=[unread.as_json()],
        grouping=grouping,
    )
    work_off(queues)
    assert [code for *_, code in content()["problems"]] == ["unreadable"]
    scan()
    assert content()["problems"] == []
    assert Track.get().title == "Song"


def ids() -> dict[str, int]:
    """The ids of tracks and albums."""
    tracks = {track.path: track.id for track in Track.select()}
    return tracks | {album.key: album.id for album in Album.select()}
