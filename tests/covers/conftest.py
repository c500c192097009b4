"""An empty library."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from db.models import Scan
from tests.covers.library import Library


@pytest.fixture(scope="session")
def silence() -> bytes:
    """A FLAC file of a tenth of a second."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(800), 8000, format="FLAC")
    return buffer.getvalue()


@pytest.fixture
def library(tmp_path: Path, database: str, silence: bytes) -> Library:  # opens it
    """An empty library below a root of its own, over each database in turn."""
    root = tmp_path / "music"
    root.mkdir()
    Scan.create(root=str(root))
    return Library(root, silence)
