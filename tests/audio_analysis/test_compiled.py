"""What librosa compiles is compiled once, before a file, and kept."""

from pathlib import Path

import pytest

from jobs.audio_analysis import compiled


def test_compiling_is_done_once_and_noted_for_these_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "numba"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    compiled.ensure()
    (note,) = folder.glob("compiled librosa-*")
    noted = note.stat().st_mtime_ns
    compiled.ensure()
    assert note.stat().st_mtime_ns == noted


def test_a_folder_that_cannot_be_written_to_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "numba"))
    with pytest.raises(
        RuntimeError, match=r"librosa cannot be compiled into NUMBA_CACHE_DIR, .*se"
    ):
        compiled.ensure()
