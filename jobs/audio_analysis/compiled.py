"""What librosa has numba compile, kept for good in the folder NUMBA_CACHE_DIR.

Compiling takes a quarter of a minute on a fast core and minutes on a slow one, and more memory than
an analysis. So it happens once, in a process of its own, before the first file is heard: neither
the time nor the memory of a file has to allow for it.
"""

import os
import platform
from contextlib import closing
from importlib import metadata
from pathlib import Path

from jobs.bounded import ItemFailure, run_bounded

MEMORY = 2 * 1024 * 1024 * 1024
"""Bytes of address space."""
SECONDS = 900.0
"""The job has 45 minutes."""
_LIBRARIES = ("librosa", "numba", "numpy")


def ensure() -> None:
    """Compile what these versions of the libraries have not compiled on this machine yet.

    Without NUMBA_CACHE_DIR, which the fleet always sets, numba keeps it beside librosa, and the
    first file waits for it. Raises RuntimeError when it cannot be compiled.
    """
    folder = os.environ.get("NUMBA_CACHE_DIR")
    if not folder:
        return
    done = Path(folder) / f"compiled {_versions()}"
    if done.exists():
        return
    outcomes = run_bounded(_compile, [folder], extra_memory=MEMORY, seconds=SECONDS)
    with closing(outcomes):
        outcome = next(outcomes)
    if isinstance(outcome, ItemFailure):
        raise RuntimeError(
            f"librosa cannot be compiled into NUMBA_CACHE_DIR, {folder}: {outcome.message} — see "
            "that the folder can be written to and has 10 MB to spare, and that 1 GB of memory is "
            "free; the job is then tried again"
        )
    done.touch()


def _versions() -> str:
    """Whatever of this changes, numba compiles anew."""
    libraries = [f"{name}-{metadata.version(name)}" for name in _LIBRARIES]
    return " ".join([*libraries, f"python-{platform.python_version()}", platform.machine()])


def _compile(folder: str) -> bool:
    """Hear a second of a tone, which is all that a file needs. Runs in the child."""
    import numpy as np  # noqa: PLC0415  # 120 MiB, with what follows

    from jobs.audio_analysis.extracting import features  # noqa: PLC0415
    from jobs.audio_analysis.spectrum import RATE, Excerpt  # noqa: PLC0415

    Path(folder).mkdir(parents=True, exist_ok=True)
    tone = np.sin(np.arange(RATE * 5, dtype=np.float32) * np.float32(0.1))[:, None]
    return "bpm" in features(Excerpt(tone, RATE, 0.0, "none"))
