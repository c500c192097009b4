"""Integrity of the database: damage, rows that name nothing; statistics and free space."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from peewee import SQL, fn

from db.maintenance.removal import ABOUT_ENTITIES
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ClusterMembership,
    ClusterModel,
    EntityType,
    Genre,
    Problem,
    Track,
    TrackArtist,
    TrackGenre,
    Vector,
    VectorModel,
    database,
)
from db.sql.connection import is_sqlite, transaction
from db.sql.queries import slices, tuples, windows_of

_PAGES_AT_ONCE = 2_000
"""Pages of 4 KiB that are given back in one transaction: some hundredths of a second."""
_ANALYSIS_LIMIT = 1_000
"""Rows of an index from which SQLite estimates the rest, so that ANALYZE is quick on any size."""
_MOST_FAULTS = 5


class Damage(NamedTuple):
    """What SQLite finds wrong; PostgreSQL has checksums of its own, and checks its keys."""

    pages: list[str]
    """What is damaged in the file."""
    keys: list[str]
    """Rows that name a row that is not there."""


def damage() -> Damage:
    """What is wrong in the file of SQLite, up to a few findings of each kind."""
    if not is_sqlite():
        return Damage([], [])
    pages = [row[0] for row in _query(f"PRAGMA quick_check({_MOST_FAULTS})") if row[0] != "ok"]
    keys = [
        f"row {row[1]} of {row[0]} names a row of {row[2]} that is not there"
        for row in _query("PRAGMA foreign_key_check")
    ]
    return Damage(pages, keys[:_MOST_FAULTS])


class Optimization(NamedTuple):
    """What an optimization of the database did."""

    tables: int
    """How many were analysed."""
    pages: int
    """How many were given back to the disk."""
    unreleased: int
    """Bytes that are free inside an SQLite file that was made without incremental vacuum."""


def optimize() -> Optimization:
    """Update the statistics of the query planner, and return free space to the disk."""
    tables, pages = _analyse_tables(), _free_pages()
    _truncate_log()
    return Optimization(tables, pages, _unreleased_bytes())


def _analyse_tables() -> int:
    """Update the statistics of the query planner; return how many tables were analysed."""
    if is_sqlite():
        before = set(_statistics())
        database.execute_sql(f"PRAGMA analysis_limit={_ANALYSIS_LIMIT}")
        database.execute_sql("ANALYZE")
        return len({row[0] for row in set(_statistics()) ^ before})
    database.execute_sql("SELECT pg_stat_force_next_flush()")
    changed = [
        name
        for (name,) in _query(
            "SELECT relname FROM pg_stat_user_tables WHERE n_mod_since_analyze > 0 "
            "OR (last_analyze IS NULL AND last_autoanalyze IS NULL) ORDER BY relname"
        )
    ]
    for name in changed:
        database.execute_sql(f'ANALYZE "{name}"')
    return len(changed)


def _free_pages() -> int:
    """Give free pages of the SQLite file back to the disk; how many. PostgreSQL does so itself."""
    if not is_sqlite() or _pragma("auto_vacuum") == 0:
        return 0
    free = before = _pragma("freelist_count")
    while free:
        database.execute_sql(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
        left = _pragma("freelist_count")
        if left >= free:
            break
        free = left
    return before - free


def _unreleased_bytes() -> int:
    """Bytes that are free inside an SQLite file that was made without incremental vacuum."""
    if not is_sqlite() or _pragma("auto_vacuum") != 0:
        return 0
    return _pragma("freelist_count") * _pragma("page_size")


def _truncate_log() -> None:
    """Move SQLite's write-ahead log into the file and cut it, unless somebody is reading."""
    if is_sqlite():
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _statistics() -> Iterator[tuple[object, ...]]:
    (exists,) = next(_query("SELECT COUNT(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"))
    return _query("SELECT tbl, idx, stat FROM sqlite_stat1") if exists else iter(())


def _pragma(pragma: str) -> int:
    ((value,),) = database.execute_sql(f"PRAGMA {pragma}").fetchall()
    return int(value)


