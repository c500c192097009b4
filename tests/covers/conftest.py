"""An empty library."""

from pathlib import Path

import pytest

from db.models import Scan
from tests.covers.library import Library


@pytest.fixture
def library(tmp_path: Path, database: str) -> Library:  # opens it
    """An empty library below a root of its own, over each database in turn."""
    root = tmp_path / "music"
    root.mkdir()
    Scan.create(root=str(root))
    return Library(root)
