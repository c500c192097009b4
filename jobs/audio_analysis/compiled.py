"""What librosa has numba compile, kept for good in the folder NUMBA_CACHE_DIR.

Compiling takes a quarter of a minute on a fast core and minutes on a slow one, and more memory than
an analysis. So it happens once, in a process of its own, before the first file is heard: neither
the time nor the memory of a file has to allow for it.
"""

import fcntl
import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import metadata, util
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
    first file waits for it. One process compiles at a time: two that do at once overwrite each
    other's files, and whoever loads them crashes. Raises RuntimeError when it cannot be compiled.
    """
    name = os.environ.get("NUMBA_CACHE_DIR")
    if not name:
        return
    folder = Path(name)
    done = note(folder)
    if done.exists():
        return
    try:
        with locked(folder):
            if not done.exists():
                _compile_apart(name)
                done.touch()
    except OSError as error:
        raise _failure(name, str(error)) from error


def note(folder: Path) -> Path:
    """The file that says that all is compiled in this folder, for what may change it."""
    return folder / f"compiled {_versions()}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone; the kernel lets go of it when the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile_apart(folder: str) -> None:
    outcomes = run_bounded(_compile, [None], extra_memory=MEMORY, seconds=SECONDS)
    with closing(outcomes):
        outcome = next(outcomes)
    if isinstance(outcome, ItemFailure):
        raise _failure(folder, outcome.message)


def _failure(folder: str, why: str) -> RuntimeError:
    return RuntimeError(
        f"librosa cannot be compiled into NUMBA_CACHE_DIR, {folder}: {why} — see that the folder "
        "can be written to and has 10 MB to spare, and that 1 GB of memory is free; the job is "
        "then tried again"
    )


def _versions() -> str:
    """Whatever of this changes, numba compiles anew: versions, and the place of librosa."""
    libraries = [f"{name}-{metadata.version(name)}" for name in _LIBRARIES]
    spec = util.find_spec("librosa")
    place = hashlib.sha256(str(spec and spec.origin).encode()).hexdigest()[:12]
    return " ".join([*libraries, f"python-{platform.python_version()}", platform.machine(), place])


def _compile(_: None) -> bool:
    """Hear a second of a tone, which is all that a file needs. Runs in the child."""
    import numpy as np  # noqa: PLC0415  # 120 MiB, with what follows

    from jobs.audio_analysis.extracting import features  # noqa: PLC0415
    from jobs.audio_analysis.spectrum import RATE, Excerpt  # noqa: PLC0415

    tone = np.sin(np.arange(RATE * 5, dtype=np.float32) * np.float32(0.1))[:, None]
    return "bpm" in features(Excerpt(tone, RATE, 0.0, "none"))
