"""What neighbours are chosen and shown by: tempo, key, album, names; and why one has no vector."""

from collections.abc import Sequence
from typing import NamedTuple

from db.models import Album, AudioFeatures, EntityType, Kind, LedgerRow, State, Track
from db.paths import shown
from db.rows import tuples
from db.slices import slices
from db.tracks import artist_names

_PLACES = 12
"""On the Camelot wheel."""


class Sounding(NamedTuple):
    """A track as it sounds."""

    id: int
    path: str
    title: str | None
    album_id: int | None
    album: str | None
    duration: float | None
    bpm: float | None
    camelot: str | None
    key: str | None


def tracks(track_ids: Sequence[int], *, missing: bool = False) -> dict[int, Sounding]:
    """Those of these tracks whose files are there, or with `missing` all, by id."""
    found: dict[int, Sounding] = {}
    for ids in slices(track_ids):
        query = (
            Track.select(
                Track.id,
                Track.path,
                Track.title,
                Track.album,
                Album.title,
                Track.duration,
                AudioFeatures.bpm,
                AudioFeatures.camelot,
                AudioFeatures.key,
            )
            .left_outer_join(Album)
            .switch(Track)
            .left_outer_join(AudioFeatures)
            .where(Track.id.in_(list(ids)))
        )
        if not missing:
            query = query.where(Track.missing_since.is_null())
        found.update((row[0], Sounding._make(row)) for row in tuples(query))
    return found


def titles(track_ids: Sequence[int]) -> dict[int, str]:
    """The title of each of these tracks; its file's name when it has none."""
    known = tracks(track_ids, missing=True)
    return {track_id: full_name(each, None) for track_id, each in known.items()}


def artists(track_ids: Sequence[int]) -> dict[int, str]:
    """The artists of each of these tracks that has any, as shown."""
    return {track_id: ", ".join(names) for track_id, names in artist_names(track_ids).items()}


def mixes(mine: float | None, other: float | None, percent: float) -> bool:
    """Whether a tempo, or its half or double, is within so many per cent of another."""
    if not mine or not other:
        return False
    return any(abs(other * octave / mine - 1) <= percent / 100 for octave in (0.5, 1, 2))


def compatible(mine: str | None, other: str | None) -> bool:
    """Whether two places on the Camelot wheel are the same or neighbours."""
    if not mine or not other:
        return False
    apart = (int(mine[:-1]) - int(other[:-1])) % _PLACES
    same_mode = mine[-1] == other[-1]
    return apart == 0 or (same_mode and apart in {1, _PLACES - 1})


def why_without_vector(track_id: int) -> str:
    """What the ledger says of a track that has none, and what to do."""
    query = LedgerRow.select(LedgerRow.kind, LedgerRow.state, LedgerRow.reason).where(
        LedgerRow.entity_type == EntityType.TRACK,
        LedgerRow.entity_id == track_id,
        LedgerRow.kind.in_([Kind.ANALYSIS, Kind.VECTOR]),
    )
    rows = {kind: (State(state), reason) for kind, state, reason in tuples(query)}
    analysis, analysis_reason = rows.get(Kind.ANALYSIS, (State.TODO, None))
    if analysis in {State.TODO, State.LEASED}:
        return "it is not analysed yet — see the progress in `fleet status`"
    state, reason = rows.get(Kind.VECTOR, (State.TODO, None))
    if analysis is not State.DONE and state not in {State.TODO, State.LEASED}:
        told = f"{analysis_reason or analysis}; {reason or state}"
        return f"{told} — repair the file and scan again, or give it tags"
    if state in {State.TODO, State.LEASED}:
        return "it is not computed yet — wait a minute, or see `fleet status`"
    return (
        f"{reason or state} — `fleet enqueue vectorization.calculate track_id={track_id}` retries"
    )


def full_name(track: Sounding, by: str | None) -> str:
    """Its title with the artists before it; its file's name when it has no title."""
    title = track.title or shown(track.path.rpartition("/")[2])
    return f"{by} - {title}" if by else title
