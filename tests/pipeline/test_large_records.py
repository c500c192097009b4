"""Files with much text in their tags cost only themselves, however much of it there is."""

import random
from pathlib import Path

import redis

from db.models import Album, Problem, Scan, ScanChunk, Track
from db.sql.queries import tuples
from tests.databases import ON_SQLITE
from tests.ended import Kept, ended_after, reconciled, run_jobs
from tests.music import write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.pipeline.tables import content
from tests.pipeline.test_rescan import fresh
from worker import dispatch

LONG = "長" * 600
"""A title whose album key is 1.8 KB of UTF-8, and twice that as JSON."""


def write(file: Path, length: int, **tags: object) -> None:
    """A file whose tags hold text of about so many bytes as JSON, within the limits of each."""
    texts = {name: "x" * min(9_000, length // 3) for name in ("composer", "label", "isrc")}
    write_track(file, title=file.stem, artist="Artist", album="Album", **{**texts, **tags})


@ON_SQLITE
def test_fifty_large_records_get_in_and_stay_one_album(scan: RunScan, library: Path) -> None:
    for number in range(50):
        write(library / "album" / f"{number:02}.flac", 24_000)
    scan()
    assert Track.select().count() == 50
    assert [tuple(row) for row in tuples(Album.select(Album.title))] == [("Album",)]
    assert Scan.get().finished_at is not None
    assert ScanChunk.select().where(ScanChunk.done_at.is_null()).count() == 0


def test_a_record_that_no_job_can_hold_is_a_problem_of_its_file_alone(
    scan: RunScan, library: Path
) -> None:
    wide = "\U0001f3b5" * 9_900
    names = ("composer", "label", "isrc", "catalognumber", "artistsort", "albumartistsort")
    write(library / "album" / "huge.flac", 10, **{name: [wide, wide] for name in names})
    for number in range(3):
        write(library / "album" / f"{number}.flac", 10)
    scan()
    assert Track.select().count() == 3
    (problem,) = Problem.select()
    assert (problem.path, problem.code) == (f"{library}/album/huge.flac", "tags-too-large")
    assert Scan.get().finished_at is not None


@ON_SQLITE
def test_a_chunk_that_is_cut_in_two_gets_in_though_its_process_ends(
    database: str, queues: redis.Redis, library: Path, tmp_path: Path
) -> None:
    """After any commit of the job that cuts it; Redis is lost, too."""
    wide = "\U0001f3b5" * 9_900
    for number in range(5):
        write(library / "album" / f"{number}.flac", 10, composer=[wide], label=[wide])
    nth, commits, kept = 0, 0, Kept(tmp_path / "kept")
    while nth <= commits:
        kept.restore()
        queues.flushall()
        with ended_after(nth) as ending:
            ending.counts = False
            dispatch.enqueue("scan.discovery", root=str(library.resolve()))
            run_jobs(ending, "metadata.extract_batch")
        queues.flushall()
        reconciled()
        assert (Track.select().count(), Album.select().count(), ending.has_come) == (5, 1, nth > 0)
        assert not ScanChunk.select().where(ScanChunk.done_at.is_null()).exists()
        commits = commits or ending.commits
        nth += 1
    assert commits >= 1


@ON_SQLITE
def test_a_folder_of_many_albums_with_long_names_gets_in(scan: RunScan, library: Path) -> None:
    for number in range(210):
        file = library / "mixed" / f"{number:03}.flac"
        write_track(file, title="T", artist="A", album=f"{number} {LONG}")
    scan()
    assert Album.select().count() == 210
    assert Scan.get().finished_at is not None


@ON_SQLITE
def test_more_tracks_than_a_job_can_regroup_are_all_regrouped(scan: RunScan, library: Path) -> None:
    for number in range(100):
        artist = "A" if number < 55 else "B"
        write_track(
            library / "a" / f"{number:03}.flac", title=f"{number}", artist=artist, album=LONG
        )
    scan()
    for number in range(30):
        (library / "a" / f"{number:03}.flac").unlink()
    scan()
    after = content()
    assert after["tracks"] == fresh(scan)["tracks"]


def test_names_and_titles_of_any_length_get_in(scan: RunScan, library: Path) -> None:

    letters = random.Random(1)
    long = "".join(chr(letters.randrange(0x4E00, 0x9FFF)) for _ in range(9_000))
    write_track(
        library / "a" / "1.flac",
        title=long,
        artist=long,
        album=long,
        albumartist=long,
        genre=long,
        mood=long,
    )
    scan()
    assert Track.get().title == long
