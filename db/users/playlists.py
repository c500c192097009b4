"""Playlists of users, their bookmarks, and what each has in the player."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from peewee import fn

from db.models import Bookmark, Playlist, PlaylistEntry, PlayQueue, Track, User, utc_now
from db.sql.connection import transaction
from db.sql.queries import among, slices, tuples
from db.sql.statements import insert_rows

MOST_TRACKS = 10_000
"""Of a playlist or a play queue."""


class Listed(NamedTuple):
    """A playlist. `tracks` and `seconds` are of what is there."""

    id: int
    user_id: int
    owner: str
    name: str
    comment: str | None
    is_public: bool
    created_at: datetime
    changed_at: datetime
    tracks: int
    seconds: float
    first: int | None
    """The first track that is there."""


def listed(user_id: int) -> list[Listed]:
    """The playlists that a user sees: the user's own, and public ones of others; by name."""
    mine = (Playlist.user == user_id) | Playlist.is_public
    return _listed(mine)


def playlist(playlist_id: int) -> Listed | None:
    """A playlist, whoever sees it; None when there is none."""
    return next(iter(_listed(Playlist.id == playlist_id)), None)


def _listed(where: Any) -> list[Listed]:
    columns = (Playlist.id, Playlist.user, User.name, Playlist.name, Playlist.comment)
    more = (Playlist.is_public, Playlist.created_at, Playlist.changed_at)
    query = Playlist.select(*columns, *more).join(User).where(where)
    rows = list(tuples(query.order_by(fn.LOWER(Playlist.name), Playlist.id)))
    sums = {row[0]: (0, 0.0) for row in rows}
    first: dict[int, int] = {}
    for ids in slices(list(sums)):
        counted = (
            PlaylistEntry.select(
                PlaylistEntry.playlist,
                fn.COUNT(Track.id),
                fn.COALESCE(fn.SUM(Track.duration), 0.0),
                fn.MIN(PlaylistEntry.position),
            )
            .join(Track)
            .where(among(PlaylistEntry.playlist, ids), Track.missing_since.is_null())
            .group_by(PlaylistEntry.playlist)
        )
        for playlist_id, tracks, seconds, position in tuples(counted):
            sums[playlist_id] = tracks, float(seconds)
            this = PlaylistEntry.playlist == playlist_id, PlaylistEntry.position == position
            first[playlist_id] = PlaylistEntry.select(PlaylistEntry.track).where(*this).scalar()
    return [Listed._make((*row, *sums[row[0]], first.get(row[0]))) for row in rows]


def tracks_in(playlist_id: int) -> list[int]:
    """The tracks of a playlist whose files are there, in order."""
    query = (
        PlaylistEntry.select(PlaylistEntry.track)
        .join(Track)
        .where(PlaylistEntry.playlist == playlist_id, Track.missing_since.is_null())
        .order_by(PlaylistEntry.position)
    )
    return [track_id for (track_id,) in tuples(query)]


def create(user_id: int, name: str, track_ids: Sequence[int], source: str | None = None) -> int:
    """A new playlist of tracks that are known; its id."""
    with transaction():
        made = Playlist.create(user=user_id, name=name, source=source)
        _write(int(made.id), track_ids)
    return int(made.id)


def replace(playlist_id: int, track_ids: Sequence[int], name: str | None = None) -> None:
    """Give a playlist these tracks, and perhaps another name."""
    with transaction():
        change(playlist_id, name=name)
        _write(playlist_id, track_ids)


def change(
    playlist_id: int,
    *,
    name: str | None = None,
    comment: str | None = None,
    is_public: bool | None = None,
) -> None:
    """Change what is given."""
    given = {"name": name, "comment": comment, "is_public": is_public}
    values = {column: value for column, value in given.items() if value is not None}
    with transaction():
        Playlist.update(changed_at=utc_now(), **values).where(Playlist.id == playlist_id).execute()


def edit(playlist_id: int, without: Collection[int], more: Sequence[int]) -> int:
    """Take out the tracks at these places, counted from 0 among those that are there; add `more`.

    Returns how many there are then.
    """
    with transaction():
        query = (
            PlaylistEntry.select(PlaylistEntry.track, Track.missing_since.is_null())
            .join(Track)
            .where(PlaylistEntry.playlist == playlist_id)
            .order_by(PlaylistEntry.position)
        )
        place, left = 0, []
        for track_id, is_there in tuples(query):
            if not is_there or place not in without:
                left.append(track_id)
            place += bool(is_there)
        _write(playlist_id, [*left, *more])
        change(playlist_id)
    return len(left) + len(more)


