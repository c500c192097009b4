"""Sounds of which everything is known: notes of a key, drums, noise, and what is made of them.

The one generator of sounds: `tunes` makes songs of these, the tests and the bench use both. A wave
is an array of shape (samples,), float32. `draw` is where chance comes from, so that a sound is the
same whenever it is made.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]
Scale = tuple[int, ...]
"""Semitones above the tonic."""

RATE = 22_050
"""Samples a second, by default."""
MAJOR: Scale = (0, 2, 4, 5, 7, 9, 11)
MINOR: Scale = (0, 2, 3, 5, 7, 8, 10)
SCALES = {"major": MAJOR, "minor": MINOR}
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_CADENCE = (0, 3, 4, 0)
_DOMINANT, _LEADING = 4, 6
"""Degrees of the scale, from 0."""


class Key(NamedTuple):
    """A key; the pitch class of its tonic counts from 0, which is C."""

    tonic: int
    scale: Scale

    def pitch(self, root: int, above: int) -> int:
        """Semitones above a C of the degree that is so many above the chord's root.

        The dominant of a minor key has the leading note.
        """
        octave, step = divmod(root + above, len(self.scale))
        raised = self.scale == MINOR and (root, step) == (_DOMINANT, _LEADING)
        return self.tonic + 12 * octave + self.scale[step] + raised


def key_named(name: str) -> Key:
    """The key of a name such as `F#m` or `Bb`."""
    letter, signs = name[0], name[1:].rstrip("m")
    tonic = _PITCH_CLASSES[letter] + signs.count("#") - signs.count("b")
    return Key(tonic % 12, MINOR if name.endswith("m") else MAJOR)


def hertz(pitch: float) -> float:
    """The frequency of a pitch as MIDI counts: 69 is the A of 440 Hz."""
    return float(440 * 2 ** ((pitch - 69) / 12))


def harmonics(
    frequency: float, seconds: float, partials: Sequence[float], level: float, rate: int = RATE
) -> Wave:
    """A sum of sines: multiples of the frequency, each of `level` ** (multiple - 1).

    What lies above half the rate is left out.
    """
    time = times(seconds, rate)
    wave = np.zeros_like(time)
    for partial in partials:
        if partial * frequency < rate / 2:
            angle = np.float32(2 * np.pi * frequency * partial) * time
            wave += np.float32(level ** (partial - 1)) * np.sin(angle)
    return wave


def times(seconds: float, rate: int = RATE) -> Wave:
    """The time of each sample."""
    time: Wave = np.arange(round(seconds * rate), dtype=np.float32) / np.float32(rate)
    return time


def tone(frequency: float, seconds: float, rate: int = RATE, partials: int = 4) -> Wave:
    """A sine with fading overtones, as loud as its first is at the most: half of full scale."""
    return np.float32(0.5) * harmonics(frequency, seconds, range(1, partials + 1), 0.5, rate)


def burst(
    seconds: float, level: float, speed: float, draw: np.random.Generator, rate: int = RATE
) -> Wave:
    """Noise that falls to a third in 1 / `speed` seconds: a snare, a hi-hat, a click."""
    time = np.arange(round(seconds * rate)) / rate
    wave: Wave = (level * draw.standard_normal(len(time)) * np.exp(-time * speed)).astype(
        np.float32
    )
    return wave


def kick(rate: int = RATE) -> Wave:
    """A bass drum."""
    time = np.arange(round(0.2 * rate)) / rate
    wave = 0.8 * np.sin(2 * np.pi * 52 * time + 6 * np.exp(-time * 40)) * np.exp(-time * 20)
    struck: Wave = wave.astype(np.float32)
    return struck


def noise(seconds: float, level: float = 0.1, rate: int = RATE, channels: int = 1) -> Wave:
    """White noise of shape (samples, channels)."""
    draw = np.random.default_rng(3)
    return (level * draw.standard_normal((round(seconds * rate), channels))).astype(np.float32)


def cadence(tonic: int, mode: str, seconds: float = 12.0, cents: float = 0.0) -> Wave:
    """I-IV-V-I in a key, over and over, a chord a second."""
    chords = [_chord(Key(tonic, SCALES[mode]), root, cents) for root in _CADENCE]
    return np.concatenate([chords[n % len(chords)] for n in range(round(seconds))])


def clicks(bpm: float, seconds: float, *, swing: bool = False) -> Wave:
    """A drum on each beat, a softer one between, at two thirds of the way when it swings."""
    draw = np.random.default_rng(7)
    beat = 60 / bpm
    sound: Wave = (0.001 * draw.standard_normal(round(seconds * RATE))).astype(np.float32)
    for number in range(int(seconds / beat)):
        for at, level in ((number, 0.8), (number + (2 / 3 if swing else 0.5), 0.3)):
            hit = np.float32(level) * burst(0.06, 1, 60, draw)
            mix(sound, hit, round(at * beat * RATE))
    return sound


def mix(tune: Wave, wave: Wave, start: int) -> None:
    """Add a wave to a tune from a sample on, as far as the tune goes, of as many channels."""
    if 0 <= start < len(tune):
        part = wave[: len(tune) - start]
        tune[start : start + len(part)] += part


def _chord(key: Key, root: int, cents: float) -> Wave:
    pitches = [60 + key.pitch(root, above) for above in (0, 2, 4)]
    notes = [tone(hertz(each + cents / 100), 1.0) for each in (pitches[0] - 12, *pitches)]
    chord: Wave = np.float32(0.2) * np.sum(notes, axis=0)
    return chord
