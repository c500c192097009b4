"""Audio features of tracks, which tracks to analyse (again), and which tempos and keys match.

A tempo that the owner corrects stays, whatever is found later: `tracks.own_bpm` has it, and the
row of `audio_features` has it in place of the one that was found, with what follows from it. What
was found is kept beside it, and shown again when the owner withdraws the correction.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from math import isfinite
from typing import Any, NamedTuple

from peewee import Value, fn

from db import ledger
from db.library.sound_scores import BY_TEMPO, with_tempo
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
from db.sql.connection import is_sqlite, transaction
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

    A row has `track` and any other columns; what it does not have is emptied. A tempo that the
    owner corrected stays.
    """
    columns = {field.name: field for field in AudioFeatures._meta.sorted_fields}
    empty = {
        name: field.default() if callable(field.default) else field.default
        for name, field in columns.items()
    }
    full = [{**empty, **row, "analysed_at": utc_now()} for row in _with_own_tempos(rows)]
    kept = [field for name, field in columns.items() if name != "track"]
    for part in slices(full, 200):
        AudioFeatures.insert_many(part).on_conflict(
            conflict_target=[AudioFeatures.track], preserve=kept
        ).execute()


def rows_after(after: int, most: int) -> list[AudioFeatures]:
    """The features of the next tracks after this id that have some and are there, by id."""
    query = AudioFeatures.select().join(Track)
    here = query.where(AudioFeatures.track > after, Track.missing_since.is_null())
    return list(here.order_by(AudioFeatures.track).limit(most))


def _with_own_tempos(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    own = _own_tempos([row["track"] for row in rows])
    for row in rows:
        bpm = own.get(row["track"])
        yield row if bpm is None else row | _corrected(row, bpm)


def _own_tempos(track_ids: Sequence[int]) -> dict[int, float]:
    """The tempos that the owner corrected; nobody changes them until the transaction ends."""
    found: dict[int, float] = {}
    for ids in slices(track_ids):
        query = Track.select(Track.id, Track.own_bpm).where(among(Track.id, ids))
        locked = query if is_sqlite() else query.for_update()
        found |= {track_id: bpm for track_id, bpm in tuples(locked) if bpm is not None}
    return found


def _corrected(features: dict[str, Any], bpm: float) -> dict[str, Any]:
    """The columns that another tempo changes, and what they had before."""
    found = {name: features.get(name) for name in BY_TEMPO}
    return {**with_tempo(features, bpm), "found": found}


SLOWEST, FASTEST = 20.0, 400.0
"""Beats a minute that a tempo may be corrected to."""
_FACTORS = {"x2": 2.0, "\u00d72": 2.0, "*2": 2.0, "/2": 0.5, "÷2": 0.5}


def tempo_meant(text: str, present: float | None) -> float:
    """What the owner writes for a tempo: beats a minute, or x2 or /2 of the present one.

    Raises ValueError, with what to write instead.
    """
    factor = _FACTORS.get(text.strip())
    if factor is not None and present is None:
        raise ValueError(f"there is no tempo to apply {text!r} to — write it in beats a minute")
    try:
        bpm = present * factor if present and factor else float(text)
    except ValueError:
        bpm = 0.0
    if not isfinite(bpm) or not SLOWEST <= bpm <= FASTEST:
        raise ValueError(
            f"{text!r} is no tempo — write x2, /2, or {SLOWEST:g} to {FASTEST:g} beats a minute"
        )
    return round(bpm, 2)


def tempo_of_taps(moments: Sequence[float]) -> float | None:
    """Beats a minute of taps at these seconds; None of fewer than four, or all at once."""
    if len(moments) < _LEAST_TAPS:
        return None
    gaps = sorted(after - before for before, after in pairwise(moments))
    middle = gaps[len(gaps) // 2]
    steady = [gap for gap in gaps if abs(gap - middle) <= _STEADY * middle]
    return round(60 * len(steady) / sum(steady), 1) if middle > 0 else None


_LEAST_TAPS = 4
_STEADY = 0.25
"""How far from the middle a gap may be that counts: one that was missed is twice as long."""


def correct_tempo(track_id: int, bpm: float | None) -> bool:
    """Have a track's tempo be what its owner says, or with None what is found again.

    What follows from it is written with it, and its vector is asked for where it has one. Returns
    whether that changed anything.
    """
    with transaction():
        track = Track.get_or_none(Track.id == track_id)
        if track is None or track.own_bpm == bpm:
            return False
        Track.update(own_bpm=bpm).where(Track.id == track_id).execute()
        features = AudioFeatures.get_or_none(AudioFeatures.track == track_id)
        if features is not None:
            columns = {**features.__data__, **(features.found or {})}
            again = columns | {"found": None} if bpm is None else _corrected(columns, bpm)
            changed = {name: again[name] for name in (*BY_TEMPO, "found")}
            AudioFeatures.update(**changed).where(AudioFeatures.track == track_id).execute()
        if ledger.with_row(Kind.VECTOR, EntityType.TRACK, [track_id]):
            ledger.need(Kind.VECTOR, EntityType.TRACK, [track_id])
    return True


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
