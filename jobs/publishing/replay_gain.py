"""ReplayGain 2.0 of whole files: how much louder or quieter a track and its album are to be played.

The gain leads to -18 LUFS, as the specification says
(https://wiki.hydrogenaud.io/index.php?title=ReplayGain_2.0_specification); the peak is that of the
greatest sample. An album is measured as one piece: the gates are those of all its tracks together.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from math import log10
from typing import Any, NamedTuple

from jobs.bounded import ItemFailure, Value, run_bounded

_REFERENCE = -18.0
"""LUFS."""
_MEMORY = 1024 * 1024 * 1024
"""Bytes of address space, most of it what the libraries reserve."""
_SECONDS = 600.0
"""For one file: ten hours of music, at a hundred times their speed."""
_BLOCK = 4
"""Steps of a tenth of a second in a block that is gated."""
_OFFSET = -0.691
_SILENCE, _GATE = -70.0, -10.0
"""The gates of ITU-R BS.1770-4: LUFS, and LU below the mean of what is above the former."""


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


Measured = Callable[[Sequence[str]], AlbumGains]
"""The gains of the next of the files that are measured, in their order."""


@contextmanager
def measuring(paths: Sequence[str]) -> Iterator[Measured]:
    """Decode these files from end to end, one after the other, in a bounded child.

    It imports NumPy and the decoders, which takes seconds: so it has many files at once.
    """
    outcomes = run_bounded(_steps, list(paths), extra_memory=_MEMORY, seconds=_SECONDS)
    with closing(outcomes):
        yield lambda of: _gains({path: next(outcomes) for path in of})


def _gains(outcomes: Mapping[str, Value | ItemFailure]) -> AlbumGains:
    found = {path: each.json for path, each in outcomes.items() if isinstance(each, Value)}
    faults = {
        path: each.message for path, each in outcomes.items() if isinstance(each, ItemFailure)
    }
    tracks = {path: Gain(_gain(each["steps"]), each["peak"]) for path, each in found.items()}
    together = [step for each in found.values() for step in each["steps"]]
    peak = max((each["peak"] for each in found.values()), default=0.0)
    return AlbumGains(tracks, None if faults else Gain(_gain(together), peak), faults)


def _gain(steps: Sequence[float]) -> float:
    """The gain in dB; none of silence. What is shorter than a block counts by its mean."""
    blocks = [sum(steps[start : start + _BLOCK]) / _BLOCK for start in range(len(steps) - 3)]
    if len(steps) < _BLOCK:
        blocks = [sum(steps) / len(steps)] if steps else []
    audible = [each for each in blocks if _lufs(each) > _SILENCE]
    if not audible:
        return 0.0
    gate = _lufs(sum(audible) / len(audible)) + _GATE
    loud = [each for each in audible if _lufs(each) > gate]
    return _REFERENCE - _lufs(sum(loud) / len(loud))


def _lufs(power: float) -> float:
    return _OFFSET + 10 * log10(max(power, 1e-10))


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
