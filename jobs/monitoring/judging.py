"""What a measurement of a model asks for.

Only what a training would mend asks for one. Neighbours that are not those of the model before, and
genres that are told no better than by chance, would be the same by the next model.
"""

from collections.abc import Iterator
from typing import NamedTuple

from db.model_health import Measures, Verdict
from db.retraining_rules import Rules

_STEADY = 0.3
"""The share of neighbours kept from one model to the next below which people would notice."""


class Found(NamedTuple):
    """What follows from a measurement."""

    verdict: Verdict
    reason: str


def judged(
    measures: Measures, first_recall: float | None, vectors_to_make: int, rules: Rules
) -> Found:
    """The gravest of what was found.

    `first_recall` is what was first measured of the same model, and `vectors_to_make` how many
    tracks wait for a vector.
    """
    for reason in _to_mend(measures, first_recall, vectors_to_make, rules):
        return Found(Verdict.RETRAIN, reason)
    for reason in _amiss(measures):
        return Found(Verdict.POOR, f"{reason}: a training would change nothing")
    if vectors_to_make:
        return Found(Verdict.GOOD, f"vectors still to compute: {vectors_to_make:,}")
    return Found(Verdict.GOOD, "no measurement calls for a training")


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
