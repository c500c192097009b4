"""Removal of tracks whose file is gone, and of albums, artists and genres that nothing uses."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from peewee import fn

from db import ledger, settings
from db.artwork.images import hand_over
from db.errors import SettingError
from db.library import albums, spellings, tracks
from db.library.namesakes import Settled
from db.models import (
    Album,
    AlbumArtist,
    Annotation,
    Artist,
    ChosenImage,
    Cover,
    EntityType,
    Fact,
    Genre,
    Kind,
    LedgerRow,
    Scan,
    ScanChunk,
    Track,
    TrackArtist,
    TrackGenre,
    Vector,
    utc_now,
)
from db.sql.connection import transaction
from db.sql.queries import among, below, slices, tuples

_KEEP_PARTS = timedelta(days=1)
NEVER = "never"
_OF_NAMES = (Kind.PICTURE, Kind.COVER)
"""What artists need whose name, or tracks, are others."""
_MOST_MISSING = 2_000
"""Missing tracks that one query finds."""
_AT_ONCE = 200
"""Tracks that one transaction forgets."""
ABOUT_ENTITIES: dict[str, Any] = {
    "needs": LedgerRow,
    "covers": Cover,
    "chosen pictures": ChosenImage,
    "vectors": Vector,
    "facts": Fact,
    "stars and ratings": Annotation,
}
"""The tables that name an entity by type and id, and what their rows are called."""


def forget_missing_after() -> int | None:
    """After how many days they are forgotten: FLEET_FORGET_MISSING_DAYS; None: never.

    Raises SettingError.
    """
    text = settings.value("FLEET_FORGET_MISSING_DAYS")
    if text.lower() == NEVER:
        return None
    days = settings.whole_number(text)
    if not days:
        raise SettingError(
            f"FLEET_FORGET_MISSING_DAYS is {text!r} — write a number of days from 1 on, or never"
        )
    return days


def forget_missing(days: int, roots: Sequence[str]) -> int:
    """Delete the tracks below these roots that have been missing for so many days; how many.

    With all that hangs on them; albums, artists and genres that nothing is left of go too.
    """
    forgotten = 0
    while ids := _missing_for(timedelta(days=days), roots):
        for part in slices(ids, _AT_ONCE):
            with transaction():
                forget_tracks(part)
        forgotten += len(ids)
    return forgotten


def _missing_for(time: timedelta, roots: Sequence[str]) -> list[int]:
    if not roots:
        return []
    there = reduce(or_, (below(Track.path, root) for root in roots))
    query = Track.select(Track.id).where(Track.missing_since < utc_now() - time, there)
    return [track_id for (track_id,) in tuples(query.order_by(Track.id).limit(_MOST_MISSING))]


def forget_tracks(track_ids: Sequence[int]) -> None:
    """Delete tracks with all that hangs on them, in a transaction, and what nothing is left of."""
    touched = sorted(tracks.albums_of(track_ids))
    used = used_names(track_ids, touched)
    chosen = tracks_with_chosen_cover(touched)
    forget_entities(EntityType.TRACK, track_ids)
    Track.delete().where(among(Track.id, track_ids)).execute()
    hand_over_chosen_covers(chosen)
    gone = drop_empty_albums(touched)
    albums.refresh(sorted(set(touched) - set(gone)))
    changed = settle_names(used).changed
    ledger.need_all({(kind, EntityType.ARTIST): sorted(changed) for kind in _OF_NAMES})


def forget_entities(entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Delete the needs, covers, choices, vectors and facts of entities that are gone."""
    for ids in slices(entity_ids):
        ledger.forget(entity_type, ids)
        for table in ABOUT_ENTITIES.values():
            if table is LedgerRow:
                continue  # its index begins with the kind
            table.delete().where(
                table.entity_type == entity_type, among(table.entity_id, ids)
            ).execute()


def tracks_with_chosen_cover(album_ids: Iterable[int]) -> dict[int, list[int]]:
    """The tracks of those of the albums for which users chose a picture, a star or a rating."""
    chosen: set[int] = set()
    for ids in slices(sorted(album_ids)):
        for table in (ChosenImage, Annotation):
            query = table.select(table.entity_id).where(
                table.entity_type == EntityType.ALBUM, among(table.entity_id, ids)
            )
            chosen.update(album_id for (album_id,) in tuples(query))
    return tracks.in_albums(sorted(chosen))


def hand_over_chosen_covers(members: Mapping[int, list[int]]) -> None:
    """Give the choices for albums that have no track left to the album that most went to.

    `members` are the tracks that each had. Call it before the empty albums are dropped.
    """
    still = tracks.in_albums(sorted(members))
    for album_id, track_ids in members.items():
        heirs = _albums_of_tracks(track_ids)
        if album_id not in still and heirs:
            [(heir, _)] = heirs.most_common(1)
            hand_over(EntityType.ALBUM, album_id, heir)


