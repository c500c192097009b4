"""The sum of each need: every entity that needs something has a row, and no other row exists."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from peewee import SQL, ModelSelect, fn

from db.errors import SettingError
from db.ledger.needs import Need
from db.ledger.states import ENTITIES, counts
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    EmbeddedPicture,
    EntityType,
    Image,
    Kind,
    LedgerRow,
    State,
    Track,
    TrackArtist,
)
from db.settings.cover_orders import EXTERNAL, album_order, artist_order
from db.settings.provider_settings import any_on, any_with_facts
from db.sql.queries import tuples


def never_asked(need_: Need) -> list[int]:
    """The entities that need it and have no row; none of what is missing."""
    query = _lacking(need_)
    return [] if query is None else [entity_id for (entity_id,) in tuples(query.order_by(SQL("1")))]


class Sum(NamedTuple):
    """Whether the ledger has a row for each entity that needs something, and no others."""

    need: Need
    states: Counter[State]
    needed: int
    """How many entities need it."""
    lacking: int
    """How many of them have no row."""
    stray: int
    """Rows of entities that do not exist."""
    in_turn: int = 0
    """Entities that get their row when their turn comes."""

    @property
    def adds_up(self) -> bool:
        """Whether done, none, failed, waiting, to do and quarantined are all that need it."""
        return self.states.total() + self.in_turn == self.needed and not self.stray


def sums() -> list[Sum]:
    """The sum of each need. Counts every entity, a second or so in a large library."""
    counted, found = counts(), []
    for each, states in counted.items():
        query = _lacking(each)
        lacking = 0 if query is None else int(query.count())
        stray = int(_stray(each.kind, each.entity_type).count())
        turn = in_turn(each) if any_with_facts() else None
        in_turn_ = 0 if turn is None else int(turn.count())
        needed = states.total() - stray + lacking + in_turn_
        found.append(Sum(each, states, needed, lacking, stray, in_turn_))
    return found


def drop_stray() -> int:
    """Delete the rows of entities that do not exist; how many."""
    return sum(
        int(LedgerRow.delete().where(LedgerRow.id.in_(_stray(kind, entity_type))).execute())
        for kind in Kind
        for entity_type in EntityType
    )


def in_turn(need_: Need) -> "ModelSelect[Any] | None":
    """The albums, and tracks without an album, that are enriched when their turn comes.

    They get their row then. None for needs that know no turns.
    """
    if need_.kind is not Kind.ENRICHMENT or need_.entity_type is EntityType.ARTIST:
        return None
    entity = ENTITIES[need_.entity_type]
    query = _without_row(entity.select(entity.id), entity.id, need_)
    if entity is Track:
        query = query.where(Track.album.is_null(), Track.missing_since.is_null())
    return query


def _lacking(need_: Need) -> "ModelSelect[Any] | None":
    """The ids of the entities that need it and have no row; None where nobody need have one."""
    key = need_.kind, need_.entity_type
    if key == (Kind.PICTURE, EntityType.TRACK):
        return _carriers_never_asked(need_)
    entities = _NEEDING[key]()
    if entities is None:
        return None
    entity_id = entities.selected_columns[0]
    return _without_row(entities, entity_id, need_).distinct()


def _without_row(entities: "ModelSelect[Any]", entity_id: Any, need_: Need) -> "ModelSelect[Any]":
    rows = LedgerRow.alias()
    row = rows.select(SQL("1")).where(
        rows.kind == need_.kind,
        rows.entity_type == need_.entity_type,
        rows.entity_id == entity_id,
    )
    return entities.where(~fn.EXISTS(row))


def _stray(kind: Kind, entity_type: EntityType) -> "ModelSelect[Any]":
    """The ids of rows of entities that do not exist."""
    entity = ENTITIES[entity_type]
    there = entity.select(SQL("1")).where(entity.id == LedgerRow.entity_id)
    return LedgerRow.select(LedgerRow.id).where(
        LedgerRow.kind == kind, LedgerRow.entity_type == entity_type, ~fn.EXISTS(there)
    )


def _tracks() -> "ModelSelect[Any]":
    return Track.select(Track.id).where(Track.missing_since.is_null())


def _with_nothing_on_disk(entity_type: EntityType, order: Callable[[], Sequence[str]]) -> Any:
    """Those of whom the web is asked, where the settings say so."""
    try:
        if not any_on() or EXTERNAL not in order():
            return None
    except SettingError:  # which is named elsewhere, and stops the searches
        return None
    return _settled(Kind.COVER, entity_type, State.NONE)


def _settled(kind: Kind, entity_type: EntityType, *states: State) -> "ModelSelect[Any]":
    return LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == kind, LedgerRow.entity_type == entity_type, LedgerRow.state.in_(states)
    )


def _credited(tracks: Any, albums: Any) -> "ModelSelect[Any]":
    """The artists of these tracks and of these albums."""
    of_tracks = TrackArtist.select(TrackArtist.artist).where(TrackArtist.track.in_(tracks))
    of_albums = AlbumArtist.select(AlbumArtist.artist).where(AlbumArtist.album.in_(albums))
    return Artist.select(Artist.id).where(Artist.id.in_(of_tracks) | Artist.id.in_(of_albums))


def _albums_of_vectors() -> "ModelSelect[Any]":
    made = _settled(Kind.VECTOR, EntityType.TRACK, State.DONE)
    return Track.select(Track.album).where(Track.album.is_null(False), Track.id.in_(made))


def _artists_of_vectors() -> "ModelSelect[Any]":
    made = _settled(Kind.VECTOR, EntityType.TRACK, State.DONE)
    return _credited(made, _albums_of_vectors())


_FOUND_OUT = (State.DONE, State.NONE)


def _tracks_of_enriched_albums() -> Any:
    albums = _settled(Kind.ENRICHMENT, EntityType.ALBUM, *_FOUND_OUT)
    return _tracks().where(Track.album.in_(albums)) if any_with_facts() else None


def _artists_of_enriched() -> Any:
    tracks = _settled(Kind.ENRICHMENT, EntityType.TRACK, *_FOUND_OUT)
    albums = _settled(Kind.ENRICHMENT, EntityType.ALBUM, *_FOUND_OUT)
    return _credited(tracks, albums) if any_with_facts() else None


_ENDED = (State.DONE, State.NONE, State.FAILED, State.QUARANTINED)
_NEEDING: dict[tuple[Kind, EntityType], Callable[[], Any]] = {
    (Kind.COVER, EntityType.TRACK): _tracks,
    (Kind.COVER, EntityType.ALBUM): lambda: Album.select(Album.id),
    (Kind.COVER, EntityType.ARTIST): lambda: Artist.select(Artist.id),
    (Kind.PICTURE, EntityType.ARTIST): lambda: Artist.select(Artist.id),
    (Kind.REMOTE, EntityType.ALBUM): lambda: _with_nothing_on_disk(EntityType.ALBUM, album_order),
    (Kind.REMOTE, EntityType.ARTIST): lambda: _with_nothing_on_disk(
        EntityType.ARTIST, artist_order
    ),
    (Kind.ANALYSIS, EntityType.TRACK): _tracks,
    (Kind.VECTOR, EntityType.TRACK): lambda: _settled(Kind.ANALYSIS, EntityType.TRACK, *_ENDED),
    (Kind.VECTOR, EntityType.ALBUM): _albums_of_vectors,
    (Kind.VECTOR, EntityType.ARTIST): _artists_of_vectors,
    (Kind.ENRICHMENT, EntityType.ALBUM): lambda: None,
    (Kind.ENRICHMENT, EntityType.TRACK): _tracks_of_enriched_albums,
    (Kind.ENRICHMENT, EntityType.ARTIST): _artists_of_enriched,
}
"""The entities that must have a row, by kind of work and type; None where nobody need have one.

Pictures of tracks are asked for by the picture, see `_carriers_never_asked`.
"""


def _carriers_never_asked(need_: Need) -> "ModelSelect[Any]":
    """A track for each embedded picture that is not known and that no track is to bring."""
    others, carrier = EmbeddedPicture.alias(), Track.alias()
    asked = (
        others.select(SQL("1"))
        .join(carrier, on=others.track == carrier.id)
        .join(
            LedgerRow,
            on=(LedgerRow.kind == need_.kind)
            & (LedgerRow.entity_type == need_.entity_type)
            & (LedgerRow.entity_id == carrier.id),
        )
        .where(others.digest == EmbeddedPicture.digest, carrier.missing_since.is_null())
    )
    known = Image.select(SQL("1")).where(Image.digest == EmbeddedPicture.digest)
    return (
        EmbeddedPicture.select(fn.MIN(EmbeddedPicture.track))
        .join(Track)
        .where(Track.missing_since.is_null(), ~fn.EXISTS(known), ~fn.EXISTS(asked))
        .group_by(EmbeddedPicture.digest)
    )
