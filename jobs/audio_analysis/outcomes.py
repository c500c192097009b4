"""The analysis of each track in a bounded child, and writing its features or its fault.

librosa has numba compile parts of it, which are kept for good in the folder NUMBA_CACHE_DIR.
Compiling takes a quarter of a minute on a fast core and minutes on a slow one, and more memory than
an analysis. So it happens once, in a process of its own, before the first file is analysed: neither
the time nor the memory of a file has to allow for it.
"""

import fcntl
import hashlib
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import Any, NamedTuple

from db.ledger import Attempt, Cause, Obstacle, Settled
from db.library import audio_features
from db.library.audio_features import AnalysedTrack
from db.models import State
from db.scanning import problems, roots
from db.scanning.problems import FileProblem, Stage
from db.settings import ANALYSIS_OFF, analysis_is_off, analysis_seconds
from db.sql import path_text
from jobs.bounded import FailureKind, ItemFailure, run_bounded
from jobs.errors import HeldUpError, UnreadableFileError
from jobs.records import ProblemCode

COMPILE_MEMORY = 2 * 1024 * 1024 * 1024
"""Bytes of address space."""
COMPILE_SECONDS = 900.0
"""The job has 45 minutes."""
_COMPILED_LIBRARIES = ("librosa", "numba", "numpy")


def ensure_compiled() -> None:
    """Compile what these versions of the libraries have not compiled on this machine yet.

    Without NUMBA_CACHE_DIR, which the fleet always sets, numba keeps it beside librosa, and the
    first file waits for it. One process compiles at a time: two that do at once overwrite each
    other's files, and whoever loads them crashes. Raises HeldUpError when it cannot be compiled.
    """
    name = os.environ.get("NUMBA_CACHE_DIR")
    if not name:
        return
    folder = Path(name)
    done = compiled_marker(folder)
    if done.exists():
        return
    try:
        with lock_cache(folder):
            if not done.exists():
                _compile_apart(name)
                done.touch()
    except OSError as error:
        raise _compile_failure(name, str(error)) from error


def compiled_marker(folder: Path) -> Path:
    """The file that says that all is compiled in this folder, for what may change it."""
    return folder / f"compiled {_versions()}"


