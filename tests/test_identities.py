"""A library of before artists were identities becomes one in which they are, and loses nothing."""

import json
import logging
from typing import Any

from peewee_migrate import Router

from db.models import (
    AlbumArtist,
    Artist,
    ArtistName,
    ChosenImage,
    Cover,
    Fact,
    Genre,
    GenreName,
    LedgerRow,
    TrackArtist,
    TrackGenre,
)
from db.models import database as connection
from db.sql.connection import is_sqlite
from db.sql.queries import tuples
from db.sql.schema import MIGRATIONS, applied_migrations, migrate

ONE, TWO = (f"aaaaaaaa-0000-4000-8000-00000000000{digit}" for digit in "12")
NAMES = {
    1: "Jon Williams",  # of ids ONE and TWO, and of nobody's
    2: "Tchaikov",
    3: "Guns N' Roses",
    4: "Guns N\u2019 Roses",
    5: "guns n' roses",
    6: "Solo",
    7: "SOLO",
    8: "Chaikov",  # of the id of Tchaikov
}
THREE, FOUR = ONE.replace("1", "3"), ONE.replace("1", "4")
CREDITS = [
    ([1], [ONE]),
    ([1], [ONE]),
    ([1], [TWO]),
    ([1], []),
    ([2], [THREE]),
    ([8], [THREE]),
    ([8], [THREE]),
    ([3], []),
    ([4], []),
    ([4], []),
    ([5], []),
    ([6], [FOUR]),
    ([7, 3], []),
]
"""Of each track the artists, and the ids that its file gives."""


def before(name: str) -> None:
    """Undo this migration and all after it."""
    logger = logging.getLogger("musicfleet.tests")
    logger.setLevel(logging.WARNING)
    while any(each.endswith(name) for each in applied_migrations()):
        Router(connection, migrate_dir=MIGRATIONS, logger=logger).rollback()


def insert(table: str, **values: Any) -> None:
    marks = ", ".join(["?" if is_sqlite() else "%s"] * len(values))
    given = [json.dumps(each) if isinstance(each, list) else each for each in values.values()]
    names = ", ".join(f'"{name}"' for name in values)
    connection.execute_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", given)


def fill() -> None:
    """A library as it was."""
    for artist_id, name in NAMES.items():
        insert("artists", id=artist_id, name=name, sort_name=f"{name}, sorted")
        for kind in ("picture", "cover", "vector"):
            state = {"state": "done", "sources": [], "attempt": 0, "lease_attempt": 0}
            about = {"kind": kind, "entity_type": "artist", "entity_id": artist_id}
            insert("ledger", **about, **state)
    for genre_id, name in enumerate(("Rock", "rock", "Jazz"), start=1):
        insert("genres", id=genre_id, name=name)
    lists = (
        "composers moods labels catalogue_numbers isrcs artist_sorts album_artist_sorts "
        "album_artist_names musicbrainz_album_artist_ids"
    )
    insert("albums", id=1, key="a", added_at="2020-01-01", compilation=False)
    for track_id, (artists, ids) in enumerate(CREDITS, start=1):
        path = {"path": f"/m/{track_id}", "folder": "/m", "group_folder": "/m"}
        file = {"codec": "flac", "container": "flac", "size": 1, "mtime_ns": 1, "content_id": "c"}
        empty = {name: [] for name in lists.split()} | {"compilation": False, "has_lyrics": False}
        own = {"musicbrainz_artist_ids": ids, "added_at": "2020-01-01"}
        if track_id == 3:
            own |= {"album_id": 1, "album_artist_names": ["Jon Williams"]}
            own |= {"musicbrainz_album_artist_ids": [TWO]}
        insert("tracks", **{"id": track_id, **path, **file, **empty, **own})
        for position, artist in enumerate(artists):
            insert("track_artists", track_id=track_id, position=position, artist_id=artist)
        insert("track_genres", track_id=track_id, position=0, genre_id=1 + track_id % 3 // 2)
    insert("album_artists", album_id=1, position=0, artist_id=1)
    insert(
        "images", id=1, digest="d", mime="image/png", bytes=1, animated=False, added_at="2020-01-01"
    )
    for table, entity_id, own in (
        ("chosen_images", 5, {"chosen_at": "2020-01-01"}),
        ("covers", 3, {"source": "folder", "rank": 1}),
    ):
        about = {"entity_type": "artist", "entity_id": entity_id, "role": "front", "image_id": 1}
        insert(table, **about, source_path="x", **own)
    fact = {"field": "country", "value": json.dumps("US"), "source": "musicbrainz", "score": 1.0}
    insert("facts", entity_type="artist", entity_id=4, fetched_at="2020-01-01", **fact)


def test_artists_of_before_are_joined_and_taken_apart_by_the_rules(database: str) -> None:
    before("identities")
    fill()
    migrate()
    known = {each.id: (each.key, each.name) for each in Artist.select()}
    apart = {key: each for each, (key, _) in known.items() if each not in NAMES}
    assert {key: known.pop(each)[1] for key, each in apart.items()} == {
        f"mbid:{TWO}": "Jon Williams",
        "name:jon williams": "Jon Williams",
    }
    assert known == {
        1: (f"mbid:{ONE}", "Jon Williams"),
        2: (f"mbid:{THREE}", "Chaikov"),
        5: ("name:guns n' roses", "Guns N' Roses"),
        6: (f"mbid:{FOUR}", "SOLO"),
    }
    two, nobody = apart[f"mbid:{TWO}"], apart["name:jon williams"]
    links = TrackArtist.select(TrackArtist.artist).order_by(TrackArtist.track, TrackArtist.position)
    meant = [1, 1, two, nobody, 2, 2, 2, 5, 5, 5, 5, 6, 6, 5]
    assert [artist for (artist,) in tuples(links)] == meant
    assert [(each.artist_id, each.album_id) for each in AlbumArtist.select()] == [(two, 1)]
    assert [each.entity_id for each in ChosenImage.select()] == [5]
    assert [each.entity_id for each in Cover.select()] == [5]
    assert [(each.entity_id, each.value) for each in Fact.select()] == [(5, "US")]
    assert spelt()
    assert genres()
    states = LedgerRow.select(LedgerRow.entity_id, LedgerRow.state).distinct()
    assert dict(tuples(states)) == dict.fromkeys([*known, two, nobody], "todo")
    assert LedgerRow.select().count() == 3 * Artist.select().count()
    again = [*map(str, Artist.select().dicts()), *map(str, ArtistName.select().dicts())]
    assert migrate() == []
    assert again == [*map(str, Artist.select().dicts()), *map(str, ArtistName.select().dicts())]


def spelt() -> bool:
    """Whether each spelling is counted, and each link knows how it is written."""
    for name in ArtistName.select():
        own = TrackArtist.spelling == name.id, TrackArtist.artist == name.artist_id
        assert TrackArtist.select().where(*own).count() == name.tracks
    return not TrackArtist.select().where(TrackArtist.spelling.is_null()).exists()


def genres() -> bool:
    """Whether two spellings of a genre are one, which is called as most tracks call it."""
    assert {(each.id, each.key, each.name) for each in Genre.select()} == {
        (1, "rock", "Rock"),
        (3, "jazz", "Jazz"),
    }
    uses = dict(tuples(GenreName.select(GenreName.name, GenreName.tracks)))
    assert {each.genre_id for each in TrackGenre.select()} == {1}
    return uses["Rock"] + uses["rock"] == len(CREDITS)
