"""How the model in use stands: its version and age, its health, and whether a training is due."""

from datetime import datetime
from typing import Any, NamedTuple

from db import model_health, tag_checks, vectors
from db.model_health import Health, Verdict
from db.tag_checks import Check
from db.vectors import ModelVersion


class Standing(NamedTuple):
    """The model in use, and what the last looks at it and at the tags found."""

    model: ModelVersion
    age: float
    """Seconds since its training began."""
    health: Health | None
    """None until it was measured."""
    check: Check | None
    """None until tags were looked at since it took over."""

    @property
    def retrain(self) -> str | None:
        """Why a training is due; None when none is."""
        if self.check and self.check.retrain:
            return self.check.reason
        if self.health and self.health.verdict is Verdict.RETRAIN:
            return self.health.reason
        return None

    @property
    def reason(self) -> str:
        """Why a training is due, or why none is."""
        return self.retrain or (self.check.reason if self.check else "not checked yet")

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        health = self.health
        return {
            "version": self.model.id,
            "trained_at": f"{self.model.trained_at.isoformat(timespec='seconds')}Z",
            "trained_because": self.model.reason,
            "age": round(self.age),
            "tracks": self.model.tracks,
            "health": None
            if health is None
            else {
                "checked_at": f"{health.checked_at.isoformat(timespec='seconds')}Z",
                "verdict": health.verdict.value,
                "reason": health.reason,
                **health.measures._asdict(),
            },
            "retrain": self.retrain is not None,
            "reason": self.reason,
        }


def standing(now: datetime) -> Standing | None:
    """How it stands; None while there is no model."""
    model = vectors.current_model()
    if model is None:
        return None
    check = tag_checks.last()
    of_it = check if check and check.model_id == model.id else None
    age = (now - model.trained_at).total_seconds()
    return Standing(model, age, model_health.last(model), of_it)
