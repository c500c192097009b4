"""Which of several pictures wins: the rules beside the order of sources."""

import shutil

import pytest

from db import ledger, settings
from db.artwork import covers, images
from db.artwork.covers import Chosen
from db.models import Album, Cover, EntityType, Kind, State
from db.sql.connection import transaction
from jobs.covers import process_album_covers
from jobs.covers.embedded import gather
from jobs.pictures.store import original, put
from tests.covers.library import BACK, FRONT, OTHER, Library, paint

LARGE, SMALL = (600, 600), (200, 200)
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # all about pictures


@pytest.mark.parametrize("size", [(149, 149), (100, 900), (480, 300), (1200, 600)])
def test_a_picture_that_is_too_small_or_far_from_square_comes_last(
    library: Library, size: tuple[int, int]
) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", SMALL))])
    library.image("A/cover.jpg", paint("green", size))
    library.work()
    expected = paint("green", size) if size == (480, 300) else paint("red", SMALL)
    assert library.album_shows("A") == expected


def test_a_poor_picture_is_shown_when_there_is_no_other(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/cover.jpg", paint("green", (90, 90)))
    library.image("A/folder.jpg", paint("blue", (1000, 400)))
    library.work()
    assert library.album_shows("A") == paint("green", (90, 90))
    assert library.album_ledger("A").state == State.DONE


def test_a_better_picture_type_beats_one_that_more_tracks_have(library: Library) -> None:
    for number in range(3):
        library.track(f"A/{number}.flac", "A", [(OTHER, paint("red", SMALL))])
    library.track("A/3.flac", "A", [(BACK, paint("blue", LARGE)), (FRONT, paint("green", SMALL))])
    library.work()
    assert library.album_shows("A") == paint("green", SMALL)


def test_a_tracks_tiny_icon_loses_to_its_other_picture(library: Library) -> None:
    pictures = [(FRONT, paint("red", (32, 32))), (OTHER, paint("blue", SMALL))]
    track = library.track("1.flac", None, pictures)
    library.work()
    assert library.track_shows(track) == paint("blue", SMALL)


def test_of_files_that_differ_only_in_their_format_the_larger_wins(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/cover.jpg", paint("red", SMALL))
    library.image("A/cover.png", paint("blue", LARGE, "PNG"))
    library.work()
    assert library.album_shows("A") == paint("blue", LARGE, "PNG")


def test_a_smaller_file_of_a_better_name_still_wins(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/cover.jpg", paint("red", SMALL))
    library.image("A/folder.jpg", paint("blue", LARGE))
    library.work()
    assert library.album_shows("A") == paint("red", SMALL)


def test_a_half_retagged_album_keeps_its_larger_picture_until_it_is_gone(library: Library) -> None:
    for number in range(3):
        library.track(f"A/{number}.flac", "A", [(FRONT, paint("red", LARGE))])
    library.work()
    for number in (1, 2, 0):
        assert library.album_shows("A") == paint("red", LARGE)
        library.track(f"A/{number}.flac", "A", [(FRONT, paint("blue", SMALL))])
        library.album("A")
        library.work()
    assert library.album_shows("A") == paint("blue", SMALL)


def test_a_larger_picture_that_most_tracks_have_replaces_what_is_shown(library: Library) -> None:
    for number in range(3):
        library.track(f"A/{number}.flac", "A", [(FRONT, paint("red", SMALL))])
    library.work()
    for number in (1, 2):
        library.track(f"A/{number}.flac", "A", [(FRONT, paint("blue", LARGE))])
    library.work()
    assert library.album_shows("A") == paint("blue", LARGE)


def test_a_file_that_is_replaced_by_a_smaller_one_is_followed(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/cover.jpg", paint("red", LARGE))
    library.work()
    library.image("A/cover.jpg", paint("blue", SMALL))
    library.album("A")
    library.work()
    assert library.album_shows("A") == paint("blue", SMALL)


def show_remote(album_id: int, data: bytes) -> None:
    """Have an album show a picture as the job of the web writes it."""
    digest = put(data)
    with transaction():
        images.record(list(gather({digest: len(data)}).fresh))
        chosen = Chosen(
            album_id, digest, "deezer", 5, "https://e.com/a.jpg", licence="CC0", author="Ann"
        )
        covers.show_images(EntityType.ALBUM, [chosen])
        ledger.need(Kind.COVER, EntityType.ALBUM, [album_id])


def test_what_a_provider_gave_is_not_dropped_when_nothing_is_on_disk(library: Library) -> None:
    library.track("A/1.flac", "A")
    show_remote(Album.get(key="A").id, paint("red", LARGE))
    library.work()
    assert library.album_shows("A") == paint("red", LARGE)
    cover = library.album_cover("A")
    assert (cover.source, cover.licence, cover.author) == ("deezer", "CC0", "Ann")
    assert library.album_ledger("A").sources[-1] == "external"


def test_a_provider_that_gave_a_good_picture_beats_a_poor_one_on_disk(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/cover.jpg", paint("blue", (60, 60)))
    show_remote(Album.get(key="A").id, paint("red", LARGE))
    library.work()
    assert library.album_shows("A") == paint("red", LARGE)


def test_a_picture_on_disk_takes_over_without_the_providers_terms(library: Library) -> None:
    library.track("A/1.flac", "A")
    show_remote(Album.get(key="A").id, paint("red", LARGE))
    library.image("A/cover.jpg", paint("blue", SMALL))
    library.work()
    cover = library.album_cover("A")
    assert (cover.source, cover.licence, cover.author) == ("folder", None, None)


def test_what_a_provider_gave_and_is_lost_is_shown_no_more(library: Library) -> None:
    library.track("A/1.flac", "A")
    show_remote(Album.get(key="A").id, paint("red", LARGE))
    original(library.album_cover("A").image.digest).unlink()
    library.work()
    assert Cover.select().count() == 0
    assert library.album_ledger("A").state == State.NONE


@pytest.mark.parametrize(
    ("order", "local", "wanted"),
    [
        ("cover.*, external", None, True),
        ("cover.*, external", LARGE, False),
        ("cover.*, external", (60, 60), True),
        ("external, cover.*", LARGE, True),
        ("cover.*", None, False),
    ],
)
def test_the_web_is_asked_for_what_comes_before_what_is_there(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    queues: object,
    order: str,
    local: tuple[int, int] | None,
    wanted: bool,
) -> None:
    monkeypatch.setenv("FLEET_PROVIDERS", "deezer")
    monkeypatch.setenv("FLEET_ALBUM_COVERS", order)
    library.track("A/1.flac", "A")
    if local:
        library.image("A/cover.jpg", paint("blue", local))
    process_album_covers([Album.get(key="A").id])
    remote = next(
        need
        for need in ledger.NEEDS
        if (need.kind, need.entity_type) == (Kind.REMOTE, EntityType.ALBUM)
    )
    assert ledger.with_state(remote) == ([Album.get(key="A").id] if wanted else [])


def test_the_store_can_be_thrown_away_and_is_made_again(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", LARGE))])
    library.image("A/cover.jpg", paint("blue", LARGE))
    library.work()
    shutil.rmtree(settings.images_dir())
    library.need_everything()
    library.work()
    assert library.album_shows("A") == paint("blue", LARGE)
