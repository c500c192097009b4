"""When the first model is trained; of later ones `jobs.monitoring` says when."""

from db import ledger
from db.models import EntityType, Kind, State
from db.similarity import vectors

FEWEST = 10
"""Tracks that must be analysed: fewer have no differences to learn."""
ENOUGH = 1_000
"""Tracks after which it is trained although the analysis of others is still running."""
NAME = "vectorization.train"
REASON = "the first model"


def is_due() -> bool:
    """Whether there is no model, and a first one can be trained that will last for a while.

    That is once no track waits for its analysis, or enough are analysed.
    """
    if vectors.current_model() is not None:
        return False
    analyses = ledger.counts()[ledger.need_for(Kind.ANALYSIS, EntityType.TRACK)]
    analysed, left = analyses[State.DONE], analyses[State.TODO] + analyses[State.LEASED]
    return analysed >= FEWEST and (analysed >= ENOUGH or not left)
