"""Audio features of tracks, which tracks to analyse (again), and which tempos and keys match."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from peewee import Value, fn

from db.models import (
    EMPTY_HANDED,
    AudioFeatures,
    EntityType,
    Kind,
    LedgerRow,
    State,
    Track,
    utc_now,
)
from db.settings import ANALYSIS_OFF
from db.sql.queries import among, slices, tuples

EXTRACTOR = 2
"""Raised with every change that makes other features of the same sound: what an older one found is
then analysed again."""


class AnalysedTrack(NamedTuple):
    """What an analysis has to know of a track."""

    id: int
    path: str
    duration: float | None
    """Seconds."""
    bpm: float | None
    """By its tags."""
    content_id: str
    missing: bool
    start: float | None = None
    """Seconds from the beginning of the file to that of the part; None for the whole file."""


def tracks_to_analyse(track_ids: Sequence[int]) -> list[AnalysedTrack]:
    """These tracks, missing ones too, by id."""
    found = []
    for ids in slices(track_ids):
        query = (
            Track.select(
                Track.id,
                Track.path,
                Track.duration,
                Track.bpm,
                Track.content_id,
                Track.missing_since.is_null(False),
                Track.start,
            )
            .where(among(Track.id, ids))
            .order_by(Track.id)
        )
        found += [AnalysedTrack._make((*row[:5], bool(row[5]), row[6])) for row in tuples(query)]
    return found


def files_with_faults(paths: Sequence[str], besides: Sequence[int]) -> set[str]:
    """Those of the files of which the analysis of a track failed that is none of these."""
    faults = (State.FAILED, State.QUARANTINED)
    return {
        path
        for some in slices(paths)
        for path, track_id in tuples(
            Track.select(Track.path, Track.id)
            .join(LedgerRow, on=(LedgerRow.entity_id == Track.id))
            .where(
                among(Track.path, some),
                Track.missing_since.is_null(),
                LedgerRow.kind == Kind.ANALYSIS,
                LedgerRow.entity_type == EntityType.TRACK,
                LedgerRow.state.in_(faults),
            )
        )
        if track_id not in besides
    }


def record_features(rows: Sequence[dict[str, Any]]) -> None:
    """Write features, in place of earlier ones. Call it in the transaction that settles the need.

    A row has `track` and any other columns; what it does not have is emptied.
    """
    columns = {field.name: field for field in AudioFeatures._meta.sorted_fields}
    empty = {
        name: field.default() if callable(field.default) else field.default
        for name, field in columns.items()
    }
    full = [{**empty, **row, "analysed_at": utc_now()} for row in rows]
    kept = [field for name, field in columns.items() if name != "track"]
    for part in slices(full, 200):
        AudioFeatures.insert_many(part).on_conflict(
            conflict_target=[AudioFeatures.track], preserve=kept
        ).execute()


def not_analysed(track_ids: Sequence[int]) -> list[int]:
    """Those of the tracks that were not analysed with the content that they have now."""
    current = {
        track_id
        for ids in slices(track_ids)
        for (track_id,) in tuples(
            AudioFeatures.select(AudioFeatures.track)
            .join(Track)
            .where(among(AudioFeatures.track, ids), AudioFeatures.content_id == Track.content_id)
        )
    }
    return [track_id for track_id in track_ids if track_id not in current]


def to_analyse_again(most: int) -> list[int]:
    """Present tracks to analyse now, up to so many of each kind.

    Those that an older extractor analysed, and those skipped while analysis was turned off.
    """
    return [*_outdated(most), *_skipped_tracks(most)]


def _outdated(most: int) -> list[int]:
    """Present tracks that an older extractor analysed and that are not to be analysed again yet."""
    settled = LedgerRow.select(Value(1)).where(
        LedgerRow.kind == Kind.ANALYSIS,
        LedgerRow.entity_type == EntityType.TRACK,
        LedgerRow.entity_id == AudioFeatures.track,
        LedgerRow.state == State.DONE,
    )
    query = (
        AudioFeatures.select(AudioFeatures.track)
        .join(Track)
        .where(
            AudioFeatures.extractor < EXTRACTOR,
            Track.missing_since.is_null(),
            fn.EXISTS(settled),
        )
        .limit(most)
    )
    return [track_id for (track_id,) in tuples(query)]


def _skipped_tracks(most: int) -> list[int]:
    """Present tracks that were not analysed because analysis was turned off."""
    query = (
        LedgerRow.select(LedgerRow.entity_id)
        .join(Track, on=(Track.id == LedgerRow.entity_id))
        .where(
            LedgerRow.kind == Kind.ANALYSIS,
            LedgerRow.entity_type == EntityType.TRACK,
            EMPTY_HANDED,
            LedgerRow.reason == ANALYSIS_OFF,
            Track.missing_since.is_null(),
        )
        .limit(most)
    )
    return [track_id for (track_id,) in tuples(query)]


def analysed_since(moment: datetime) -> tuple[int, datetime | None]:
    """How many tracks were analysed since then, and when the first of them was."""
    query = AudioFeatures.select(
        fn.COUNT(AudioFeatures.track), fn.MIN(AudioFeatures.analysed_at)
    ).where(AudioFeatures.analysed_at >= moment)
    ((count, first),) = tuples(query)
    return count, first


_CAMELOT_HOURS = 12


def tempos_match(mine: float | None, other: float | None, percent: float) -> bool:
    """Whether a tempo, or its half or double, is within so many per cent of another."""
    if not mine or not other:
        return False
    return any(abs(other * octave / mine - 1) <= percent / 100 for octave in (0.5, 1, 2))


def keys_match(mine: str | None, other: str | None) -> bool:
    """Whether two places on the Camelot wheel are the same or neighbours."""
    if not mine or not other:
        return False
    apart = (int(mine[:-1]) - int(other[:-1])) % _CAMELOT_HOURS
    same_mode = mine[-1] == other[-1]
    return apart == 0 or (same_mode and apart in {1, _CAMELOT_HOURS - 1})
