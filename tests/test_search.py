"""Search finds by an index that follows every change; lists know neither case nor accents."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from db.library import gallery
from db.library.gallery import AlbumFilter, AlbumOrder
from db.library.search import search
from db.models import Album, Artist, Track
from db.models import database as connection
from db.sql.connection import is_sqlite
from db.sql.name_index import artists_called, is_kept, keep_index, named
from tests.databases import ON_SQLITE

_FILE: dict[str, Any] = {
    **dict.fromkeys(("folder", "group_folder"), "/music"),
    **{"codec": "mp3", "container": "mp3", "size": 1, "mtime_ns": 1, "content_id": "1"},
}


def track(title: str | None, album: Album | None = None) -> Track:
    """A track of this title."""
    path = f"/music/{Track.select().count()} {title}"
    return Track.create(path=path, title=title, album=album, **_FILE)


def titles(text: str) -> list[str | None]:
    """What a search finds among tracks, the best first."""
    return [each.title for each in search(text, 0, 0, 10).tracks]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Jóga", "joga"),
        ("Straße nach Süden", "STRASSE"),
        ("Smørrebrød", "smorr brod"),
        ("U2", "u2"),
        ("Чайковский", "ЧАЙКОВ"),
        ("東京", "東京"),
        ("東京の空", "京の"),
        ("50% *off*", "50% *off*"),
        ("What [is] this?", "[is] ?"),
        ("a", "a"),
        ('Say "it\'s" now', '"it\'s"'),
    ],
)
def test_a_title_is_found_by_parts_of_it(database: str, title: str, text: str) -> None:
    track(title)
    track("Something else")
    track(None)
    assert titles(text) == [title]


def test_the_index_follows_every_change(database: str) -> None:
    song = track("Morning")
    assert titles("morn") == ["Morning"]
    Track.update(title="Evening").where(Track.id == song.id).execute()
    assert (titles("morn"), titles("even")) == ([], ["Evening"])
    Track.delete().execute()
    track("Night")  # SQLite gives it the same id
    assert (titles("even"), titles("nigh")) == ([], ["Night"])


def test_albums_are_found_by_title_and_artist_together(database: str) -> None:
    album = Album.create(key="1")
    track("Song", album)
    Album.update(title="Homogenic", album_artist="Björk").execute()
    assert [each.id for each in search("bjork homog", 0, 5, 0).albums] == [album.id]
    assert search("bjork song", 0, 5, 0).albums == []


@pytest.mark.parametrize("model", [Track, Album, Artist])
def test_what_is_searched_for_is_looked_up_in_an_index(database: str, model: Any) -> None:
    sql, parameters = named(model, ["amber"]).limit(10).sql()
    if is_sqlite():
        plan = connection.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        steps = [step for *_, step in plan]
        assert "VIRTUAL TABLE INDEX 0:G0" in steps[0]
        assert steps[1].startswith("SEARCH t1 USING INTEGER PRIMARY KEY")
    else:
        connection.execute_sql("SET enable_seqscan = off")
        plan = connection.execute_sql(f"EXPLAIN {sql}", parameters).fetchall()
        connection.execute_sql("SET enable_seqscan = on")
        assert f"search_{model._meta.table_name}" in str(plan)


@pytest.fixture
def without_trigrams(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An SQLite that is too old to keep the index."""
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "sqlite_version_info", (3, 33, 0))
        keep_index()
        yield


@ON_SQLITE
def test_without_trigrams_search_reads_all_names(database: str, without_trigrams: None) -> None:
    track("Jóga")
    assert not is_kept()
    assert titles("oga") == ["Jóga"]


@ON_SQLITE
def test_an_index_that_could_not_be_kept_is_made_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    track("Before")
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "sqlite_version_info", (3, 33, 0))
        keep_index()
        track("Meanwhile")
        Track.update(title="Changed").where(Track.title == "Before").execute()
    keep_index()
    assert is_kept()
    assert [titles(each) for each in ("meanw", "chang", "befor")] == [
        ["Meanwhile"],
        ["Changed"],
        [],
    ]


def test_lists_are_sorted_without_case_and_accents(database: str) -> None:
    for title, artist, date in (
        ("ébène", "b", "1990"),
        ("Zoo", "Á", None),
        ("Die Eule", "B", "1980-05"),
        ("apfel", "B", "1980"),
    ):
        track("Song", Album.create(key=title, title=title, album_artist=artist, date=date))
    Album.update(sort_title="Eule, Die").where(Album.title == "Die Eule").execute()

    def sorted_by(order: AlbumOrder) -> list[str | None]:
        return [each.title for each in gallery.album_list(AlbumFilter(), order, 0, 10)]

    assert sorted_by(AlbumOrder.TITLE) == ["apfel", "ébène", "Die Eule", "Zoo"]
    assert sorted_by(AlbumOrder.ARTIST) == ["Zoo", "apfel", "Die Eule", "ébène"]
    assert sorted_by(AlbumOrder.YEAR) == ["ébène", "apfel", "Die Eule", "Zoo"]


def test_a_name_of_any_length_has_a_place_in_the_lists(database: str) -> None:
    track("Song", Album.create(key="1", title="é" * 5_000, album_artist="ø" * 5_000))
    Artist.create(name="x" * 2000, sort_name="大" * 5_000)
    assert len(gallery.album_list(AlbumFilter(), AlbumOrder.ARTIST, 0, 10)) == 1


@pytest.mark.parametrize(
    "name", ["acdc", "rem", "björk", "hendrixjimi", "89ad4ac339f7470e963a56509c546377", "!!!"]
)
def test_an_artist_is_found_by_the_letters_of_a_file_name(database: str, name: str) -> None:
    Artist.create(name="Nobody")
    for written in ("AC/DC", "R.E.M.", "Bjo\u0308rk", "!!!"):
        Artist.create(name=written)
    Artist.create(name="Jimi Hendrix", sort_name="Hendrix, Jimi")
    Artist.create(name="Various", musicbrainz_id="89ad4ac3-39f7-470e-963a-56509c546377")
    (found,) = artists_called([name])
    assert found > 1
