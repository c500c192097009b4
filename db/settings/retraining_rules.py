"""When a model is retrained, and how good it must stay: the settings FLEET_RETRAIN_…."""

import math
from datetime import timedelta
from typing import NamedTuple

from db.errors import SettingError
from db.settings import value


class Rules(NamedTuple):
    """The values that the user set, or the defaults."""

    age: timedelta
    """A model this old is retrained."""
    growth: float
    """Tracks more by this share, such as 0.1."""
    genre_after: timedelta
    """How old a model must be to be retrained for a genre that it does not know."""
    tracks: int
    """More new tracks than so many."""
    tracks_after: timedelta
    tags: int
    """More new tags than so many."""
    tags_after: timedelta
    coverage: float
    """The least share of analysed tracks with a vector."""
    drift: float
    """The most that newer tracks may lie off, in standard deviations."""
    recall_drop: float
    """How much recall may fall below what it was at first."""


def rules() -> Rules:
    """The rules in force. Raises SettingError for a setting that is no number of 0 or more."""
    return Rules(
        age=timedelta(days=_number("FLEET_RETRAIN_DAYS")),
        growth=_number("FLEET_RETRAIN_GROWTH") / 100,
        genre_after=timedelta(minutes=_number("FLEET_RETRAIN_GENRE_MINUTES")),
        tracks=int(_number("FLEET_RETRAIN_TRACKS")),
        tracks_after=timedelta(hours=_number("FLEET_RETRAIN_TRACKS_HOURS")),
        tags=int(_number("FLEET_RETRAIN_TAGS")),
        tags_after=timedelta(hours=_number("FLEET_RETRAIN_TAGS_HOURS")),
        coverage=_number("FLEET_RETRAIN_COVERAGE", most=100) / 100,
        drift=_number("FLEET_RETRAIN_DRIFT"),
        recall_drop=_number("FLEET_RETRAIN_RECALL_DROP", most=100) / 100,
    )


def _number(name: str, most: float = 100_000) -> float:
    text = value(name)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= most:  # NaN is not, either
        raise SettingError(
            f"{name} is {text!r} — write a number from 0 to {most:g}, or leave it unset"
        )
    return number
