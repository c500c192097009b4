"""Monitoring of the vector model: tags and tracks that it does not know, and its health.

Both jobs ask for a training when one is due, or record why none is.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from db import ledger
from db.errors import counted
from db.models import EntityType, Kind, utc_now
from db.similarity import tag_vocabulary, vectors
from db.similarity.model_health import (
    Health,
    HealthHistory,
    Measures,
    Rules,
    Sample,
    Verdict,
    rules,
)
from db.similarity.tag_vocabulary import Check, NewWord, TagChanges
from db.similarity.vectors import ModelVersion
from jobs.vectorization import first_model
from worker.dispatch import alone, enqueue, held_jobs, job, only_when

_NAMED = 3


class Decision(NamedTuple):
    """Whether a training is due."""

    due: bool
    reason: str
    """Why, or why not."""


_WAITS = "waits until"


def retraining_due(changes: TagChanges, rules: Rules, now: datetime) -> Decision:
    """Whether what has changed since a model was trained is enough to retrain it.

    What comes soon after a training waits until the model has the rule's age, so that a long scan
    that brings one genre after the other does not train for each; all else is due when it is seen.
    """
    age = now - changes.model.trained_at
    waiting = []
    for what, since in _reasons(changes, rules, age):
        if age >= since:
            return Decision(True, what)
        waiting.append(f"{what}: {_WAITS} the model is {_span(since)} old")
    return Decision(False, "; ".join(waiting) or _as_it_was(changes, age))


def _reasons(changes: TagChanges, rules: Rules, age: timedelta) -> Iterator[tuple[str, timedelta]]:
    """What there is to train for, and how old the model has to be for each."""
    new, genres, words = changes.new_tracks, changes.new_genres, changes.new_words
    if age >= rules.age:
        yield f"the model is {_span(age)} old", timedelta(0)
    if changes.grown > 0 and changes.grown >= rules.growth:
        was = changes.model.tracks
        yield (
            f"{counted(changes.tracks, 'track')}, {changes.grown:.0%} more than {was:,}",
            timedelta(0),
        )
    if genres:
        names = ", ".join(word.name for word in genres[:_NAMED])
        more = f" and {len(genres) - _NAMED:,} more" if len(genres) > _NAMED else ""
        yield f"new genre {names}{more}", rules.genre_after
    if new > rules.tracks:
        yield counted(new, "new track"), rules.tracks_after
    if len(words) > rules.tags:
        yield counted(len(words), "new tag"), rules.tags_after


def _as_it_was(changes: TagChanges, age: timedelta) -> str:
    return (
        f"the model is {_span(age)} old; {counted(changes.new_tracks, 'new track')}, "
        f"{counted(len(changes.new_genres), 'new genre')}, "
        f"{counted(len(changes.new_words), 'new tag')}"
    )


def _span(span: timedelta) -> str:
    for name, size in (("days", 86_400), ("hours", 3_600)):
        if span.total_seconds() >= 2 * size:
            return f"{span.total_seconds() / size:.0f} {name}"
    return f"{span.total_seconds() / 60:.0f} minutes"


_STEADY = 0.3
"""The share of neighbours kept from one model to the next below which people would notice."""


class Assessment(NamedTuple):
    """What follows from a measurement."""

    verdict: Verdict
    reason: str


def assess(
    measures: Measures, first_recall: float | None, vectors_to_make: int, rules: Rules
) -> Assessment:
    """The gravest of what was found.

    `first_recall` is what was first measured of the same model, and `vectors_to_make` how many
    tracks wait for a vector.
    """
    for reason in _to_mend(measures, first_recall, vectors_to_make, rules):
        return Assessment(Verdict.RETRAIN, reason)
    for reason in _amiss(measures):
        return Assessment(Verdict.POOR, f"{reason}: a training would change nothing")
    if vectors_to_make:
        return Assessment(Verdict.GOOD, f"vectors still to compute: {vectors_to_make:,}")
    return Assessment(Verdict.GOOD, "no measurement calls for a training")


def _to_mend(
    measures: Measures, first_recall: float | None, vectors_to_make: int, rules: Rules
) -> Iterator[str]:
    coverage, drift, recall = measures.coverage, measures.drift, measures.recall
    if coverage is not None and coverage < rules.coverage and not vectors_to_make:
        yield f"{1 - coverage:.0%} of the analysed tracks have no vector, and no job computes them"
    if drift is not None and drift > rules.drift:
        yield (
            f"the features of newer tracks have drifted by {drift:.2f} standard deviations, "
            f"more than {rules.drift:g}"
        )
    least = None if first_recall is None else first_recall - rules.recall_drop
    if recall is not None and least is not None and recall < least:
        yield f"neighbours predict {recall:.0%} of the genres, at first {first_recall:.0%}"


def _amiss(measures: Measures) -> Iterator[str]:
    recall, chance, stability = measures.recall, measures.chance, measures.stability
    if recall is not None and chance is not None and recall <= chance < 1:
        yield (
            f"neighbours predict {recall:.0%} of the genres, the most frequent genre alone "
            f"{chance:.0%}"
        )
    if stability is not None and stability < _STEADY:
        yield f"{stability:.0%} of the neighbours are those of the model before"


NO_MODEL = (
    f"no model yet: the first training starts when {first_model.FEWEST} tracks and all that wait "
    f"are analysed, or {first_model.ENOUGH:,} are"
)


def _may_be_due() -> bool:
    """Whether something came since the last check, or a training is due or waits for its time."""
    last, model = tag_vocabulary.last_check(), vectors.current_model()
    if last is None or last.model_id != (model.id if model else None):
        return True
    if model is None:
        return first_model.is_due()
    is_open = last.retrain or _WAITS in last.reason
    is_old = utc_now() - model.trained_at >= rules().age
    return is_open or is_old or tag_vocabulary.has_changed_since(last.checked_at)


@job
@only_when(_may_be_due)
def monitor_tag_changes() -> dict[str, Any]:
    """Count the tags and tracks that came since the model was trained; train when that is due.

    Records the result, and returns it. Raises SettingError.
    """
    in_force, now = rules(), utc_now()
    seen = tag_vocabulary.vocabulary()
    tag_vocabulary.notice(seen, now)
    model = vectors.current_model()
    if model is None:
        is_due = first_model.is_due()
        decision = Decision(is_due, first_model.REASON if is_due else NO_MODEL)
        new: list[NewWord] = []
    else:
        changes = tag_vocabulary.tag_changes(model, seen)
        decision, new = retraining_due(changes, in_force, now), changes.new_words
    check = Check(
        checked_at=now,
        model_id=model.id if model else None,
        signature=seen.signature,
        tracks=seen.tracks,
        new_genres=[_dated(word) for word in new if word.is_genre],
        new_tags=[_dated(word) for word in new],
        retrain=decision.due,
        reason=decision.reason,
    )
    tag_vocabulary.record_check(check)
    return {"retrain": decision.due, "reason": decision.reason, "asked": _ask(decision)}


@job
@only_when(lambda: vectors.current_model() is not None)
def check_model_health() -> dict[str, Any]:
    """Measure the health of the model in use, record it, and train when that would improve it.

    Returns the verdict and its reason. Raises SettingError and WrongDimensionError.
    """
    model = vectors.current_model()
    if model is None:
        return {"verdict": None, "reason": NO_MODEL, "asked": False}
    found, measures, sample = _examined(model)
    health = Health(utc_now(), measures, found.verdict, found.reason)
    HealthHistory(model).record(health, sample)
    asked = _ask(Decision(found.verdict is Verdict.RETRAIN, found.reason))
    return {"verdict": found.verdict.value, "reason": found.reason, "asked": asked}


def _examined(model: ModelVersion) -> tuple[Assessment, Measures, Sample]:
    from jobs.monitoring.measurement import (  # noqa: PLC0415  # NumPy
        UnreadableModelError,
        measured,
    )

    in_force = rules()
    try:
        measures, sample = measured(model)
    except UnreadableModelError as error:
        nothing = Measures(None, None, None, None, None)
        return Assessment(Verdict.RETRAIN, str(error)), nothing, Sample(0, {})
    first = HealthHistory(model).first_recall()
    to_make = ledger.open_count(Kind.VECTOR, EntityType.TRACK)
    return assess(measures, first, to_make, in_force), measures, sample


def _ask(decision: Decision) -> bool:
    """Enqueue a training that is due, unless one waits or runs; return whether it did."""
    if not decision.due:
        return False
    with alone("monitoring.ask") as is_mine:
        if not is_mine or any(held_jobs(first_model.NAME)):
            return False
        enqueue(first_model.NAME, reason=decision.reason)
    return True


def _dated(word: NewWord) -> tuple[str, str]:
    return word.word, word.first_seen.isoformat(timespec="seconds")