@contextmanager
def lock_cache(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone; the kernel lets go of it when the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile_apart(folder: str) -> None:
    outcomes = run_bounded(_compile, [None], extra_memory=COMPILE_MEMORY, seconds=COMPILE_SECONDS)
    with closing(outcomes):
        outcome = next(outcomes)
    if isinstance(outcome, ItemFailure):
        raise _compile_failure(folder, outcome.message)


def _compile_failure(folder: str, why: str) -> HeldUpError:
    return HeldUpError(
        Obstacle(Cause.NOT_COMPILED, path_text.to_text(os.fsencode(folder))),
        f"librosa cannot be compiled into NUMBA_CACHE_DIR, {folder}: {why} — see that the folder "
        "can be written to and has 10 MB to spare, and that 1 GB of memory is free; the job is "
        "then tried again",
    )


def _versions() -> str:
    """A change of any of these makes numba recompile: versions, and the path of librosa."""
    libraries = [f"{name}-{metadata.version(name)}" for name in _COMPILED_LIBRARIES]
    spec = util.find_spec("librosa")
    place = hashlib.sha256(str(spec and spec.origin).encode()).hexdigest()[:12]
    return " ".join([*libraries, f"python-{platform.python_version()}", platform.machine(), place])


def _compile(_: None) -> bool:
    """Analyse a second of a tone, which compiles all that a file needs. Runs in the child."""
    import numpy as np  # noqa: PLC0415  # 120 MiB, with what follows

    from jobs.audio_analysis.features import features  # noqa: PLC0415
    from jobs.audio_analysis.spectrum import RATE, Excerpt  # noqa: PLC0415

    tone = np.sin(np.arange(RATE * 5, dtype=np.float32) * np.float32(0.1))[:, None]
    return "bpm" in features(Excerpt(tone, RATE, 0.0, "none"))


MEMORY = 1024 * 1024 * 1024
"""Bytes of address space that the child may take; the libraries reserve some 550 MiB of it, and the
longest excerpt makes less than 400 MB of them resident."""
SECONDS = 120.0
"""Time that one file may take, the first one's import of the libraries included, though not that of
compiling parts of them: see `ensure_compiled`."""
_CODES = {
    FailureKind.MEMORY: ProblemCode.TOO_MUCH_MEMORY,
    FailureKind.TIME: ProblemCode.TOO_SLOW,
    FailureKind.CRASH: ProblemCode.CRASHED,
    FailureKind.ERROR: ProblemCode.DAMAGED,
}


class Fault(NamedTuple):
    """Why a track has no features."""

    code: ProblemCode
    message: str
    obstacle: Obstacle | None = None
    """What in the surroundings keeps the file from being read; None: it is the file's."""


class Analysis(NamedTuple):
    """What became of one track: features or a fault, or neither."""

    track: AnalysedTrack
    features: dict[str, Any] | None = None
    """Columns of `audio_features`."""
    fault: Fault | None = None
    nothing: str = "the file is missing"
    """Why there is neither."""

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to come, once what is in its way has passed."""
        obstacle = self.fault.obstacle if self.fault else None
        return obstacle is not None and not obstacle.is_of_item


def analyse(tracks: Sequence[AnalysedTrack]) -> Iterator[Analysis]:
    """The analysis of each track, whatever the files do. Raises SettingError."""
    if analysis_is_off():
        yield from (Analysis(track, nothing=ANALYSIS_OFF) for track in tracks)
        return
    seconds = analysis_seconds()
    yield from (Analysis(track) for track in tracks if track.missing)
    present = []
    for track in (each for each in tracks if not each.missing):
        if (obstacle := _obstacle(track)) is None:
            present.append(track)
        else:
            yield Analysis(track, fault=Fault(ProblemCode.UNREADABLE, obstacle.text, obstacle))
    if not present:
        return
    ensure_compiled()
    items = [(track.path, seconds, track.duration, track.start) for track in present]
    outcomes = run_bounded(_features_or_fault, items, extra_memory=MEMORY, seconds=SECONDS)
    with closing(outcomes):
        for track, outcome in zip(present, outcomes, strict=True):
            if isinstance(outcome, ItemFailure):
                fault = Fault(_CODES[outcome.kind], outcome.message, outcome.obstacle)
                yield Analysis(track, fault=fault)
            elif "code" in outcome.json:
                obstacle = roots.obstacle(track.path, outcome.json["errno"])
                code = ProblemCode(outcome.json["code"])
                yield Analysis(track, fault=Fault(code, outcome.json["message"], obstacle))
            else:
                yield Analysis(track, outcome.json)


def _obstacle(track: AnalysedTrack) -> Obstacle | None:
    """What is in the way of the file, asked before anything heavy is loaded."""
    try:
        os.stat(path_text.to_bytes(track.path))
    except OSError as error:
        found = roots.obstacle(track.path, error.errno)
        return None if found is None or found.is_of_item else found
    return None


def write(done: Sequence[Analysis], attempt: Attempt) -> None:
    """Write features and problems, and settle the needs. Call it within `attempt.settling`."""
    audio_features.record_features(
        [_row(each.track, each.features) for each in done if each.features]
    )
    problems.clear(_without_faults(done), Stage.ANALYSIS)
    problems.record(
        [
            FileProblem(each.track.path, Stage.ANALYSIS, each.fault.code, each.fault.message)
            for each in done
            # A scan handles a file that is gone; what cannot be read just now waits.
            if each.fault and each.fault.obstacle is None
        ]
    )
    attempt.settle(map(_settled, done))


def _without_faults(done: Sequence[Analysis]) -> list[str]:
    """The files of which nothing is wrong: of several tracks one may have failed before."""
    well = [each.track for each in done if each.features]
    parts = sorted({track.path for track in well if track.start is not None})
    ids = [each.track.id for each in done]
    faults = audio_features.files_with_faults(parts, ids) if parts else set()
    return sorted({track.path for track in well} - faults)


def _features_or_fault(item: tuple[str, float, float | None, float | None]) -> dict[str, Any]:
    """The features of a file, or its code and message. Runs in the child, which imports it all."""
    from jobs.audio_analysis.decoder import ExcerptRequest  # noqa: PLC0415  # 120 MiB
    from jobs.audio_analysis.features import features_of_file  # noqa: PLC0415

    _discard_stderr()
    try:
        return features_of_file(ExcerptRequest(*item))
    except UnreadableFileError as error:
        number = getattr(error.__cause__, "errno", None)
        return {"code": error.code.value, "message": str(error), "errno": number}


def _discard_stderr() -> None:
    """Have what decoders write to the error output go nowhere: a line for each broken frame.

    Their errors report the outcome.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _row(track: AnalysedTrack, features: dict[str, Any]) -> dict[str, Any]:
    beside = {
        "track": track.id,
        "extractor": audio_features.EXTRACTOR,
        "content_id": track.content_id,
        "tag_bpm": track.bpm,
    }
    return features | beside


def _settled(analysis: Analysis) -> Settled:
    track_id = analysis.track.id
    if analysis.fault:
        reason = f"{analysis.fault.code.value}: {analysis.fault.message}"
        if analysis.fault.obstacle is not None:
            return Settled.held_up(track_id, analysis.fault.obstacle, reason)
        return Settled(track_id, State.FAILED, reason)
    if analysis.features is None:
        return Settled(track_id, State.NONE, analysis.nothing)
    return Settled(track_id, State.DONE)
