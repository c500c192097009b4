"""When the first model is trained; of later ones `jobs.monitoring` says when."""

from db.similarity import vector_inputs, vectors

FEWEST = 10
"""Tracks that must have been heard: fewer have no differences to learn."""
ENOUGH = 1_000
"""Tracks after which it is trained though more are still being heard."""
NAME = "vectorization.train"
REASON = "the first model"


def is_due() -> bool:
    """Whether there is no model, and a first one can be trained that will last for a while.

    That is once nothing is left to be heard, or enough was.
    """
    if vectors.current_model() is not None:
        return False
    heard = vector_inputs.analysed_count()
    return heard >= FEWEST and (heard >= ENOUGH or not vector_inputs.unanalysed_count())
