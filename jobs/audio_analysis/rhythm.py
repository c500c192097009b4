"""Onsets and tempo.

The strength of onsets is the mean rise of the mel bands' loudness over two frames; loudness goes
with the power to the 0.23 (E. Zwicker and H. Fastl, "Psychoacoustics", 1990), which keeps accents
apart that decibels make nearly equal. The tempo is found as by G. Percival and G. Tzanetakis,
"Streamlined Tempo Estimation Based on Autocorrelation and Cross-correlation With Pulses" (2014):
generalised autocorrelation of 12 second pieces, to the power 0.5, and a comb of the first four
multiples of a period. Which octave is meant a log-normal prior says, as of D. Ellis, "Beat Tracking
by Dynamic Programming" (2007), around the 120 beats a minute that people tap most readily
(D. Moelants, "Preferred tempo reconsidered", 2002).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft
from librosa.onset import onset_strength
from librosa.util import peak_pick
from scipy.ndimage import uniform_filter1d

from jobs.audio_analysis.spectrum import FRAMES_A_SECOND, RATE, Array

SLOWEST, FASTEST = 40.0, 250.0
"""Beats a minute."""
_STEPS_AN_OCTAVE = 100
_TEMPOS = 2 ** np.arange(np.log2(SLOWEST), np.log2(FASTEST), 1 / _STEPS_AN_OCTAVE)
_PREFERRED, _OCTAVES = 120.0, 1.0
_MULTIPLES = (1, 2, 3, 4)
_LOUDNESS = 0.23
_RISE_FRAMES = 2
_PIECE, _PIECE_HOP = 12.0, 3.0
_LEAST_SECONDS = 4.0
_RELATED = (1 / 3, 1 / 2, 2 / 3, 3 / 2, 2.0, 3.0)
"""What a tempo is most often taken for."""
_SAME = 0.04
_NEAR, _FINE_STEPS = 0.015, 30
_ONSET_THRESHOLD = 1.5
"""dB of mean rise above the neighbourhood that make a peak an onset."""
_ONSET_GAP = 2
"""Frames, 46 ms, that are too near to the last onset to be another one."""

Doubles = npt.NDArray[np.float64]


class Candidate(NamedTuple):
    """A tempo that it may be."""

    bpm: float
    strength: float
    """How well the comb fits, without the prior: 0 for chance, 1 for a perfect pulse."""


class Rhythm(NamedTuple):
    """The tempo, and how sure it is."""

    bpm: float | None
    """None when there is no pulse: silence, or less than four seconds."""
    confidence: float
    """0 to 1: how clear the pulse is, times how far it stands out from its relatives."""
    pulse: float
    """0 to 1: how clear the pulse is at that tempo."""
    candidates: tuple[Candidate, ...]
    """The tempo and those an octave or a third away from it, most likely first."""
    onset_rate: float
    """Onsets a second."""

    @classmethod
    def of(cls, mel: Array) -> "Rhythm":
        """The rhythm of mel bands in dB, of shape (bands, frames)."""
        rate = _onset_rate(_rise(mel))
        rise = _rise(10 ** (_LOUDNESS / 10 * mel))
        seconds = len(rise) / FRAMES_A_SECOND
        pulses = np.maximum(0, rise - uniform_filter1d(rise, round(FRAMES_A_SECOND)))
        if seconds < _LEAST_SECONDS or not np.any(pulses > 0):
            return cls(None, 0.0, 0.0, (), rate)
        autocorrelation = _autocorrelation(pulses)
        fit = _comb(autocorrelation, _TEMPOS, _MULTIPLES)
        likely = np.maximum(fit, 0) * np.exp(-0.5 * (np.log2(_TEMPOS / _PREFERRED) / _OCTAVES) ** 2)
        if not np.any(likely > 0):
            return cls(None, 0.0, 0.0, (), rate)
        best = int(np.argmax(likely))
        bpm = _refined(autocorrelation, float(_TEMPOS[best]))
        pulse = float(np.clip(fit[best], 0, 1))
        confidence = _confidence(likely, best, pulse)
        return cls(bpm, confidence, pulse, _candidates(fit, likely, bpm), rate)


def _rise(bands: Array) -> Doubles:
    """How much the bands rise at each frame, in the mean."""
    if bands.shape[1] <= _RISE_FRAMES:
        return np.zeros(bands.shape[1])
    rise = onset_strength(S=bands, sr=RATE, lag=_RISE_FRAMES, center=False)
    return np.asarray(rise, np.float64)


def _autocorrelation(pulses: Doubles) -> Doubles:
    """The mean of the pieces' generalised autocorrelations, 1 at lag 0."""
    size = min(len(pulses), round(_PIECE * FRAMES_A_SECOND))
    hop = round(_PIECE_HOP * FRAMES_A_SECOND)
    pieces = np.lib.stride_tricks.sliding_window_view(pulses, size)[::hop]
    pieces = pieces - pieces.mean(axis=1, keepdims=True)
    length = scipy.fft.next_fast_len(2 * size, real=True)
    spectra = np.abs(scipy.fft.rfft(pieces, length))
    lags = scipy.fft.irfft(spectra, length)[:, :size]
    sounding = lags[:, 0] > 0
    if not np.any(sounding):
        return np.zeros(size)
    mean: Doubles = (lags[sounding] / lags[sounding, :1]).mean(axis=0)
    return mean


