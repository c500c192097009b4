"""Loudness as EBU R 128 measures it, and how much of a range it has.

The K-weighting filters of ITU-R BS.1770 are pyloudnorm's; its meter goes over the samples in
double precision, once for each measure, and takes five times as long as this.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy.signal import sosfilt

from jobs.audio_analysis.spectrum import Excerpt

_STEP = 0.1
"""Seconds: blocks of 400 ms overlap by three quarters."""
_BLOCK, _SHORT_TERM = 4, 30
"""Steps of a block for the integrated loudness (0.4 s), and for the range (3 s)."""
_SILENCE = -70.0
"""LUFS: the absolute gate."""
_GATE, _RANGE_GATE = -10.0, -20.0
"""LU below the mean of what passed the absolute gate."""
_OFFSET = -0.691
_QUIETEST = 1e-10

Doubles = npt.NDArray[np.float64]


class Loudness(NamedTuple):
    """How loud the excerpt is."""

    integrated: float | None
    """LUFS, gated (ITU-R BS.1770-4); None for silence and for less than 0.4 s."""
    range: float | None
    """LU (EBU Tech 3342): from the 10th to the 95th percentile of the loudness of 3 s; None below
    3 s."""
    peak: float
    """dBFS of the greatest sample; -100 for silence."""
    dynamic_range: float
    """dB from the RMS of the loudest fifth of half seconds up to the peak."""

    @classmethod
    def of(cls, excerpt: Excerpt) -> "Loudness":
        """The loudness of both channels at their own rate."""
        k_weighting = _k_weighting(excerpt.rate)
        peak, plain, weighted = 0.0, np.zeros(1), np.zeros(1)
        for column in excerpt.samples.T:  # one at a time, for the sake of memory
            channel = np.ascontiguousarray(column)
            peak = max(peak, float(channel.max()), -float(channel.min()))
            plain = plain + _step_powers(channel, excerpt.rate)
            weighted = weighted + _step_powers(sosfilt(k_weighting, channel), excerpt.rate)
        channels = excerpt.samples.shape[1]
        return cls(
            integrated=_integrated(weighted),
            range=_range(weighted),
            peak=float(20 * np.log10(max(peak, 1e-5))),
            dynamic_range=_dynamic_range(plain, peak, channels),
        )


class Meter:
    """Measures sound that comes block by block, of any length."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._filter = _k_weighting(rate)
        self._states: list[npt.NDArray[np.float32]] = []
        self._rest: list[npt.NDArray[np.float32]] = []
        self.peak = 0.0
        """Of the greatest sample; full scale is 1."""
        self.steps: list[float] = []
        """The weighted mean square of each tenth of a second, all channels together."""

    def add(self, block: npt.NDArray[np.float32]) -> None:
        """Take the next samples, of shape (samples, channels)."""
        sound = np.nan_to_num(block.astype(np.float32, copy=False), posinf=0.0, neginf=0.0)
        if not len(sound):
            return
        if not self._states:
            self._states = [np.zeros((len(self._filter), 2), np.float32) for _ in sound.T]
            self._rest = [np.zeros(0, np.float32) for _ in sound.T]
        self.peak = max(self.peak, float(np.abs(sound).max()))
        powers: Doubles = np.zeros(1)
        for number, column in enumerate(sound.T):
            weighted, self._states[number] = sosfilt(
                self._filter, np.ascontiguousarray(column), zi=self._states[number]
            )
            whole = np.concatenate([self._rest[number], weighted])
            powers = powers + _step_powers(whole, self._rate)
            size = round(self._rate * _STEP)
            self._rest[number] = whole[len(whole) // size * size :]
        self.steps += powers.tolist()


def _k_weighting(rate: int) -> npt.NDArray[np.float32]:
    stages = pyloudnorm.Meter(rate)._filters.values()  # it has no other door
    return np.array([[*stage.b, *stage.a] for stage in stages], np.float32)


def _step_powers(channel: npt.NDArray[np.float32], rate: int) -> Doubles:
    """The mean square in each tenth of a second."""
    size = round(rate * _STEP)
    steps = channel[: len(channel) // size * size].reshape(-1, size)
    powers: Doubles = np.einsum("st,st->s", steps, steps).astype(float) / size
    return powers


def _means(steps: Doubles, count: int) -> Doubles:
    """The mean of each `count` neighbours; empty when there are fewer."""
    if len(steps) < count:
        return np.zeros(0)
    return np.convolve(steps, np.full(count, 1 / count), "valid")


def _lufs(power: Doubles | float) -> Doubles:
    return np.asarray(_OFFSET + 10 * np.log10(np.maximum(power, _QUIETEST)))


def _gated(powers: Doubles, gate: float) -> Doubles:
    """What is louder than the absolute gate, and than the relative one."""
    audible = powers[_lufs(powers) > _SILENCE]
    if not len(audible):
        return audible
    return audible[_lufs(audible) > _lufs(float(audible.mean())) + gate]


def _integrated(steps: Doubles) -> float | None:
    blocks = _gated(_means(steps, _BLOCK), _GATE)
    return float(_lufs(float(blocks.mean()))) if len(blocks) else None


def _range(steps: Doubles) -> float | None:
    blocks = _gated(_means(steps, _SHORT_TERM), _RANGE_GATE)
    if not len(blocks):
        return None
    low, high = np.percentile(_lufs(blocks), (10, 95))
    return float(high - low)


def _dynamic_range(steps: Doubles, peak: float, channels: int) -> float:
    blocks = np.sort(_means(steps, 5)) if len(steps) >= 5 else steps
    loudest = blocks[-max(1, len(blocks) // 5) :]
    rms = float(np.sqrt(loudest.mean() / channels)) if len(loudest) else 0.0
    return float(20 * np.log10(peak / rms)) if rms > 0 else 0.0
