"""Real files of others: each is analysed, or has its reason."""

from pathlib import Path

import pytest

from db.library.audio_features import AnalysedTrack
from db.scanning.library_files import AUDIO_EXTENSIONS
from jobs.audio_analysis.outcomes import analyse
from jobs.records import ProblemCode
from tests.corpus import corpus

STEP = 30
"""One file of so many: `python -m bench audio --corpus` analyses all."""


@pytest.fixture
def files() -> list[Path]:
    """A sample of the corpus."""
    found = sorted((corpus("audio") / "audio").rglob("*"))
    return [file for file in found if file.suffix[1:].lower() in AUDIO_EXTENSIONS][::STEP]


def test_real_files_are_heard_or_have_a_reason_and_none_ends_its_process(files: list[Path]) -> None:
    tracks = [AnalysedTrack(0, str(file), None, None, "", missing=False) for file in files]
    analyses = list(analyse(tracks))
    assert len(analyses) == len(files) > 20
    assert all((each.features is None) == (each.fault is not None) for each in analyses)
    codes = {each.fault.code for each in analyses if each.fault}
    assert codes <= {ProblemCode.DAMAGED, ProblemCode.EMPTY}
    assert sum(each.features is not None for each in analyses) > len(files) / 2
