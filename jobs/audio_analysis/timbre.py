"""The colour of the sound: statistics of the spectrum, frame by frame, over the whole excerpt."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.fft

from jobs.audio_analysis.spectrum import RATE, WINDOW, Array, Spectrum

MFCCS = 20
_ROLLOFF = 0.85
_OCTAVES = (0, 200, 400, 800, 1600, 3200, 6400, RATE / 2)
"""Hz: the edges of the sub-bands of spectral contrast."""
_QUANTILE = 0.02


class Statistic(NamedTuple):
    """Mean and standard deviation over the frames that sound."""

    mean: float
    deviation: float


class Timbre(NamedTuple):
    """Means and deviations over the excerpt."""

    centroid: Statistic
    """Hz: where the magnitude has its centre."""
    bandwidth: Statistic
    """Hz: how far around the centroid it spreads."""
    rolloff: Statistic
    """Hz: below it lie 85 % of the power."""
    flatness: Statistic
    """Geometric by arithmetic mean of the power: 0 a tone, 1 white noise."""
    zero_crossings: Statistic
    """A second."""
    contrast: tuple[float, ...]
    """dB from the valleys to the peaks in seven sub-bands (D.-N. Jiang and others, "Music Type
    Classification by Spectral Contrast Feature", 2002)."""
    mfcc_mean: tuple[float, ...]
    """Mel-frequency cepstral coefficients, of the power in dB, by an orthonormal DCT-II."""
    mfcc_deviation: tuple[float, ...]
    rms: Statistic
    """Of the samples, full scale being 1."""


def timbre(spectrum: Spectrum, mel: Array) -> Timbre:
    """The timbre of a spectrum and its mel bands in dB."""
    sounding = spectrum.sounding
    every_frame = bool(sounding.all())
    magnitudes = spectrum.magnitudes if every_frame else spectrum.magnitudes[sounding]
    power = spectrum.power if every_frame else spectrum.power[sounding]
    centroid, bandwidth = _centroid_and_bandwidth(magnitudes, spectrum.frequencies)
    mfcc = scipy.fft.dct(mel[sounding], norm="ortho", axis=1)[:, :MFCCS]
    return Timbre(
        centroid=_statistic(centroid),
        bandwidth=_statistic(bandwidth),
        rolloff=_statistic(_rolloff(power, spectrum.frequencies)),
        flatness=_statistic(_flatness(power)),
        zero_crossings=_zero_crossings(spectrum.samples),
        contrast=_contrast(power, spectrum.frequencies),
        mfcc_mean=_floats(mfcc.mean(axis=0)),
        mfcc_deviation=_floats(mfcc.std(axis=0)),
        # Parseval; 0.375 is the mean square of a Hann window.
        rms=_statistic(np.sqrt(2 * spectrum.energy / (0.375 * WINDOW * WINDOW))),
    )


def _centroid_and_bandwidth(magnitudes: Array, frequencies: Array) -> tuple[Array, Array]:
    """By the first two moments, which two matrix products give."""
    total = np.maximum(magnitudes.sum(axis=1), 1e-12)
    kilohertz = frequencies / 1000
    centroid = magnitudes @ kilohertz / total
    spread = magnitudes @ np.square(kilohertz) / total - np.square(centroid)
    return 1000 * centroid, 1000 * np.sqrt(np.maximum(spread, 0))


def _rolloff(power: Array, frequencies: Array) -> Array:
    summed = np.cumsum(power, axis=1)
    bins = (summed < _ROLLOFF * summed[:, -1:]).sum(axis=1)
    found: Array = frequencies[np.minimum(bins, len(frequencies) - 1)]
    return found


def _flatness(power: Array) -> Array:
    floored = np.maximum(power, 1e-10)
    flatness: Array = np.exp(np.log(floored).mean(axis=1)) / floored.mean(axis=1)
    return flatness


def _zero_crossings(samples: Array) -> Statistic:
    """Second by second; a last part that is shorter than half a second is left out."""
    crossed = np.diff(np.signbit(samples))
    parts = [crossed[at : at + RATE] for at in range(0, len(crossed), RATE)]
    kept = [part for part in parts if len(part) * 2 >= RATE] or parts[:1]
    return _statistic(np.array([part.mean() * RATE for part in kept], np.float32))


def _contrast(power: Array, frequencies: Array) -> tuple[float, ...]:
    """The quantiles are taken of the mean over 16 frames, 0.37 s: a frame alone is mostly noise."""
    frames = len(power) // 16 * 16
    smooth = power[:frames].reshape(-1, 16, power.shape[1]).mean(axis=1) if frames else power
    found = []
    for low, high in pairwise(_OCTAVES):
        bins = np.flatnonzero((frequencies >= low) & (frequencies < high))
        count = max(1, round(_QUANTILE * len(bins)))
        band = np.partition(smooth[:, bins], (count - 1, len(bins) - count), axis=1)
        valley, peak = band[:, :count].mean(axis=1), band[:, -count:].mean(axis=1)
        ratio = np.maximum(peak, 1e-10) / np.maximum(valley, 1e-10)
        found.append(float((10 * np.log10(ratio)).mean()))
    return tuple(found)


def _statistic(values: Array) -> Statistic:
    return Statistic(float(values.mean()), float(values.std()))


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(map(float, values))
