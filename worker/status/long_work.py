"""Work that takes hours in a large library: how far it is, and how long it still takes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from db import ledger, settings
from db.errors import SettingError
from db.library import audio_features
from db.models import EntityType, Kind, State, utc_now
from worker.phrases import counted, time_span

WINDOW = timedelta(minutes=10)
"""The pace is that of the last minutes."""
_LEAST_SECONDS = 10.0
"""Tracks that must be done in the window for an estimate."""
_OPEN = (State.TODO, State.LEASED)


@dataclass
class LongWork:
    """How far one kind of work on the tracks is."""

    kind: str
    settled: int
    """Done, or known not to be possible."""
    tracks: int
    """How many tracks need it."""
    per_minute: float | None
    """Tracks a minute of late; None when none was done, or nothing is left to do."""
    seconds_left: float | None
    """At that pace; None without one."""
    hours: str = ""
    """The hours of the day in which it is done, when not in all: "from 22:00 to 07:00"."""
    rests: bool = False
    """Whether it is another part of the day now."""

    @property
    def text(self) -> str:
        """For people: 1,200 of 9,000 tracks, 41 a minute, about 3 h left."""
        parts = [f"{self.settled:,} of {counted(self.tracks, 'track')}"]
        if self.rests and self.settled < self.tracks:
            parts.append(f"rests: it is done {self.hours}")
        elif self.per_minute is not None and self.seconds_left is not None:
            pace = self.per_minute
            parts.append(f"{pace:.0f} a minute" if pace >= 1 else f"{pace * 60:.0f} an hour")
            parts.append(f"about {time_span(self.seconds_left)} left")
            parts += [f"done {self.hours}"] if self.hours else []
        elif self.settled < self.tracks and self.kind == Kind.ANALYSIS:
            parts.append(f"none in the last {time_span(WINDOW.total_seconds())}")
        return ", ".join(parts)


def long_work() -> list[LongWork]:
    """The analysis and the vectors of the tracks, each when any track needs it."""
    counts = {
        need.kind: states
        for need, states in ledger.counts().items()
        if need.entity_type is EntityType.TRACK
    }
    found = []
    for kind in (Kind.ANALYSIS, Kind.VECTOR):
        total = counts[kind].total()
        left = sum(counts[kind][state] for state in _OPEN)
        pace = _analysed_a_minute() if kind is Kind.ANALYSIS and left else None
        seconds = left / pace * 60 if pace else None
        if total:
            row = LongWork(kind.value, total - left, total, pace, seconds)
            found.append(_with_hours(row) if kind is Kind.ANALYSIS else row)
    return found


def _with_hours(work: LongWork) -> LongWork:
    try:
        hours = settings.analysis_hours()
    except SettingError:  # the doctor names it
        return work
    if hours is not None:
        work.hours = f"from {hours.begin:%H:%M} to {hours.end:%H:%M}"
        work.rests = not hours.holds(datetime.now().time())
    return work


def _analysed_a_minute() -> float | None:
    """From the first of those of the last minutes on: before, nobody may have asked for any."""
    now = utc_now()
    count, first = audio_features.analysed_since(now - WINDOW)
    seconds = (now - first).total_seconds() if first else 0.0
    return count / seconds * 60 if seconds >= _LEAST_SECONDS else None
