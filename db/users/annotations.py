"""Stars, ratings and plays of users."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from peewee import JOIN, OP, SQL, Expression, fn

from db.models import IS_PRESENT, Album, Annotation, EntityType, Play, Track, utc_now
from db.sql.connection import in_turn, transaction
from db.sql.queries import ALSO_LISTED, LISTED, Prepared, among, slices, tuples
from db.sql.statements import insert_missing

MOST_STARS = 5
"""The best rating."""


class Said(NamedTuple):
    """What a user says of an entity, and how often the user played it."""

    starred_at: datetime | None = None
    rating: int | None = None
    plays: int = 0
    played_at: datetime | None = None


NOTHING = Said()


class Played(NamedTuple):
    """A track that was played, and when."""

    track_id: int
    at: datetime


_PLAYED = Expression(Annotation.plays, OP.GT, SQL("0"))
"""As the index of what was played has it."""
_AT_ONCE = 5_000
_FURTHER = 8
"""How many times the plays that were read are read next, where they are of too few albums."""
_SAID = (Annotation.entity_id, *(getattr(Annotation, name) for name in Said._fields))


def said(user_id: int, entity_type: EntityType, ids: Sequence[int]) -> dict[int, Said]:
    """What the user says of those of these entities of which there is anything.

    An album was played as often as its tracks together.
    """
    found = _said(user_id, entity_type, ids)
    if entity_type is not EntityType.ALBUM:
        return found
    for album_id, plays, last in _PLAYS.rows(ids, [user_id]):
        if plays:
            known, at = found.get(album_id, NOTHING), Annotation.played_at.python_value(last)
            found[album_id] = known._replace(plays=int(plays), played_at=at)
    return found


def _plays_of_albums() -> Any:
    of_user = among(Annotation.user, ALSO_LISTED) & (Annotation.entity_id == Track.id)
    of_user &= (Annotation.entity_type == EntityType.TRACK.value) & _PLAYED
    query = Track.select(Track.album, fn.SUM(Annotation.plays), fn.MAX(Annotation.played_at))
    # An outer join, so that SQLite begins with the few tracks, and not with all that was played.
    query = query.join(Annotation, JOIN.LEFT_OUTER, on=of_user)
    return query.where(among(Track.album, LISTED)).group_by(Track.album)


_PLAYS = Prepared(_plays_of_albums)
"""How often a user played the tracks of albums, and when the last time."""


def _said(user_id: int, entity_type: EntityType, ids: Sequence[int]) -> dict[int, Said]:
    found: dict[int, Said] = {}
    for part in slices(ids, _AT_ONCE):
        query = Annotation.select(*_SAID).where(
            _of(user_id, entity_type), among(Annotation.entity_id, part)
        )
        found.update((entity_id, Said._make(row)) for entity_id, *row in tuples(query))
    return found


def _of(user_id: int, entity_type: EntityType) -> Any:  # an expression
    return (Annotation.user == user_id) & (Annotation.entity_type == entity_type)


def star(user_id: int, entity_type: EntityType, ids: Sequence[int]) -> None:
    """Star entities that are there; a star that is there keeps its date."""
    with transaction():
        _ensure(user_id, entity_type, ids)
        for part in slices(ids):
            Annotation.update(starred_at=utc_now()).where(
                _of(user_id, entity_type),
                among(Annotation.entity_id, part),
                Annotation.starred_at.is_null(),
            ).execute()


def unstar(user_id: int, entity_type: EntityType, ids: Sequence[int]) -> None:
    """Take the stars of entities away."""
    with transaction():
        for part in slices(ids):
            Annotation.update(starred_at=None).where(
                _of(user_id, entity_type), among(Annotation.entity_id, part)
            ).execute()


def rate(user_id: int, entity_type: EntityType, entity_id: int, rating: int | None) -> None:
    """Rate an entity that is there with 1 to 5; None takes the rating away."""
    with transaction():
        _ensure(user_id, entity_type, [entity_id])
        this = _of(user_id, entity_type) & (Annotation.entity_id == entity_id)
        Annotation.update(rating=rating).where(this).execute()


def _ensure(user_id: int, entity_type: EntityType, ids: Iterable[int]) -> None:
    rows = [(user_id, entity_type.value, entity_id) for entity_id in sorted(set(ids))]
    insert_missing(Annotation, ["user", "entity_type", "entity_id"], rows)


def record_plays(user_id: int, played: Iterable[Played], client: str) -> int:
    """Keep and count plays of tracks that are there; how many were new.

    The same track at the same moment is one play, however often a player sends it.
    """
    given = sorted(set(played))
    with transaction():
        in_turn([f"plays {user_id}"])
        ids, moments = sorted({each.track_id for each in given}), [each.at for each in given]
        query = Play.select(Play.track, Play.played_at).where(
            Play.user == user_id, among(Play.track, ids), Play.played_at.in_(moments)
        )
        known = set(map(Played._make, tuples(query)))
        new = [each for each in given if each not in known]
        columns = ("user", "track", "played_at", "client")
        insert_missing(Play, columns, [(user_id, *each, client or None) for each in new])
        _ensure(user_id, EntityType.TRACK, (each.track_id for each in new))
        for track_id, count in Counter(each.track_id for each in new).items():
            last = max(each.at for each in new if each.track_id == track_id)
            this = _of(user_id, EntityType.TRACK) & (Annotation.entity_id == track_id)
            Annotation.update(plays=Annotation.plays + count).where(this).execute()
            is_older = Annotation.played_at.is_null() | (Annotation.played_at < last)
            Annotation.update(played_at=last).where(this, is_older).execute()
    return len(new)


def starred(user_id: int, entity_type: EntityType) -> list[int]:
    """What the user starred, the newest first."""
    query = Annotation.select(Annotation.entity_id).where(
        _of(user_id, entity_type), Annotation.starred_at.is_null(False)
    )
    ordered = query.order_by(Annotation.starred_at.desc(), Annotation.id.desc())
    return [entity_id for (entity_id,) in tuples(ordered)]


def starred_albums(user_id: int, most: int, first: int) -> list[int]:
    """Albums that are there and that the user starred, the newest star first."""
    return _albums_said(user_id, Annotation.starred_at, most, first)


def rated_albums(user_id: int, most: int, first: int) -> list[int]:
    """Albums that are there and that the user rated, the best first."""
    return _albums_said(user_id, Annotation.rating, most, first)


def _albums_said(user_id: int, by: Any, most: int, first: int) -> list[int]:
    query = (
        Annotation.select(Annotation.entity_id)
        .join(Album, on=Annotation.entity_id == Album.id)
        .where(_of(user_id, EntityType.ALBUM), by.is_null(False), IS_PRESENT)
        .order_by(by.desc(), Annotation.id.desc())
    )
    return [album_id for (album_id,) in tuples(query.limit(most).offset(first))]


def all_plays(user_id: int) -> int:
    """How often the user played anything: what follows from plays is the same while this is."""
    query = Annotation.select(fn.COALESCE(fn.SUM(Annotation.plays), 0))
    return int(query.where(Annotation.user == user_id, _PLAYED).scalar())


def most_played_albums(user_id: int) -> list[int]:
    """All albums of which the user played a track, the one that was played most often first."""
    query = _played(user_id).group_by(Track.album)
    ordered = query.order_by(fn.SUM(Annotation.plays).desc(), Track.album)
    return [album_id for (album_id,) in tuples(ordered)]


def last_played_albums(user_id: int, most: int, first: int) -> list[int]:
    """Albums of which the user played a track at a known time, the one played last first."""
    of_index = (Annotation.played_at, Annotation.plays, Annotation.entity_id)
    dated = _played(user_id).where(Annotation.played_at.is_null(False))
    query = dated.order_by(*(each.desc() for each in of_index))
    wanted, read, found = first + most, first + most, dict[int, None]()
    while wanted:  # as many plays as may be of one album are read further
        rows = [album_id for (album_id,) in tuples(query.limit(read))]
        found = dict.fromkeys(rows)
        if len(found) >= wanted or len(rows) < read:
            break
        read *= _FURTHER
    return list(found)[first:wanted]


def _played(user_id: int) -> Any:
    """A query of the albums of tracks that are there and that the user played."""
    query = Annotation.select(Track.album).join(Track, on=Annotation.entity_id == Track.id)
    return query.where(
        *(Annotation.user == user_id, Annotation.entity_type == EntityType.TRACK, _PLAYED),
        *(Track.album.is_null(False), Track.missing_since.is_null()),
    )


def plays_of(user_ids: Sequence[int], track_ids: Sequence[int]) -> Counter[int]:
    """How often these users together played each of the tracks."""
    found: Counter[int] = Counter()
    for part in slices(track_ids):
        query = Annotation.select(Annotation.entity_id, fn.SUM(Annotation.plays)).where(
            Annotation.entity_type == EntityType.TRACK,
            among(Annotation.entity_id, part),
            Annotation.user.in_(list(user_ids)),
        )
        found.update(dict(tuples(query.group_by(Annotation.entity_id))))
    return found
