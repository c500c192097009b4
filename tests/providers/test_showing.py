"""Writing what an entity shows, in either database, whoever else writes at the time."""

import pytest

from db.artwork import remote_covers
from db.artwork.covers import Chosen, shown
from db.artwork.covers import show_images as show_from_disk
from db.enrichment import facts
from db.models import Album, AlbumArtist, Artist, EntityType, Image, ProviderAnswer, Track, utc_now
from db.sql.connection import transaction

pytestmark = pytest.mark.usefixtures("database")
ALBUM = EntityType.ALBUM


def chosen(digest: str, source: str, role: str = "front") -> Chosen:
    """That album 1 shows this image."""
    Image.get_or_create(digest=digest, defaults={"mime": "image/jpeg", "bytes": 1})
    return Chosen(1, digest, source, 5, "https://x/", role, "CC0", "Ann")


def show(*pictures: Chosen, over: str | None = None) -> dict[str, tuple[str, str]]:
    """Show pictures from the web in place of the one `over`; what is shown then, by role."""
    before = shown(ALBUM, [1]).get(1, {})
    with transaction():
        replaced = [each for each in before.values() if each.digest == over]
        remote_covers.show(ALBUM, pictures, replaced)
    rows = shown(ALBUM, [1]).get(1, {})
    return {role: (row.source, row.digest) for role, row in rows.items()}


def test_a_picture_from_the_web_is_shown_where_nothing_is() -> None:
    assert show(chosen("a", "deezer"), chosen("b", "deezer", "fanart")) == {
        "front": ("deezer", "a"),
        "fanart": ("deezer", "b"),
    }
    assert shown(ALBUM, [1])[1]["front"].licence == "CC0"


def test_a_picture_from_the_web_is_replaced_by_the_next() -> None:
    show(chosen("a", "deezer"))
    assert show(chosen("b", "lastfm")) == {"front": ("lastfm", "b")}


@pytest.mark.parametrize("source", ["folder", "embedded", "chosen"])
def test_a_picture_from_disk_that_nobody_has_seen_stays(source: str) -> None:
    with transaction():
        show_from_disk(ALBUM, [chosen("a", source)])
    assert show(chosen("b", "deezer")) == {"front": (source, "a")}


def test_a_picture_from_disk_that_was_found_wanting_is_replaced() -> None:
    with transaction():
        show_from_disk(ALBUM, [chosen("a", "folder")])
    assert show(chosen("b", "deezer"), over="a") == {"front": ("deezer", "b")}


def test_nothing_to_show_changes_nothing() -> None:
    show(chosen("a", "deezer"))
    assert show() == {"front": ("deezer", "a")}


def test_an_album_is_told_with_its_artists_in_order_and_the_tracks_that_are_there() -> None:
    album = Album.create(key="k", title="T", musicbrainz_release_id="R")
    for position, name in enumerate(("Zoe", "Ann")):
        artist = Artist.create(name=name, musicbrainz_id=f"id of {name}")
        AlbumArtist.create(album=album, position=position, artist=artist)
    for number, missing in enumerate((None, utc_now(), None)):
        Track.create(
            path=f"/{number}",
            folder="/",
            group_folder="/",
            album=album,
            codec="flac",
            container="flac",
            size=1,
            mtime_ns=1,
            content_id="x",
            missing_since=missing,
        )
    assert remote_covers.albums([album.id]) == {
        album.id: (album.id, "T", ("Zoe", "Ann"), "R", None, 2)
    }
    assert remote_covers.artists([1, 2, 3]) == {
        1: (1, "Zoe", "id of Zoe"),
        2: (2, "Ann", "id of Ann"),
    }


def test_an_answer_replaces_an_older_one() -> None:
    facts.store_answer("deezer", "album", {}, found=False)
    facts.store_answer("deezer", "album", {"offers": [1]}, found=True)
    known = facts.stored_answer("deezer", "album")
    assert known is not None
    assert known[:2] == (True, {"offers": [1]})
    assert facts.stored_answer("lastfm", "album") is None


def test_answers_that_no_longer_hold_are_dropped() -> None:
    facts.store_answer("deezer", "old", {}, found=False)
    ProviderAnswer.update(ask_again_at=utc_now()).execute()
    facts.store_answer("deezer", "new", {}, found=False)
    assert facts.stored_answer("deezer", "old") is None
    assert facts.drop_overdue_answers() == 1
    assert [row.question for row in ProviderAnswer.select()] == ["new"]


def test_nothing_there_is_believed_for_a_shorter_time_than_something() -> None:
    facts.store_answer("deezer", "there", {}, found=True)
    facts.store_answer("deezer", "not there", {}, found=False)
    until = {row.question: row.ask_again_at for row in ProviderAnswer.select()}
    assert until["not there"] < until["there"]
