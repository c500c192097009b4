"""What librosa compiles is compiled once, before a file, and kept."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.audio_analysis import outcomes
from jobs.errors import HeldUpError
from tests.conftest import COMPILED


def test_compiling_is_done_once_and_noted_for_these_versions() -> None:
    """In the folder of all tests, for it takes a quarter of a minute: in a new clone this is it."""
    outcomes.ensure_compiled()
    note = outcomes.compiled_marker(COMPILED)
    noted = note.stat().st_mtime_ns
    assert list(COMPILED.rglob("*.nbc"))
    outcomes.ensure_compiled()
    assert note.stat().st_mtime_ns == noted


def test_who_finds_another_compiling_waits_and_does_not_compile_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "numba"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    code = "from jobs.audio_analysis import outcomes; outcomes.ensure_compiled()"
    with outcomes.lock_cache(folder):
        waiting = subprocess.Popen([sys.executable, "-c", code])
        while not _has_open(waiting.pid, folder / "compiling"):
            assert waiting.poll() is None
            time.sleep(0.02)
        outcomes.compiled_marker(folder).touch()
    assert waiting.wait() == 0
    assert list(folder.rglob("*.nbc")) == []


def _has_open(pid: int, file: Path) -> bool:
    opened = Path(f"/proc/{pid}/fd").iterdir()
    return any(os.path.realpath(each) == str(file) for each in opened)


def test_a_folder_that_cannot_be_written_to_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "numba"))
    with pytest.raises(HeldUpError, match=r"librosa cannot be compiled into NUMBA_CACHE_DIR, .*se"):
        outcomes.ensure_compiled()
