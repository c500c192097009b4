"""What a search for covers costs, by the size of the library that it is in."""

from collections.abc import Callable, Iterable, Sequence
from itertools import count

import pytest

from db import ledger
from db.artwork.picture_files import SeenImage, record_folder_images
from db.models import Album, AlbumArtist, Artist, Scan, Track, TrackArtist
from db.models import database as connection
from db.scanning import problems
from db.scanning.problems import FileProblem, Stage
from jobs.covers import album_covers, artist_covers
from tests.databases import ON_SQLITE

BATCH, LIBRARY = 120, 500
STEPS = 100
"""After how many steps of SQLite's machine it counts one."""


def write_artists(numbers: Iterable[int]) -> None:
    """Artists with an album of two discs each, a picture, and a problem, as a scan has them."""
    for number in numbers:
        at = f"/music/Artist {number}"
        Artist.create(id=number, name=f"Artist {number}")
        Album.create(id=number, key=at)
        AlbumArtist.create(album=number, position=0, artist=number)
        for disc in (1, 2):
            folder = f"{at}/Album/CD{disc}"
            track = Track.create(
                path=f"{folder}/1.flac",
                folder=folder,
                group_folder=f"{at}/Album",
                album=number,
                disc=disc,
                codec="flac",
                container="flac",
                size=1,
                mtime_ns=1,
                content_id=folder,
            )
            TrackArtist.create(track=track, position=0, artist=number)
        record_folder_images([SeenImage(f"{at}/artist.jpg", at, 1, 1)])
        problems.record([FileProblem(f"{at}/Album/cover.jpg", Stage.COVER, "bad-picture", "")])


def steps(work: Callable[[], object]) -> int:
    """How many hundreds of steps SQLite takes for this."""
    counter = count()
    opened = connection.obj.connection()
    opened.set_progress_handler(lambda: next(counter) and 0, STEPS)
    work()
    opened.set_progress_handler(None, STEPS)
    return next(counter)


def search_artists(ids: Sequence[int]) -> None:
    found = artist_covers.find(ids)
    assert [each.images.basis.place.folders for each in found] == [
        (f"/music/Artist {number}",) for number in ids
    ]
    assert not artist_covers.overtaken(found, set(ids))


def search_albums(ids: Sequence[int]) -> None:
    found = album_covers.find(ids)
    assert [each.folders[-1].path for each in found] == [
        f"/music/Artist {number}/Album" for number in ids
    ]
    assert len(album_covers.sound_paths(found)) == len(ids)


@ON_SQLITE
@pytest.mark.parametrize("search", [search_artists, search_albums])
def test_a_search_costs_the_database_the_same_however_large_the_library_is(
    database: str, search: Callable[[Sequence[int]], None]
) -> None:
    Scan.create(root="/music")
    batch = range(1, BATCH + 1)
    with connection.atomic():
        write_artists(batch)
    before = steps(lambda: search(batch))
    with connection.atomic():
        write_artists(range(BATCH + 1, LIBRARY))
    assert steps(lambda: search(batch)) < 1.3 * before


@ON_SQLITE
@pytest.mark.parametrize("search", [search_artists, search_albums])
def test_as_many_as_a_job_is_given_are_searched_at_once(
    database: str, search: Callable[[Sequence[int]], None]
) -> None:
    Scan.create(root="/music")
    batch = range(1, max(need.per_job for need in ledger.NEEDS) + 1)
    with connection.atomic():
        write_artists(batch)
    search(batch)
