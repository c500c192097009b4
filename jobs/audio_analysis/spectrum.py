"""The excerpt that every feature is computed of, its one spectrum, and that in mel bands."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

Array = npt.NDArray[np.float32]

RATE = 22_050
"""Samples a second that features are computed at."""
WINDOW, HOP = 2048, 512
"""Samples of a frame of the spectrum, and from one frame to the next."""
FRAMES_A_SECOND = RATE / HOP
_FRAMES_AT_ONCE = 512
BANDS = 64
_LOWEST = 30.0
"""Hz: the lowest of the mel bands."""


class Excerpt(NamedTuple):
    """A part of a track as it was decoded."""

    samples: Array
    """Shape (samples, channels), one or two channels, in -1..1."""
    rate: int
    """Samples a second."""
    start: float
    """Seconds from the beginning of the track."""
    decoder: str
    """soundfile or pyav."""
    stated: float | None = None
    """How long the whole track is by the file's own word, in seconds, where it says."""

    @property
    def seconds(self) -> float:
        """How long the excerpt is."""
        return len(self.samples) / self.rate

    def mono(self) -> Array:
        """The mean of the channels, at RATE."""
        left, right = self.samples[:, 0], self.samples[:, -1]
        # Column by column: NumPy's mean over two neighbours takes ten times as long.
        mixed: Array = (left + right) * np.float32(0.5)
        return mixed if self.rate == RATE else resampled(mixed, self.rate, RATE)


class Spectrum:
    """Mono samples at RATE and the magnitudes of their short-time Fourier transform.

    What several features need of it (power, sums) is computed when it is first asked for, once.
    """

    def __init__(self, samples: Array) -> None:
        """`samples`: mono, at RATE. Fewer than a WINDOW are filled up with silence."""
        short = WINDOW - len(samples)
        self.samples = np.pad(samples, (0, short)) if short > 0 else samples
        self.magnitudes = magnitudes_of(self.samples, WINDOW, HOP)
        """Shape (frames, WINDOW / 2 + 1): its transpose is what librosa takes for S."""
        from librosa import fft_frequencies  # noqa: PLC0415  # who only decodes does without

        self.frequencies: Array = fft_frequencies(sr=RATE, n_fft=WINDOW).astype(np.float32)

    @cached_property
    def power(self) -> Array:
        """The squares of the magnitudes."""
        return np.square(self.magnitudes)

    @cached_property
    def energy(self) -> Array:
        """The power of each frame."""
        summed: Array = self.power.sum(axis=1)
        return summed

    @cached_property
    def sounding(self) -> npt.NDArray[np.bool_]:
        """The frames that are no more than 60 dB below the loudest: what silence says is noise."""
        sounding: npt.NDArray[np.bool_] = self.energy > self.energy.max() * 1e-6
        return sounding

    @cached_property
    def mel_decibels(self) -> Array:
        """The power in each band in dB below the loudest of all, at least -80; (BANDS, frames)."""
        from librosa import power_to_db  # noqa: PLC0415  # as above
        from librosa.feature import melspectrogram  # noqa: PLC0415  # as above

        power = melspectrogram(S=self.power.T, sr=RATE, n_mels=BANDS, fmin=_LOWEST)
        decibels: Array = power_to_db(power, ref=np.max)
        return decibels


def resampled(samples: Array, rate: int, to: int) -> Array:
    """Mono samples at another rate; 16 bits' worth of quality is more than features notice."""
    changed: Array = soxr.resample(samples, rate, to, quality="MQ").astype(np.float32, copy=False)
    return changed


def magnitudes_of(samples: Array, window: int, hop: int) -> Array:
    """The magnitudes of the whole frames' spectra, of shape (frames, window / 2 + 1).

    A few frames at a time, so that nothing beside the result becomes large.
    """
    from librosa import stft  # noqa: PLC0415  # as above

    count = 1 + (len(samples) - window) // hop
    magnitudes = np.empty((count, window // 2 + 1), np.float32)
    for first in range(0, count, _FRAMES_AT_ONCE):
        last = min(first + _FRAMES_AT_ONCE, count) - 1
        part = samples[first * hop : last * hop + window]
        spectra = stft(part, n_fft=window, hop_length=hop, center=False)
        np.abs(spectra.T, out=magnitudes[first : last + 1])
    return magnitudes
