"""What the tags say of tracks, albums and artists, by which providers identify them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from db.enrichment import facts
from db.library.artists import Credit, credits_of
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    EntityType,
    Track,
    TrackArtist,
)
from db.sql.queries import among, slices, tuples

_TITLES = 8
"""Titles of an artist that are compared."""
_CREDITED = 200
"""Albums and tracks of an artist whose credits are compared."""


class TaggedTrack(NamedTuple):
    """A track as its tags have it. Ids are unchecked, the duration is in seconds."""

    id: int
    path: str
    title: str | None
    artists: tuple[str, ...]
    album_id: int | None
    album_title: str | None
    disc: int | None
    number: int | None
    duration: float | None
    recording_id: str | None
    release_track_id: str | None
    isrcs: tuple[str, ...]
    part: int = 0
    """The number of the part of its file that it is; 0 for the whole file."""


class TaggedAlbum(NamedTuple):
    """An album as its tags have it, with the tracks that are there."""

    id: int
    title: str | None
    artists: tuple[str, ...]
    release_id: str | None
    release_group_id: str | None
    date: str | None
    catalogue_number: str | None
    tracks: tuple[TaggedTrack, ...]


class TaggedArtist(NamedTuple):
    """An artist as the tags have one."""

    id: int
    name: str
    musicbrainz_id: str | None
    titles: tuple[str, ...]
    """Of some tracks of the artist's that are there."""
    credits: tuple[tuple[str, str], ...]
    """Who is credited, name and id, with the artist's albums and tracks that were identified."""


Tagged = TaggedAlbum | TaggedTrack | TaggedArtist


def _tagged_albums(album_ids: Sequence[int]) -> list[TaggedAlbum]:
    """These albums, in their order."""
    credited = credits_of(EntityType.ALBUM, album_ids)
    members: dict[int, list[TaggedTrack]] = defaultdict(list)
    for track in _tagged_tracks(Track.album, album_ids):
        members[track.album_id or 0].append(track)
    columns = (
        Album.title,
        Album.musicbrainz_release_id,
        Album.musicbrainz_release_group_id,
        Album.date,
        Album.catalogue_number,
    )
    found = {
        row[0]: TaggedAlbum._make(
            (*row[:2], _names(credited, row[0]), *row[2:], tuple(members[row[0]]))
        )
        for ids in slices(album_ids)
        for row in tuples(Album.select(Album.id, *columns).where(among(Album.id, ids)))
    }
    return [found[each] for each in album_ids if each in found]


def _present_tracks(track_ids: Sequence[int]) -> list[TaggedTrack]:
    """Those of these tracks that are there, in their order."""
    found = {track.id: track for track in _tagged_tracks(Track.id, track_ids)}
    return [found[each] for each in track_ids if each in found]


def _tagged_artists(artist_ids: Sequence[int]) -> list[TaggedArtist]:
    """These artists, in their order."""
    columns = (Artist.id, Artist.name, Artist.musicbrainz_id)
    found = {
        row[0]: TaggedArtist._make((*row, _titles_of_artist(row[0]), _credits_of_artist(row[0])))
        for ids in slices(artist_ids)
        for row in tuples(Artist.select(*columns).where(among(Artist.id, ids)))
    }
    return [found[each] for each in artist_ids if each in found]


_READERS: dict[EntityType, Callable[[Sequence[int]], Sequence[Tagged]]] = {
    EntityType.ALBUM: _tagged_albums,
    EntityType.TRACK: _present_tracks,
    EntityType.ARTIST: _tagged_artists,
}


def tagged(entity_type: EntityType, entity_ids: Sequence[int]) -> Sequence[Tagged]:
    """These entities as their tags have them, in their order; of tracks those that are there."""
    return _READERS[entity_type](entity_ids)


def artists_of_tagged(album_ids: Sequence[int], track_ids: Sequence[int]) -> set[int]:
    """The artists of these albums and tracks."""
    found: set[int] = set()
    for column, credited, ids in (
        (AlbumArtist.album, AlbumArtist, album_ids),
        (TrackArtist.track, TrackArtist, track_ids),
    ):
        for part in slices(ids):
            query = credited.select(credited.artist).where(among(column, part)).distinct()
            found.update(artist_id for (artist_id,) in tuples(query))
    return found


