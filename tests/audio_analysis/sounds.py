"""Sounds of which everything is known: cadences in a key, clicks at a tempo."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RATE = 22_050
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}
_CADENCE = (0, 3, 4, 0)

Wave = npt.NDArray[np.float32]


def tone(hertz: float, seconds: float, rate: int = RATE, partials: int = 4) -> Wave:
    """A sine with fading overtones."""
    time = np.arange(round(seconds * rate)) / rate
    waves = [0.5**n * np.sin(2 * np.pi * hertz * n * time) for n in range(1, partials + 1)]
    return np.sum(waves, axis=0).astype(np.float32)


def cadence(tonic: int, mode: str, seconds: float = 12.0, cents: float = 0.0) -> Wave:
    """I-IV-V-I in a key, over and over, a chord a second; minor has its leading note."""
    chords = [_chord(tonic, mode, degree, cents) for degree in _CADENCE]
    return np.concatenate([chords[n % 4] for n in range(round(seconds))])


def clicks(bpm: float, seconds: float, rate: int = RATE, swing: bool = False) -> Wave:
    """A drum on each beat, a softer one between, at two thirds of the way when it swings."""
    draw = np.random.default_rng(7)
    length, beat = round(seconds * rate), 60 / bpm
    sound = (0.001 * draw.standard_normal(length)).astype(np.float32)
    for number in range(int(seconds / beat)):
        for at, level in ((number, 0.8), (number + (2 / 3 if swing else 0.5), 0.3)):
            start = round(at * beat * rate)
            hit = _hit(draw, rate)[: max(0, length - start)]
            sound[start : start + len(hit)] += np.float32(level) * hit
    return sound


def noise(seconds: float, level: float = 0.1, rate: int = RATE, channels: int = 1) -> Wave:
    """White noise of shape (samples, channels)."""
    draw = np.random.default_rng(3)
    return (level * draw.standard_normal((round(seconds * rate), channels))).astype(np.float32)


def _chord(tonic: int, mode: str, degree: int, cents: float) -> Wave:
    pitches = [_pitch(tonic, mode, degree + third) for third in (0, 2, 4)]
    return 0.2 * _sum([_note(pitch, cents) for pitch in [pitches[0] - 12, *pitches]])


def _pitch(tonic: int, mode: str, degree: int) -> int:
    octave, step = divmod(degree, 7)
    return 60 + tonic + 12 * octave + _SCALES[mode][step]


def _note(pitch: int, cents: float) -> Wave:
    return tone(440 * 2 ** ((pitch - 69 + cents / 100) / 12), 1.0)


def _sum(waves: Sequence[Wave]) -> Wave:
    return np.sum(waves, axis=0).astype(np.float32)


def _hit(draw: np.random.Generator, rate: int) -> Wave:
    time = np.arange(round(0.06 * rate)) / rate
    return (draw.standard_normal(len(time)) * np.exp(-60 * time)).astype(np.float32)