def _albums_of_tracks(track_ids: Sequence[int]) -> Counter[int]:
    """How many of these tracks are in each album."""
    return Counter(
        album_id
        for ids in slices(track_ids)
        for (album_id,) in tuples(
            Track.select(Track.album).where(among(Track.id, ids), Track.album.is_null(False))
        )
    )


def drop_empty_albums(album_ids: Sequence[int]) -> list[int]:
    """Delete those of the albums that no track, not even a missing one, belongs to; return them."""
    gone: list[int] = []
    for ids in slices(album_ids):
        query = Album.select(Album.id).where(
            among(Album.id, ids),
            ~fn.EXISTS(Track.select().where(Track.album == Album.id)),
        )
        gone += [album.id for album in query]
    for ids in slices(gone):
        Album.delete().where(among(Album.id, ids)).execute()
    forget_entities(EntityType.ALBUM, gone)
    return gone


class UsedNames(NamedTuple):
    """The artists and genres that some tracks and albums use, and how often each spelling."""

    tracks: Sequence[int]
    albums: Sequence[int]
    artists: set[int]
    genres: set[int]
    spellings: spellings.Uses


def used_names(track_ids: Sequence[int], album_ids: Sequence[int]) -> UsedNames:
    """What these tracks and albums use now."""
    artists: set[int] = set()
    genres: set[int] = set()
    for ids in slices(track_ids):
        by_track = TrackArtist.select(TrackArtist.artist).where(among(TrackArtist.track, ids))
        artists.update(artist_id for (artist_id,) in tuples(by_track))
        uses = TrackGenre.select(TrackGenre.genre).where(among(TrackGenre.track, ids))
        genres.update(genre_id for (genre_id,) in tuples(uses))
    for ids in slices(album_ids):
        by_album = AlbumArtist.select(AlbumArtist.artist).where(among(AlbumArtist.album, ids))
        artists.update(artist_id for (artist_id,) in tuples(by_album))
    spelt = spellings.uses_of(track_ids, album_ids)
    return UsedNames(track_ids, album_ids, artists, genres, spelt)


def settle_names(
    before: UsedNames,
    new_tracks: Iterable[int] = (),
    *,
    spelt: Collection[int] = (),
    unsure: Collection[str] = (),
) -> Settled:
    """Count and show the spellings again, and delete the artists and genres that nothing uses.

    `before` is what the tracks and albums used that are concerned; new tracks used nothing. The
    rest is for `db.library.spellings.settle`.
    """
    tracks_now = sorted({*before.tracks, *new_tracks})
    uses = spellings.uses_of(tracks_now, before.albums)
    settled = spellings.settle(before.spellings, uses, new=spelt, unsure=unsure)
    drop_unused_names(before.artists | settled.emptied, before.genres)
    return settled


def drop_unused_names(artists: Collection[int], genres: Collection[int]) -> None:
    """Delete those of the artists and genres that no track and no album uses any more."""
    for ids in slices(sorted(artists)):
        _drop_artists(_unused_artists(ids))
    for ids in slices(sorted(genres)):
        Genre.delete().where(
            among(Genre.id, ids),
            ~fn.EXISTS(TrackGenre.select().where(TrackGenre.genre == Genre.id)),
        ).execute()


def _unused_artists(artist_ids: Sequence[int]) -> list[int]:
    query = Artist.select(Artist.id).where(
        among(Artist.id, artist_ids),
        ~fn.EXISTS(TrackArtist.select().where(TrackArtist.artist == Artist.id)),
        ~fn.EXISTS(AlbumArtist.select().where(AlbumArtist.artist == Artist.id)),
    )
    return [artist_id for (artist_id,) in tuples(query)]


def _drop_artists(artist_ids: Sequence[int]) -> None:
    """Delete artists with all that hangs on them; their picture files go with the rows."""
    if not artist_ids:
        return
    forget_entities(EntityType.ARTIST, artist_ids)
    Artist.delete().where(among(Artist.id, artist_ids)).execute()


class DroppedScans(NamedTuple):
    """How many rows of ended scans were deleted."""

    chunks: int
    parts: int
    """Scans of parts of a root."""


def drop_ended_scans() -> DroppedScans:
    """Delete the done chunks of ended scans, and the scans of parts that ended a day ago or more.

    A folder that is watched has many of those, and its history would show nothing else.
    """
    ended = Scan.select(Scan.id).where(Scan.finished_at.is_null(False))
    done = ScanChunk.done_at.is_null(False)
    chunks = int(ScanChunk.delete().where(ScanChunk.scan.in_(ended), done).execute())
    kept = ScanChunk.select(ScanChunk.scan)
    old_part = (
        Scan.scope.is_null(False)
        & (Scan.finished_at < utc_now() - _KEEP_PARTS)
        & Scan.id.not_in(kept)
    )
    old = [scan_id for (scan_id,) in tuples(Scan.select(Scan.id).where(old_part))]
    for ids in slices(old):
        with transaction():
            ScanChunk.delete().where(ScanChunk.scan.in_(list(ids))).execute()
            Scan.delete().where(Scan.id.in_(list(ids))).execute()
    return DroppedScans(chunks, len(old))
