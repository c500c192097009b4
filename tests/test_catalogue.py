"""Lists of songs, albums and artists as players ask for them, on both databases."""

from collections.abc import Sequence
from typing import Any

import pytest

from db.library import catalogue, lists, search
from db.library.lists import ALL, AlbumOrder, Which
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    EntityType,
    Genre,
    TagWord,
    Track,
    TrackArtist,
    TrackGenre,
    utc_now,
)
from tests.web.similar import give_features

ROOTS = ("/music", "/music2")


@pytest.fixture
def library(database: str) -> list[int]:
    """Four albums of a track each, the last of which is gone; the ids of the tracks."""
    genre = Genre.create(key="jazz", name="Jazz")
    tracks = []
    for number in range(4):
        artist = Artist.create(key=f"name:{number}", name=f"Zoë {number}")
        year = str(1990 + number)
        album = Album.create(key=str(number), title=f"Título {number}", date=year)
        folder = f"{ROOTS[number % 2]}/{number}"
        where = {"path": f"{folder}/1.mp3", "folder": folder, "group_folder": folder}
        sound = {"codec": "mp3", "container": "mp3", "duration": 60.0, "moods": ["Calm"]}
        file = {"size": 1, "mtime_ns": 1, "content_id": "x"}
        tags = {"date": year, "title": f"Canción {number}"}
        gone = {"missing_since": utc_now() if number == 3 else None}
        track = Track.create(**where, **sound, **file, **tags, **gone, album=album, disc=1)
        TrackArtist.create(track=track, position=0, artist=artist)
        AlbumArtist.create(album=album, position=0, artist=artist)
        TrackGenre.create(track=track, position=0, genre=genre)
        tracks.append(int(track.id))
    give_features(tracks[:1], synthetic_tags=[["calm", "energy 0.2"]], bpm=80.0)
    TagWord.create(word="sound:calm", first_seen=utc_now(), tracks=1)
    return tracks


def titles(ids: Sequence[int], model: Any = Album) -> list[str]:
    """What these are called, by the number at the end."""
    return [model.get_by_id(each).title[-1] for each in ids]


def test_lists_hold_what_is_there_in_their_order(library: list[int]) -> None:
    in_order = titles(lists.albums(ALL, AlbumOrder.NAME, 10, 0))
    assert in_order == ["0", "1", "2"]
    assert titles(lists.albums(ALL, AlbumOrder.NAME, 1, 1)) == ["1"]
    assert titles(lists.albums(ALL, AlbumOrder.NEWEST, 10, 0)) == ["2", "1", "0"]
    assert titles(lists.albums(ALL, AlbumOrder.YEAR_BACK, 10, 0)) == ["2", "1", "0"]
    years = Which(years=(1991, 1995))
    assert titles(lists.albums(years, AlbumOrder.YEAR, 10, 0)) == ["1", "2"]
    assert titles(lists.albums(Which(genre="JAZZ"), AlbumOrder.ARTIST, 10, 0)) == ["0", "1", "2"]
    assert titles(lists.albums(Which(root=ROOTS[1]), AlbumOrder.NAME, 10, 0)) == ["1"]
    assert sorted(titles(lists.random_albums(ALL, 10))) == ["0", "1", "2"]

    assert sorted(lists.songs(ALL, 10, 0)) == library[:3]
    assert lists.songs(Which(genre="jazz"), 1, 1) == library[1:2]
    assert sorted(lists.songs(Which(root=ROOTS[0]), 10, 0)) == [library[0], library[2]]
    assert sorted(lists.random_songs(ALL, 10)) == library[:3]
    assert lists.random_songs(Which(ROOTS[1], "jazz", (1991, 1991)), 10) == library[1:2]
    assert lists.of_mood("calm", 10) == library[:1]
    assert lists.moods() == {"calm": 1}
    assert lists.seconds(library) == 240.0
    [genre] = lists.genres()
    assert genre == ("Jazz", 3, 3)


def test_bodies_have_what_hangs_on_songs_albums_and_artists(library: list[int]) -> None:
    found = catalogue.songs([library[2], library[3], library[0]])
    assert [each.id for each in found.songs] == [library[2], library[0]]
    song = found.songs[1]
    assert (song.moods_text, song.isrcs_text, song.bpm) == ('["Calm"]', "[]", 80.0)
    assert found.genres[library[0]] == ["Jazz"]
    assert [each.name for each in found.artists[library[0]]] == ["Zoë 0"]
    albums = catalogue.albums(lists.albums(ALL, AlbumOrder.NAME, 10, 0))
    assert [each.songs for each in albums.albums] == [1, 1, 1]
    assert set(albums.seconds.values()) == {60.0}
    assert [each.name for each in catalogue.album_artists()] == ["Zoë 0", "Zoë 1", "Zoë 2"]
    [alone] = catalogue.album_artists(ROOTS[1])
    assert (alone.name, alone.albums) == ("Zoë 1", 1)
    assert catalogue.artists([alone.id]) == [alone]
    assert lists.artists(None, 10, 1)[:1] == [alone.id]
    assert lists.artists(ROOTS[1], 10, 0) == [alone.id]
    assert catalogue.roles(alone.id) == ["albumartist", "artist"]


def test_search_goes_page_by_page_and_below_a_root(library: list[int]) -> None:
    kinds = (EntityType.TRACK, EntityType.ALBUM, EntityType.ARTIST)
    for kind, words in zip(kinds, ("cancion", "titulo", "zoe"), strict=True):
        every = search.matching(kind, words, 10, 0)
        assert len(every) == 3
        assert search.matching(kind, words, 2, 1) == every[1:]
        assert len(search.matching(kind, words, 10, 0, ROOTS[1])) == 1