def _query(statement: str) -> Iterator[tuple[str, ...]]:
    return iter(database.execute_sql(statement).fetchall())


MOST_AT_ONCE = 10_000
"""Rows of a kind that one query finds; the next query finds the next."""
_ENTITIES: dict[EntityType, Any] = {
    EntityType.TRACK: Track,
    EntityType.ALBUM: Album,
    EntityType.ARTIST: Artist,
    EntityType.FILE: Problem,
}


class UnusedEntities(NamedTuple):
    """Albums, artists and genres that no track is of."""

    albums: list[int]
    artists: list[int]
    genres: list[int]


def drop_orphans() -> dict[str, int]:
    """Delete rows whose entity is gone; how many, by what they are."""
    dropped: dict[str, int] = {}
    for what, table in ABOUT_ENTITIES.items():
        ids = [id_ for type_ in _ENTITIES for id_ in _dangling(table, type_)]
        dropped[f"{what} of nothing"] = _delete_rows(table, ids)
    dropped["memberships of nothing"] = _delete_rows(ClusterMembership, list(_orphan_memberships()))
    return dropped


def unused_entities() -> UnusedEntities:
    """What no track, not even a missing one, belongs to or names."""
    used = fn.EXISTS
    of_artists = (
        ~used(_matching(TrackArtist, TrackArtist.artist == Artist.id)),
        ~used(_matching(AlbumArtist, AlbumArtist.artist == Artist.id)),
    )
    return UnusedEntities(
        _found(Album, ~used(_matching(Track, Track.album == Album.id))),
        _found(Artist, *of_artists),
        _found(Genre, ~used(_matching(TrackGenre, TrackGenre.genre == Genre.id))),
    )


def _found(table: Any, *where: Any) -> list[int]:
    """The ids of rows, MOST_AT_ONCE at most."""
    found: list[int] = []
    for part in windows_of(table.id):
        rows = table.select(table.id).where(part, *where).limit(MOST_AT_ONCE - len(found))
        found += [id_ for (id_,) in tuples(rows)]
        if len(found) >= MOST_AT_ONCE:
            break
    return found


def count_present_again() -> int:
    """Count the present tracks of the albums that keep a wrong number; how many these were."""
    here = (Track.album == Album.id) & Track.missing_since.is_null()
    counted = Track.select(fn.COUNT(Track.id)).where(here)
    wrong = [
        album_id
        for part in windows_of(Album.id)
        for (album_id,) in tuples(Album.select(Album.id).where(part, Album.present != counted))
    ]
    for ids in slices(wrong):
        with transaction():
            Album.update(present=counted).where(Album.id.in_(list(ids))).execute()
    return len(wrong)


def vectors_of_wrong_dimension() -> int:
    """How many vectors have another dimension than their model."""
    differs = Vector.dimension != VectorModel.dimension
    return sum(
        int(Vector.select().join(VectorModel).where(part, differs).count())
        for part in windows_of(Vector.id)
    )


def _dangling(table: Any, entity_type: EntityType) -> list[int]:
    entity = _ENTITIES[entity_type]
    there = _matching(entity, entity.id == table.entity_id)
    return _found(table, table.entity_type == entity_type, ~fn.EXISTS(there))


def _orphan_memberships() -> Iterator[int]:
    for entity_type in (EntityType.TRACK, EntityType.ARTIST):
        entity = _ENTITIES[entity_type]
        models = ClusterModel.select(ClusterModel.id).where(ClusterModel.entity_type == entity_type)
        there = _matching(entity, entity.id == ClusterMembership.entity_id)
        yield from _found(ClusterMembership, ClusterMembership.model.in_(models), ~fn.EXISTS(there))


def _matching(table: Any, where: Any) -> Any:
    return table.select(SQL("1")).where(where)


def _delete_rows(table: Any, ids: list[int]) -> int:
    count = 0
    for part in slices(ids):
        with transaction():
            count += int(table.delete().where(table.id.in_(list(part))).execute())
    return count
