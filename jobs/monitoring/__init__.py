"""Watching the vectors: whether the tags outgrew the model, and whether it still holds up.

Both jobs ask for a training when one is due, or keep why none is.
"""

from typing import Any

from db import model_health, tag_checks, tag_vocabulary, vectors
from db.model_health import Health, Measures, Sample, Verdict
from db.models import utc_now
from db.retraining_rules import rules
from db.tag_checks import Check
from db.tag_vocabulary import NewWord
from db.vectors import ModelVersion
from jobs.monitoring.deciding import Decision, retraining_due
from jobs.monitoring.judging import Found, judged
from jobs.vectorization import first_model
from worker.dispatch import alone, enqueue, held_jobs, job

NO_MODEL = (
    f"no model yet: the first training starts when {first_model.FEWEST} tracks and all that wait "
    f"are analysed, or {first_model.ENOUGH:,} are"
)


@job
def monitor_tag_changes() -> dict[str, Any]:
    """Look at what tags and tracks came since the model was trained; train when that is due.

    What was found is kept, and returned. Raises SettingError.
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
        changes = tag_checks.changes(model, seen)
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
    tag_checks.record(check)
    return {"retrain": decision.due, "reason": decision.reason, "asked": _ask(decision)}


@job
def check_model_health() -> dict[str, Any]:
    """Measure how the model in use holds up, keep it, and train when that would mend something.

    Returns the verdict and its reason. Raises SettingError and WrongDimensionError.
    """
    model = vectors.current_model()
    if model is None:
        return {"verdict": None, "reason": NO_MODEL, "asked": False}
    found, measures, sample = _examined(model)
    health = Health(model.id, utc_now(), measures, found.verdict, found.reason)
    model_health.record(health, sample)
    asked = _ask(Decision(found.verdict is Verdict.RETRAIN, found.reason))
    return {"verdict": found.verdict.value, "reason": found.reason, "asked": asked}


def _examined(model: ModelVersion) -> tuple[Found, Measures, Sample]:
    from jobs.monitoring.measuring import UnreadableModelError, measured  # noqa: PLC0415  # NumPy

    in_force = rules()
    try:
        measures, sample = measured(model)
    except UnreadableModelError as error:
        nothing = Measures(None, None, None, None, None)
        return Found(Verdict.RETRAIN, str(error)), nothing, Sample(0, {})
    first, to_make = model_health.first_recall(model), model_health.vectors_to_make()
    return judged(measures, first, to_make, in_force), measures, sample


def _ask(decision: Decision) -> bool:
    """Ask for a training that is due, unless one waits or runs; whether it was asked for now."""
    if not decision.due:
        return False
    with alone("monitoring.ask") as is_mine:
        if not is_mine or any(held_jobs(first_model.NAME)):
            return False
        enqueue(first_model.NAME, reason=decision.reason)
    return True


def _dated(word: NewWord) -> tuple[str, str]:
    return word.word, word.first_seen.isoformat(timespec="seconds")
