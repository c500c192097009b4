"""Tuning, chroma, key and mode.

Pitch wants finer bins than timbre and fewer frames: spectral peaks of 371 ms frames at half the
rate, placed by a parabola through their logarithms. Their common offset from equal temperament is
the tuning (as E. Gómez, "Tonal Description of Music Audio Signals", 2006), and what is near a
semitone then counts to its pitch class. The key is the one whose profile of J. Albrecht and
D. Shanahan, "The Use of Large Corpora to Train a New Type of Key-Finding Algorithm" (2013),
correlates best with the mean chroma.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from librosa import hz_to_midi

from jobs.audio_analysis.spectrum import RATE, Array, magnitudes_of, resampled

_RATE = RATE // 2
_WINDOW, _HOP = 4096, 2048
_LOWEST, _HIGHEST = 60.0, 2000.0
"""Hz: the fundamentals of music and their first overtones."""
_BASS = 250.0
"""Hz above which a peak counts less and less, for it is ever more likely an overtone."""
_TILT = 0.5
_BELOW_FRAME, _BELOW_TRACK = 1e-2, 1e-3
"""Peaks and frames that are fainter than these parts of the loudest say nothing."""

_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MODES = ("major", "minor")
_FIFTHS_OF_C = 8
"""C major is 8B on the Camelot wheel, A minor 8A; a fifth up is the next number."""

Doubles = npt.NDArray[np.float64]


class Peaks(NamedTuple):
    """Spectral peaks: each one's frame, frequency in Hz, and magnitude."""

    frames: npt.NDArray[np.intp]
    frequencies: Doubles
    magnitudes: Doubles


class Key(NamedTuple):
    """A key."""

    tonic: int
    """Its pitch class, 0 is C."""
    mode: str
    """major or minor."""

    @property
    def name(self) -> str:
        """Such as `F#m` and `Bb`: as the TKEY frame of ID3 has it."""
        return NAMES[self.tonic] + ("m" if self.mode == "minor" else "")

    @property
    def camelot(self) -> str:
        """The place on the Camelot wheel, 1A to 12B: neighbours are harmonically compatible."""
        of_major = self.tonic if self.mode == "major" else self.tonic + 3
        number = (_FIFTHS_OF_C - 1 + 7 * of_major) % 12 + 1
        return f"{number}{'B' if self.mode == 'major' else 'A'}"


class Tonality(NamedTuple):
    """The key, and the pitch classes that speak for it, from C on."""

    key: Key | None
    """None when nothing has a pitch."""
    confidence: float
    """0 to 1: the correlation with the profile, and how far the next best key is behind."""
    tuning: float
    """Cents that it is above A = 440 Hz, from -50 to 50."""
    chroma_mean: tuple[float, ...]
    chroma_deviation: tuple[float, ...]
    chroma_entropy: float
    """0 when one pitch class is all there is, 1 when all twelve are equally strong."""

    @classmethod
    def of(cls, samples: Array) -> "Tonality":
        """The tonality of mono samples at `spectrum.RATE`."""
        slow = resampled(samples, RATE, _RATE)
        short = _WINDOW - len(slow)
        slow = np.pad(slow, (0, short)) if short > 0 else slow
        magnitudes = magnitudes_of(slow, _WINDOW, _HOP)
        peaks = _peaks(magnitudes)
        if not len(peaks.frames):
            return cls(None, 0.0, 0.0, (0.0,) * 12, (0.0,) * 12, 0.0)
        tuning = _tuning(peaks)
        chroma = _chroma(peaks, len(magnitudes), tuning)
        sounding = chroma[chroma.max(axis=1) > 0]
        mean = sounding.mean(axis=0)
        key, confidence = _key(mean)
        return cls(
            key,
            confidence,
            100 * tuning,
            tuple(map(float, mean)),
            tuple(map(float, sounding.std(axis=0))),
            _entropy(mean),
        )


def _peaks(magnitudes: Array) -> Peaks:
    """Local maxima between the lowest and the highest pitch, unless they are too faint."""
    first, last = (round(f * _WINDOW / _RATE) for f in (_LOWEST, _HIGHEST))
    loudest = magnitudes.max(axis=1)
    floor = np.maximum(loudest * _BELOW_FRAME, 1e-7)
    floor[loudest < loudest.max() * _BELOW_TRACK] = np.inf
    here = magnitudes[:, first:last]
    left, right = magnitudes[:, first - 1 : last - 1], magnitudes[:, first + 1 : last + 1]
    frames, bins = np.nonzero((here > left) & (here >= right) & (here > floor[:, None]))
    a, b, c = (np.log(part[frames, bins] + 1e-12) for part in (left, here, right))
    shift = np.clip(0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9), -0.5, 0.5)
    frequencies = (bins + first + shift) * (_RATE / _WINDOW)
    return Peaks(frames, frequencies.astype(float), here[frames, bins].astype(float))


def _tuning(peaks: Peaks) -> float:
    """The circular mean of the offsets from equal temperament, in semitones."""
    turns = np.exp(2j * np.pi * hz_to_midi(peaks.frequencies))
    return float(np.angle((peaks.magnitudes * turns).sum()) / (2 * np.pi))


def _chroma(peaks: Peaks, frames: int, tuning: float) -> Doubles:
    """Shape (frames, 12), each frame's greatest 1; a peak between two semitones counts for none."""
    pitch = hz_to_midi(peaks.frequencies) - tuning
    nearest = np.round(pitch)
    above = np.maximum(0, np.log2(peaks.frequencies / _BASS))
    weight = np.sqrt(peaks.magnitudes) * np.exp(-_TILT * above)
    weight *= np.cos(np.pi * (pitch - nearest)) ** 2
    place = peaks.frames * 12 + nearest.astype(int) % 12
    chroma = np.bincount(place, weight, frames * 12).reshape(frames, 12)
    greatest = chroma.max(axis=1, keepdims=True)
    scaled: Doubles = chroma / np.where(greatest > 0, greatest, 1)
    return scaled


def _key(chroma: Doubles) -> tuple[Key | None, float]:
    if np.ptp(chroma) < 1e-9:
        return None, 0.0
    profiles = np.array([np.roll(each, key) for each in (_MAJOR, _MINOR) for key in range(12)])
    centred = profiles - profiles.mean(axis=1, keepdims=True)
    level = chroma - chroma.mean()
    fits = centred @ level / (np.linalg.norm(centred, axis=1) * np.linalg.norm(level))
    second, best = np.argsort(fits)[-2:]
    ahead = min(1.0, 10 * float(fits[best] - fits[second]))
    confidence = float(np.sqrt(max(0.0, float(fits[best])) * ahead))
    return Key(int(best) % 12, MODES[int(best) // 12]), confidence


def _entropy(chroma: Doubles) -> float:
    parts = chroma / chroma.sum()
    parts = parts[parts > 0]
    return float(-(parts * np.log(parts)).sum() / np.log(12))
