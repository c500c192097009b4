"""All that there is to say of one track, what was heard in it above all."""

from datetime import datetime
from typing import NamedTuple

from db import audio_features
from db.album_page import track_credits
from db.gallery import Credit, year_of
from db.models import Album, AudioFeatures, EntityType, Kind, LedgerRow, State, Track
from db.pictures import Picture, fronts
from db.rows import tuples


class Standing(NamedTuple):
    """How far the analysis of a track is."""

    state: State
    reason: str | None
    look_again_at: datetime | None


class TrackPage(NamedTuple):
    """A track. Lengths are seconds, rates Hz and bits a second."""

    id: int
    title: str | None
    path: str
    disc: int | None
    number: int | None
    duration: float | None
    codec: str
    bit_rate: int | None
    sample_rate: int | None
    bit_depth: int | None
    tag_bpm: float | None
    """What the file's tags say the tempo is."""
    missing_since: datetime | None
    album_id: int | None
    album_title: str | None
    year: str | None
    artists: list[Credit]
    picture: Picture | None
    """Its own, or else its album's."""
    features: AudioFeatures | None
    analysis: Standing
    is_outdated: bool
    """Whether the file has changed since it was analysed."""


def track(track_id: int) -> TrackPage | None:
    """The track, or None."""
    row: Track | None = Track.get_or_none(Track.id == track_id)
    if row is None:
        return None
    album: Album | None = Album.get_or_none(Album.id == row.album_id)
    features = audio_features.get(track_id)
    return TrackPage(
        id=track_id,
        title=row.title,
        path=row.path,
        disc=row.disc,
        number=row.track,
        duration=row.duration,
        codec=row.codec,
        bit_rate=row.bit_rate,
        sample_rate=row.sample_rate,
        bit_depth=row.bit_depth,
        tag_bpm=row.bpm,
        missing_since=row.missing_since,
        album_id=row.album_id,
        album_title=album.title if album else None,
        year=year_of(album.original_date or album.date) if album else None,
        artists=track_credits([track_id]).get(track_id, []),
        picture=_picture(track_id, row.album_id),
        features=features,
        analysis=_standing(track_id),
        is_outdated=features is not None and features.content_id != row.content_id,
    )


def _picture(track_id: int, album_id: int | None) -> Picture | None:
    own = fronts(EntityType.TRACK, [track_id]).get(track_id)
    if own is not None or album_id is None:
        return own
    return fronts(EntityType.ALBUM, [album_id]).get(album_id)


def _standing(track_id: int) -> Standing:
    """By the ledger; a track that has no row there is asked for by the next sweep."""
    query = LedgerRow.select(LedgerRow.state, LedgerRow.reason, LedgerRow.look_again_at).where(
        LedgerRow.kind == Kind.ANALYSIS,
        LedgerRow.entity_type == EntityType.TRACK,
        LedgerRow.entity_id == track_id,
    )
    for state, reason, again in tuples(query):
        return Standing(State(state), reason, again)
    return Standing(State.TODO, None, None)
