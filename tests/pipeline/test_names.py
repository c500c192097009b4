"""Artists and genres are who and what the files mean, however they write it."""

import re
import threading
from pathlib import Path
from typing import Any

from db.enrichment.facts import FactSource, FactValue, replace_facts
from db.library.search import search
from db.maintenance.removal import forget_missing
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ArtistName,
    ChosenImage,
    EntityType,
    Genre,
    GenreName,
    Image,
    Track,
    TrackArtist,
    TrackGenre,
    utc_now,
)
from db.sql.queries import tuples
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.sums import check_sums
from tests.web.conftest import ADDRESS, client_of
from web.app import create_app

ONE, TWO, THREE = (f"aaaaaaa{digit}-0000-4000-8000-000000000000" for digit in "123")


def write(path: Path, artist: Any, mbid: Any = (), **tags: Any) -> None:
    """A track of an album that is called as its folder."""
    ids = {"musicbrainz_artistid": mbid} if mbid else {}
    about = {"title": path.stem, "album": path.parent.name, "artist": artist}
    write_track(path, **{**about, **ids, **tags})


def credits() -> dict[str, list[tuple[str, str | None]]]:
    """Whom each track names: the artist as shown, and the id, by its place in the library."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    query = TrackArtist.select(Track.path, Artist.name, Artist.musicbrainz_id)
    query = query.join(Track).switch(TrackArtist).join(Artist)
    for path, *artist in tuples(query.order_by(Track.path, TrackArtist.position)):
        found.setdefault("/".join(path.split("/")[-2:]), []).append(tuple(artist))
    return found


def test_artists_are_who_the_files_mean(scan: RunScan, library: Path) -> None:
    write(library / "Film/1.flac", "Jon Williams", ONE)
    write(library / "Film/2.flac", "Jon  williams", albumartist="Jon Williams")
    write(library / "Guitar/1.flac", "Jon Williams", TWO, musicbrainz_albumartistid=TWO)
    write(library / "Both/1.flac", ["Jon Williams", "JON WILLIAMS"], [ONE, TWO])
    write(library / "Nobody's/1.flac", "Jon Williams")
    for number in (1, 2):
        write(library / f"Latin/{number}.mp3", "Tchaikov", THREE)
    write(library / "Cyrillic/1.mp3", "Чайков", THREE)
    write(library / "Cyrillic/2.mp3", "Чайков")
    write(library / "Guns/1.ogg", "Guns N\u2019 Roses")
    write(library / "Guns/2.ogg", "GUNS N' ROSES")
    write(library / "Guns/3.ogg", "Guns N' Roses")
    write(library / "Guns/4.ogg", "Guns N' Roses")
    write(library / "Odd/1.flac", ["A", "B"], ONE)
    write(library / "Odd/2.flac", ["C", "D"], [TWO, TWO])
    write(library / "Odd/3.flac", "Beyonce", "no id")
    write(library / "Odd/4.flac", "Beyoncé")
    scan()
    one, two, three = ("Jon Williams", ONE), ("Jon Williams", TWO), ("Tchaikov", THREE)
    guns = ("Guns N' Roses", None)
    assert credits() == {
        "Film/1.flac": [one],
        "Film/2.flac": [one],
        "Guitar/1.flac": [two],
        "Both/1.flac": [one, two],
        "Nobody's/1.flac": [("Jon Williams", None)],
        **{f"{where}/{n}.mp3": [three] for where in ("Latin", "Cyrillic") for n in (1, 2)},
        **{f"Guns/{number}.ogg": [guns] for number in range(1, 5)},
        "Odd/1.flac": [("A", None), ("B", None)],
        "Odd/2.flac": [("C", None), ("D", None)],
        "Odd/3.flac": [("Beyonce", None)],
        "Odd/4.flac": [("Beyoncé", None)],
    }
    of_albums = AlbumArtist.select(Album.title, Artist.musicbrainz_id)
    of_albums = dict(tuples(of_albums.join(Album).switch(AlbumArtist).join(Artist)))
    assert (of_albums["Film"], of_albums["Guitar"], of_albums["Cyrillic"]) == (ONE, TWO, THREE)
    assert names_are_counted()
    check_sums()


@ON_SQLITE
def test_an_id_that_stands_at_strangers_names_joins_nobody_in_whichever_order_files_come(
    scan: RunScan, library: Path
) -> None:
    """The artist with whom most files give it keeps it, as long as most do."""
    who = {"Queen/1": "Queen", "Kiss/1": "Kiss", "Abba/1": "Abba"}
    who |= {f"Queen/{number}": "Queen" for number in (2, 3, 4)}
    names = {f"{path}.flac": name for path, name in who.items()}
    other = {"Other/1.flac": [("Other", None)]}
    for turn in (1, -1):
        for path, name in list(names.items())[::turn]:
            write(library / path, name, ONE, musicbrainz_albumartistid=ONE)
            scan()
        assert {**credits(), **other} == {
            **{path: [(name, ONE if name == "Queen" else None)] for path, name in names.items()},
            **other,
        }
        assert Artist.select().where(Artist.name != "Other").count() == 3
        assert names_are_counted()
        for number in (2, 3, 4):
            (library / f"Queen/{number}.flac").unlink()
        write(library / "Queen/1.flac", "Slade", ONE)
        write(library / "Kiss/1.flac", "Kiss", TWO)
        scan()
        forget_all_missing(library)
        assert {**credits(), **other} == {
            **other,
            **{"Abba/1.flac": [("Abba", ONE)], "Kiss/1.flac": [("Kiss", TWO)]},
            "Queen/1.flac": [("Abba", ONE)],  # two names of one id may be an artist's
        }
        assert names_are_counted()
        check_sums()
        for path in names:
            (library / path).unlink(missing_ok=True)
        write(library / "Other/1.flac", "Other")
        scan()
        forget_all_missing(library)
        assert [artist.name for artist in Artist.select()] == ["Other"]


def forget_all_missing(library: Path) -> None:
    Track.update(missing_since=utc_now().replace(year=2001)).where(
        Track.missing_since.is_null(False)
    ).execute()
    forget_missing(1, [str(library)])


def names_are_counted() -> bool:
    """Whether each spelling has its own number of uses, and none is kept that nobody uses."""
    for name in ArtistName.select():
        for link, count in ((TrackArtist, name.tracks), (AlbumArtist, name.albums)):
            used = (link.spelling == name.id) & (link.artist == name.artist_id)
            assert link.select().where(used).count() == count, (name.name, link)
        assert name.tracks or name.albums
    for genre in GenreName.select():
        used = (TrackGenre.spelling == genre.id) & (TrackGenre.genre == genre.genre_id)
        assert TrackGenre.select().where(used).count() == genre.tracks
        assert genre.tracks
    return True


def test_who_is_meant_follows_from_the_files_that_are_there(scan: RunScan, library: Path) -> None:
    write(library / "Loose/1.flac", "Jon Williams")
    scan()
    [first] = Artist.select()
    image = Image.create(digest="d", mime="image/png", bytes=1)
    ChosenImage.create(
        entity_type=EntityType.ARTIST, entity_id=first.id, image=image, source_path="x"
    )
    write(library / "Film/1.flac", "Jon Williams", ONE)
    scan()
    assert [(each.id, each.musicbrainz_id) for each in Artist.select()] == [(first.id, ONE)]
    write(library / "Guitar/1.flac", "Jon Williams", TWO)
    scan()
    assert credits()["Loose/1.flac"] == [("Jon Williams", None)]
    assert Artist.select().count() == 3
    for path in ("Film/1.flac", "Guitar/1.flac"):
        (library / path).unlink()
    scan()
    forget_all_missing(library)
    assert credits() == {"Loose/1.flac": [("Jon Williams", None)]}
    [last] = Artist.select()
    assert [each.entity_id for each in ChosenImage.select()] == [last.id]
    assert names_are_counted()
    check_sums()


@ON_SQLITE
def test_who_is_left_of_namesakes_has_all_of_the_name(scan: RunScan, library: Path) -> None:
    write(library / "Nobody's/1.flac", "Jon Williams")
    scan()
    write(library / "Film/1.flac", "Jon Williams", ONE)
    write(library / "Film/2.flac", "Jon Williams")
    write(library / "Guitar/1.flac", "Jon Williams", TWO)
    scan()
    assert len({artist for names in credits().values() for artist in names}) == 3
    (library / "Guitar/1.flac").unlink()
    scan()
    Track.update(missing_since=utc_now().replace(year=2001)).where(
        Track.missing_since.is_null(False)
    ).execute()
    assert forget_missing(1, [str(library)]) == 1
    kept = ("Film/1.flac", "Film/2.flac", "Nobody's/1.flac")
    assert credits() == {each: [("Jon Williams", ONE)] for each in kept}
    assert Artist.select().count() == 1
    assert names_are_counted()


@ON_SQLITE
def test_a_sort_name_is_that_of_all_of_a_name_in_whichever_order_files_come(
    scan: RunScan, library: Path
) -> None:
    write(library / "Loose/1.flac", "The Two", artistsort="Two, The")
    scan()
    for folder, mbid in (("One", ONE), ("Other", TWO)):
        write(library / folder / "1.flac", "The Two", mbid)
        scan()
    write(library / "Late/1.flac", "The Two")
    scan()
    artists = {each.musicbrainz_id: each.sort_name for each in Artist.select()}
    assert artists == dict.fromkeys([None, ONE, TWO], "Two, The")


def test_a_name_that_gets_another_id_keeps_the_picture_that_was_chosen(
    scan: RunScan, library: Path
) -> None:
    write(library / "A/1.flac", "Somebody", ONE)
    scan()
    image = Image.create(digest="d", mime="image/png", bytes=1)
    ChosenImage.create(
        entity_type=EntityType.ARTIST, entity_id=Artist.get().id, image=image, source_path="x"
    )
    write(library / "A/1.flac", "Somebody", TWO, comment="so that its size is another")
    scan()
    [artist] = Artist.select()
    assert artist.musicbrainz_id == TWO
    assert [each.entity_id for each in ChosenImage.select()] == [artist.id]


@ON_SQLITE
def test_names_are_shown_as_most_tracks_write_them(scan: RunScan, library: Path) -> None:
    for number, name in enumerate(("Sigur Ros", "sigur ros", "sigur ros"), start=1):
        write(library / f"A/{number}.flac", name, genre=name)
    scan()
    assert (Artist.get().name, Genre.get().name) == ("sigur ros", "sigur ros")
    for number in (2, 3):
        write(library / f"A/{number}.flac", "Sigur Ros", genre="Sigur Ros", comment="changed")
    scan()
    assert (Artist.get().name, Genre.get().name) == ("Sigur Ros", "Sigur Ros")
    assert [each.name for each in ArtistName.select()] == ["Sigur Ros"]
    assert names_are_counted()


def test_pages_show_credits_and_tell_namesakes_apart(scan: RunScan, library: Path) -> None:
    duo = {"artists": ["Beth Hart", "Joe B."], "albumartist": "Beth Hart & Joe B."}
    write(library / "Duo/1.flac", "Beth Hart & Joe B.", **duo, albumartists=duo["artists"])
    write(library / "Film/1.flac", "Jon Williams", ONE, artistsort="Williams, Jon")
    write(library / "Guitar/1.flac", "Jon Williams", TWO)
    write(library / "Nobody/1.flac", "Jon Williams")
    write(library / "Choir/1.flac", "\u0427\u0430\u0439\u043a\u043e\u0432", THREE)
    for number in (2, 3):
        write(library / f"Choir/{number}.flac", "Tchaikov", THREE)
    scan()
    album = Album.get(Album.title == "Duo")
    assert album.album_artist == "Beth Hart & Joe B."
    client = client_of(create_app(ADDRESS, "", threading.Event()))
    page = client.get(f"/albums/{album.id}").get_data(as_text=True)
    assert re.search(r">Beth Hart</a> &amp; <a [^>]*>Joe B.</a>", page)
    track = Track.get(Track.album == album.id).id
    tags = client.get(f"/tracks/{track}.json").get_json()["tags"]
    assert (tags["credit"], tags["artists"]) == ("Beth Hart & Joe B.", duo["artists"])
    assert [each["name"] for each in tags["credits"]] == duo["artists"]
    namesakes = search("Jon Williams", 9, 9, 9).artists
    assert {each.disambiguation for each in namesakes} == {ONE[:8], TWO[:8], "without an id"}
    artist = Artist.get(Artist.musicbrainz_id == ONE).id
    source = FactSource("musicbrainz", utc_now(), 1.0)
    said = [
        FactValue("disambiguation", "film composer"),
        FactValue("aliases", ["\u0416\u043e\u043d"]),
    ]
    replace_facts(EntityType.ARTIST, artist, source, said)
    tags = client.get(f"/artists/{artist}.json").get_json()["tags"]
    assert (tags["disambiguation"], tags["sort_name"]) == ("film composer", "Williams, Jon")
    for asked, name in (
        ("\u0427\u0410\u0419\u041a", "Tchaikov"),
        ("\u0416\u043e\u043d", "Jon Williams"),
        ("tchai", "Tchaikov"),
    ):
        assert [each.name for each in search(asked, 9, 9, 9).artists] == [name]