def _comb(autocorrelation: Doubles, tempos: Doubles, multiples: Iterable[int]) -> Doubles:
    """How well each of the tempos fits: the mean at these multiples of its period."""
    periods = 60 * FRAMES_A_SECOND / tempos
    lags = np.arange(len(autocorrelation))
    values = [np.interp(m * periods, lags, autocorrelation, right=0.0) for m in multiples]
    fit: Doubles = np.mean(values, axis=0)
    return fit


def _refined(autocorrelation: Doubles, bpm: float) -> float:
    """The tempo near this one that fits best over as many periods as there are.

    A lag is a whole number of frames; the more periods, the less that matters.
    """
    nearby = bpm * np.linspace(1 - _NEAR, 1 + _NEAR, 2 * _FINE_STEPS + 1)
    longest = len(autocorrelation) * bpm / (60 * FRAMES_A_SECOND) * (1 - _NEAR)
    fit = _comb(autocorrelation, nearby, range(1, max(1, int(longest / 2)) + 1))
    return float(nearby[np.argmax(fit)])


def _confidence(likely: Doubles, best: int, pulse: float) -> float:
    others = likely[np.abs(np.log2(_TEMPOS / _TEMPOS[best])) > np.log2(1 + 2 * _SAME)]
    apart = 1 - float(others.max()) / float(likely[best])
    return float(np.clip(np.sqrt(max(0.0, apart) * pulse), 0, 1))


def _candidates(fit: Doubles, likely: Doubles, bpm: float) -> tuple[Candidate, ...]:
    """The tempo first, then its relatives by how likely they are."""
    found = []
    for factor in _RELATED:
        near = np.flatnonzero(np.abs(_TEMPOS / (bpm * factor) - 1) <= _SAME)
        if len(near):
            at = int(near[np.argmax(likely[near])])
            found.append((float(likely[at]), Candidate(float(_TEMPOS[at]), _strength(fit, at))))
    found.sort(key=lambda each: -each[0])
    at = int(np.argmin(np.abs(_TEMPOS - bpm)))
    return (Candidate(bpm, _strength(fit, at)), *(candidate for _, candidate in found))


def _strength(fit: Doubles, at: int) -> float:
    return float(np.clip(fit[at], 0, 1))


def _onset_rate(rise: Doubles) -> float:
    """Peaks a second that stand out from the half second around them."""
    around = round(FRAMES_A_SECOND / 4)
    onsets = peak_pick(
        rise,
        pre_max=1,
        post_max=2,
        pre_avg=around,
        post_avg=around + 1,
        delta=_ONSET_THRESHOLD,
        wait=_ONSET_GAP,
    )
    return len(onsets) * FRAMES_A_SECOND / len(rise)
