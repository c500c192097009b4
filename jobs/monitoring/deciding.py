"""Whether what came since a model was trained is enough to train it anew."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from db.retraining_rules import Rules
from db.tag_checks import Changes

_NAMED = 3


class Decision(NamedTuple):
    """Whether a training is due."""

    due: bool
    reason: str
    """Why, or why not."""


def retraining_due(changes: Changes, rules: Rules, now: datetime) -> Decision:
    """Whether what has changed since a model was trained is enough to train it anew.

    What comes soon after a training waits until the model has the rule's age, so that a long scan
    that brings one genre after the other does not train for each; all else is due when it is seen.
    """
    age = now - changes.model.trained_at
    waiting = []
    for what, since in _reasons(changes, rules, age):
        if age >= since:
            return Decision(True, what)
        waiting.append(f"{what}: waits until the model is {_span(since)} old")
    return Decision(False, "; ".join(waiting) or _as_it_was(changes, age))


def _reasons(changes: Changes, rules: Rules, age: timedelta) -> Iterator[tuple[str, timedelta]]:
    """What there is to train for, and how old the model has to be for each."""
    new, genres, words = changes.new_tracks, changes.new_genres, changes.new_words
    if age >= rules.age:
        yield f"the model is {_span(age)} old", timedelta(0)
    if changes.grown > 0 and changes.grown >= rules.growth:
        was = changes.model.tracks
        yield f"{changes.tracks:,} tracks, {changes.grown:.0%} more than {was:,}", timedelta(0)
    if genres:
        names = ", ".join(word.name for word in genres[:_NAMED])
        more = f" and {len(genres) - _NAMED:,} more" if len(genres) > _NAMED else ""
        yield f"new genre {names}{more}", rules.genre_after
    if new > rules.tracks:
        yield f"{new:,} new tracks", rules.tracks_after
    if len(words) > rules.tags:
        yield f"{len(words):,} new tags", rules.tags_after


def _as_it_was(changes: Changes, age: timedelta) -> str:
    return (
        f"the model is {_span(age)} old; {changes.new_tracks:,} new tracks, "
        f"{len(changes.new_genres):,} new genres, {len(changes.new_words):,} new tags"
    )


def _span(span: timedelta) -> str:
    for name, size in (("days", 86_400), ("hours", 3_600)):
        if span.total_seconds() >= 2 * size:
            return f"{span.total_seconds() / size:.0f} {name}"
    return f"{span.total_seconds() / 60:.0f} minutes"
