"""Real files that nobody here made, where somebody has put them beside the repository."""

from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
"""Audio files, pictures, and what independent readers say of both."""


def corpus(part: str) -> Path:
    """The corpus, if it has this file or folder; without it the test is skipped."""
    if not (CORPUS / part).exists():
        pytest.skip(f"the corpus of real files is not at ../shared/corpus: no {part}")
    return CORPUS
