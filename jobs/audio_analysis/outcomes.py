"""What became of the analysis of each track, and writing that down."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from db import audio_features, problems
from db.analysis_seconds import TURNED_OFF, analysis_seconds, is_off
from db.audio_features import AnalysedTrack
from db.ledger import Attempt, Settled
from db.models import State
from db.problems import FileProblem, Stage
from jobs.audio_analysis import compiled
from jobs.audio_analysis.version import EXTRACTOR
from jobs.bounded import FailureKind, ItemFailure, run_bounded
from jobs.errors import UnreadableFileError
from jobs.records import ProblemCode

MEMORY = 1024 * 1024 * 1024
"""Bytes of address space that the child may take; the libraries reserve some 550 MiB of it, and the
longest excerpt makes less than 400 MB of them resident."""
SECONDS = 120.0
"""Time that one file may take, the first one's import of the libraries included, though not that of
compiling parts of them: see `compiled`."""
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


class Analysis(NamedTuple):
    """What became of one track: features or a fault, or neither."""

    track: AnalysedTrack
    features: dict[str, Any] | None = None
    """Columns of `audio_features`."""
    fault: Fault | None = None
    nothing: str = "the file is missing"
    """Why there is neither."""


def analyse(tracks: Sequence[AnalysedTrack]) -> Iterator[Analysis]:
    """The analysis of each track, whatever the files do. Raises SettingError."""
    if is_off():
        yield from (Analysis(track, nothing=TURNED_OFF) for track in tracks)
        return
    seconds = analysis_seconds()
    compiled.ensure()
    present = [track for track in tracks if not track.missing]
    yield from (Analysis(track) for track in tracks if track.missing)
    items = [(track.path, seconds, track.duration) for track in present]
    outcomes = run_bounded(_hear, items, extra_memory=MEMORY, seconds=SECONDS)
    with closing(outcomes):
        for track, outcome in zip(present, outcomes, strict=True):
            if isinstance(outcome, ItemFailure):
                yield Analysis(track, fault=Fault(_CODES[outcome.kind], outcome.message))
            elif "code" in outcome.json:
                fault = Fault(ProblemCode(outcome.json["code"]), outcome.json["message"])
                yield Analysis(track, fault=fault)
            else:
                yield Analysis(track, outcome.json)


def write(done: Sequence[Analysis], attempt: Attempt) -> None:
    """Write features and problems, and settle the needs. Call it within `attempt.settling`."""
    audio_features.record([_row(each.track, each.features) for each in done if each.features])
    problems.clear([each.track.path for each in done if each.features], Stage.ANALYSIS)
    problems.record(
        [
            FileProblem(each.track.path, Stage.ANALYSIS, each.fault.code, each.fault.message)
            for each in done
            # A scan sees to a file that is gone.
            if each.fault and each.fault.code is not ProblemCode.VANISHED
        ]
    )
    attempt.settle(map(_settled, done))


def _hear(item: tuple[str, float, float | None]) -> dict[str, Any]:
    """The features of a file, or its code and message. Runs in the child, which imports it all."""
    from jobs.audio_analysis.decoding import Wanted  # noqa: PLC0415  # 120 MiB
    from jobs.audio_analysis.extracting import features_of_file  # noqa: PLC0415

    _hush()
    try:
        return features_of_file(Wanted(*item))
    except UnreadableFileError as error:
        return {"code": error.code.value, "message": str(error)}


def _hush() -> None:
    """Have what decoders write to the error output go nowhere: a line for each broken frame.

    What comes of it is told by their errors.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _row(track: AnalysedTrack, features: dict[str, Any]) -> dict[str, Any]:
    beside = {
        "track": track.id,
        "extractor": EXTRACTOR,
        "content_id": track.content_id,
        "tag_bpm": track.bpm,
    }
    return features | beside


def _settled(analysis: Analysis) -> Settled:
    track_id = analysis.track.id
    if analysis.fault:
        reason = f"{analysis.fault.code.value}: {analysis.fault.message}"
        return Settled(track_id, State.FAILED, reason)
    if analysis.features is None:
        return Settled(track_id, State.NONE, analysis.nothing)
    return Settled(track_id, State.DONE)
