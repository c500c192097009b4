"""When the first model is trained; of later ones `jobs.monitoring` says when."""

from db import ledger
from db.models import EntityType, Kind
from db.similarity import vector_inputs, vectors

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
    analysed = vector_inputs.analysed_count()
    return analysed >= FEWEST and (
        analysed >= ENOUGH or not ledger.open_count(Kind.ANALYSIS, EntityType.TRACK)
    )
