"""ReplayGain 2.0 of whole files: how much louder or quieter a track and its album are to be played.

The gain leads to -18 LUFS, as the specification says
(https://wiki.hydrogenaud.io/index.php?title=ReplayGain_2.0_specification); the peak is that of the
greatest sample. An album is measured as one piece: the gates are those of all its tracks together.
"""

from collections.abc import Sequence
from contextlib import closing
from math import log10
from typing import Any, NamedTuple

from db.ledger import Cause, Obstacle
from jobs.bounded import ItemFailure, Value, run_bounded
from jobs.errors import HeldUpError

_REFERENCE = -18.0
"""LUFS."""
_MEMORY = 768 * 1024 * 1024
"""Bytes of address space, most of it what the libraries reserve."""
_SECONDS = 600.0
"""For one file: ten hours of music, at a hundred times their speed."""
_BLOCK = 4
"""Tenths of a second of the shortest sound that can be gated."""
_OFFSET = -0.691
"""Of ITU-R BS.1770."""


class Gain(NamedTuple):
    """How loud something is to be played."""

    gain: float
    """dB."""
    peak: float
    """Full scale is 1."""


class AlbumGains(NamedTuple):
    """The gains of some tracks, and of all of them as one."""

    tracks: dict[str, Gain]
    """By path; without those that could not be decoded."""
    album: Gain | None
    """None when one of them could not be."""
    faults: dict[str, str]
    """Why a file could not be measured, by its path."""


def measure(paths: Sequence[str]) -> AlbumGains:
    """Decode these files from end to end, in a bounded child, and measure them."""
    found: dict[str, dict[str, Any]] = {}
    faults: dict[str, str] = {}
    outcomes = run_bounded(_steps, list(paths), extra_memory=_MEMORY, seconds=_SECONDS)
    with closing(outcomes):
        for path, outcome in zip(paths, outcomes, strict=True):
            if isinstance(outcome, ItemFailure):
                faults[path] = outcome.message
            else:
                found[path] = outcome.json
    together = [step for each in found.values() for step in each["steps"]]
    parts = [*(each["steps"] for each in found.values()), *([] if faults else [together])]
    levels = _levels(parts)
    peaks = [each["peak"] for each in found.values()]
    gains = [Gain(_gain(level), peak) for level, peak in zip(levels, peaks, strict=False)]
    is_whole = bool(found) and not faults
    album = Gain(_gain(levels[-1]), max(peaks)) if is_whole else None
    return AlbumGains(dict(zip(found, gains, strict=True)), album, faults)


def _levels(parts: Sequence[Sequence[float]]) -> list[float | None]:
    """The loudness of each of these, in LUFS; None of silence. In the child, which has NumPy."""
    outcomes = run_bounded(_level, list(parts), extra_memory=_MEMORY, seconds=_SECONDS)
    with closing(outcomes):
        found = list(outcomes)
    for each in found:
        if isinstance(each, ItemFailure):
            raise HeldUpError(each.obstacle or Obstacle(Cause.NO_MEMORY), each.message)
    return [each.json for each in found if isinstance(each, Value)]


def _level(steps: Sequence[float]) -> float | None:
    """The loudness; of what is shorter than a block of the measure by its mean."""
    from jobs.audio_analysis.loudness import integrated  # noqa: PLC0415  # brings NumPy

    mean = sum(steps) / max(1, len(steps))
    if len(steps) < _BLOCK and mean > 0:
        return _OFFSET + 10 * log10(mean)
    return integrated(steps)


def _gain(level: float | None) -> float:
    """The gain in dB; none of silence."""
    return 0.0 if level is None else _REFERENCE - level


def _steps(path: str) -> dict[str, Any]:
    """What a file's loudness follows from. Runs in the child."""
    from jobs.audio_analysis.decoder import whole_blocks  # noqa: PLC0415  # brings NumPy
    from jobs.audio_analysis.loudness import Meter  # noqa: PLC0415  # as above

    meter: Meter | None = None
    for rate, block in whole_blocks(path):
        meter = meter or Meter(rate)
        meter.add(block)
    if meter is None:
        raise ValueError("there is no sound in it")
    return {"steps": [round(each, 12) for each in meter.steps], "peak": meter.peak}