def _tagged_tracks(column: Any, ids: Sequence[int]) -> list[TaggedTrack]:
    """The tracks that are there whose `column` is one of these, by disc, number and path."""
    rows = [
        row
        for part in slices(ids)
        for row in Track.select().where(among(column, part), Track.missing_since.is_null())
    ]
    credited = credits_of(EntityType.TRACK, [track.id for track in rows])
    found = [
        TaggedTrack(
            id=row.id,
            path=row.path,
            title=row.title,
            artists=_names(credited, row.id),
            album_id=row.album_id,
            album_title=row.album_title,
            disc=row.disc,
            number=row.track,
            duration=row.duration,
            recording_id=row.musicbrainz_recording_id,
            release_track_id=row.musicbrainz_track_id,
            isrcs=tuple(row.isrcs),
            part=row.part,
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: (each.disc or 1, each.number or 0, each.path))


def _names(credited: Mapping[int, Sequence[Credit]], entity_id: int) -> tuple[str, ...]:
    return tuple(credit.name for credit in credited.get(entity_id, ()))


def _titles_of_artist(artist_id: int) -> tuple[str, ...]:
    query = (
        Track.select(Track.title)
        .join(TrackArtist)
        .where(
            TrackArtist.artist == artist_id,
            Track.missing_since.is_null(),
            Track.title.is_null(False),
        )
        .order_by(Track.id)
        .limit(_TITLES * 4)
    )
    return tuple(dict.fromkeys(title for (title,) in tuples(query)))[:_TITLES]


def _credits_of_artist(artist_id: int) -> tuple[tuple[str, str], ...]:
    of_albums = AlbumArtist.select(AlbumArtist.album).where(AlbumArtist.artist == artist_id)
    of_tracks = TrackArtist.select(TrackArtist.track).where(TrackArtist.artist == artist_id)
    found = []
    for entity_type, query in ((EntityType.ALBUM, of_albums), (EntityType.TRACK, of_tracks)):
        ids = [entity_id for (entity_id,) in tuples(query.limit(_CREDITED))]
        for credits in facts.fact_values(entity_type, ids, facts.CREDITS).values():
            found += [(each["name"], each["id"]) for credit in credits for each in credit]
    return tuple(found)


_IDENTITY_COLUMNS = (
    Track.album,
    Track.title,
    Track.album_title,
    Track.album_artist_names,
    Track.disc,
    Track.track,
    Track.duration,
    Track.isrcs,
    Track.musicbrainz_recording_id,
    Track.musicbrainz_track_id,
    Track.musicbrainz_release_id,
    Track.musicbrainz_release_group_id,
)

IdentityTags = Mapping[int, tuple[Any, ...]]
"""Of each track its album and what its tags say."""


class ChangedIdentities(NamedTuple):
    """The entities to identify again."""

    albums: set[int]
    tracks: set[int]
    """Those that belong to no album; the others are identified with it."""


def identity_tags(track_ids: Sequence[int]) -> IdentityTags:
    """These tracks as they stand now."""
    found: dict[int, list[Any]] = {}
    for ids in slices(track_ids):
        for track_id, *values in tuples(
            Track.select(Track.id, *_IDENTITY_COLUMNS).where(among(Track.id, ids))
        ):
            found[track_id] = [*map(_frozen, values)]
        credited = TrackArtist.select(TrackArtist.track, Artist.name).join(Artist)
        ordered = credited.order_by(TrackArtist.track, TrackArtist.position)
        for track_id, name in tuples(ordered.where(among(TrackArtist.track, ids))):
            found[track_id].append(name)
    return {track_id: tuple(values) for track_id, values in found.items()}


def changed_identities(before: IdentityTags, after: IdentityTags) -> ChangedIdentities:
    """What of it differs, or came or went."""
    differing = {each for each in {*before, *after} if before.get(each) != after.get(each)}
    albums = {stood[each][0] for stood in (before, after) for each in differing if each in stood}
    single = {each for each in differing if each in after and after[each][0] is None}
    return ChangedIdentities(albums - {None}, single)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