def _write(playlist_id: int, track_ids: Sequence[int]) -> None:
    PlaylistEntry.delete().where(PlaylistEntry.playlist == playlist_id).execute()
    rows = [(playlist_id, place, each) for place, each in enumerate(track_ids)]
    insert_rows(PlaylistEntry, ("playlist", "position", "track"), rows)


def delete(playlist_id: int) -> None:
    """Delete a playlist."""
    with transaction():
        Playlist.delete().where(Playlist.id == playlist_id).execute()


class Mark(NamedTuple):
    """A bookmark."""

    track_id: int
    position: int
    """Milliseconds."""
    comment: str | None
    created_at: datetime
    changed_at: datetime


def bookmarks(user_id: int) -> list[Mark]:
    """The user's bookmarks in tracks whose files are there, the newest first."""
    columns = (Bookmark.track, *(getattr(Bookmark, name) for name in Mark._fields[1:]))
    query = Bookmark.select(*columns).join(Track)
    query = query.where(Bookmark.user == user_id, Track.missing_since.is_null())
    return [Mark._make(row) for row in tuples(query.order_by(Bookmark.changed_at.desc()))]


def bookmark_places(user_id: int, track_ids: Sequence[int]) -> dict[int, int]:
    """Where the user has bookmarks in these tracks, in milliseconds."""
    found: dict[int, int] = {}
    for ids in slices(track_ids):
        query = Bookmark.select(Bookmark.track, Bookmark.position)
        mine = Bookmark.user == user_id
        found.update(dict(tuples(query.where(mine, among(Bookmark.track, ids)))))
    return found


def set_bookmark(user_id: int, track_id: int, position: int, comment: str | None) -> None:
    """Have the user's bookmark in a track that is known be there."""
    with transaction():
        Bookmark.insert(
            user=user_id, track=track_id, position=position, comment=comment
        ).on_conflict(
            conflict_target=[Bookmark.user, Bookmark.track],
            preserve=[Bookmark.position, Bookmark.comment, Bookmark.changed_at],
        ).execute()


def delete_bookmark(user_id: int, track_id: int) -> bool:
    """Delete the user's bookmark in a track; whether there was one."""
    with transaction():
        mine = Bookmark.user == user_id, Bookmark.track == track_id
        return bool(Bookmark.delete().where(*mine).execute())


class Queue(NamedTuple):
    """What a user has in the player."""

    track_ids: list[int]
    current: int | None
    """The place of the track that is played."""
    position: int
    """Milliseconds within it."""
    changed_at: datetime
    changed_by: str


def queue(user_id: int) -> Queue | None:
    """What the user has in the player, without tracks whose files are gone."""
    row: PlayQueue | None = PlayQueue.get_or_none(PlayQueue.user == user_id)
    if row is None:
        return None
    there: set[int] = set()
    for ids in slices(row.tracks):
        query = Track.select(Track.id).where(among(Track.id, ids), Track.missing_since.is_null())
        there.update(track_id for (track_id,) in tuples(query))
    left = [track_id for track_id in row.tracks if track_id in there]
    current, position = row.current, row.position
    if current is not None:
        is_gone = row.tracks[current] not in there
        current = sum(track_id in there for track_id in row.tracks[:current])
        current, position = min(current, len(left) - 1), 0 if is_gone else position
    if not left:
        current, position = None, 0
    return Queue(left, current, position, row.changed_at, row.changed_by)


def save_queue(
    user_id: int, track_ids: Sequence[int], current: int | None, position: int, client: str
) -> None:
    """Keep what the user has in the player; `current` is a place in the list."""
    given = {
        "tracks": list(track_ids),
        "current": current,
        "position": position,
        "changed_at": utc_now(),
        "changed_by": client,
    }
    with transaction():
        PlayQueue.insert(user=user_id, **given).on_conflict(
            conflict_target=[PlayQueue.user],
            preserve=[getattr(PlayQueue, name) for name in given],
        ).execute()
