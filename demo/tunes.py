"""Playing a song: chords, a bass, a melody and a beat, in its key and at its tempo.

Notes are drawn at random, but from the song's own title, so that a song is the same whenever it is
played. A tune is an array of shape (samples, 2), float32, in -1..1.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from demo.catalogue import Song

Wave = npt.NDArray[np.float32]
Scale = tuple[int, ...]
"""Semitones above the tonic."""

SECONDS = 13.0
"""About how long a tune is; it ends with a bar."""
_PEAK = 0.8
_BEATS_PER_BAR = 4
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MAJOR: Scale = (0, 2, 4, 5, 7, 9, 11)
_MINOR: Scale = (0, 2, 3, 5, 7, 8, 10)
# Degrees of the scale, from 0; each tune walks through one of these and ends on its tonic.
_PROGRESSIONS: dict[Scale, tuple[tuple[int, ...], ...]] = {
    _MAJOR: ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4)),
    _MINOR: ((0, 5, 2, 6), (0, 3, 6, 0), (0, 6, 5, 6)),
}


class Note(NamedTuple):
    """A note of the score; its beginning and its length are in beats."""

    beat: float
    beats: float
    pitch: int
    """As MIDI counts: 69 is the A of 440 Hz."""
    level: float
    place: float
    """0 is left, 1 is right."""


def play(song: Song, sound: str, rate: int) -> Wave:
    """The song as this instrument plays it, at `rate` samples a second."""
    beat = 60 / song.bpm
    bars = max(3, round(SECONDS / (beat * _BEATS_PER_BAR)))
    draw = np.random.default_rng(zlib.crc32(song.title.encode()))
    tune = np.zeros((round((bars * _BEATS_PER_BAR * beat + 0.5) * rate), 2), np.float32)
    played: dict[tuple[int, float], Wave] = {}
    for note in _score(song.key, bars, draw):
        key = note.pitch, note.beats
        if key not in played:
            played[key] = _tone(INSTRUMENTS[sound], note, beat, rate)
        _add(tune, played[key] * note.level, note, beat, rate)
    _add_beat(tune, bars, beat, rate, draw)
    return tune * np.float32(_PEAK / np.abs(tune).max())


def tonic_and_scale(key: str) -> tuple[int, Scale]:
    """The pitch class (0 is C) and the intervals of a key such as `F#m` or `Bb`."""
    letter, signs = key[0], key[1:].rstrip("m")
    tonic = _PITCH_CLASSES[letter] + signs.count("#") - signs.count("b")
    return tonic % 12, _MINOR if key.endswith("m") else _MAJOR


def _score(key: str, bars: int, draw: np.random.Generator) -> Iterator[Note]:
    """The notes of a tune."""
    tonic, scale = tonic_and_scale(key)
    choices = _PROGRESSIONS[scale]
    progression = choices[int(draw.integers(len(choices)))]
    for bar in range(bars):
        root = 0 if bar == bars - 1 else progression[bar % len(progression)]
        begin = bar * _BEATS_PER_BAR
        for third in range(3):
            yield Note(begin, 4, _pitch(48 + tonic, scale, root + 2 * third), 0.35, third / 2)
        for beat in (0, 2):
            yield Note(begin + beat, 2, _pitch(36 + tonic, scale, root), 0.7, 0.5)
        if root == 0 and bar == bars - 1:
            yield Note(begin, 4, _pitch(60 + tonic, scale, 0), 0.6, 0.4)
        else:
            yield from _melody(begin, tonic, scale, root, draw)


def _melody(
    begin: float, tonic: int, scale: Scale, root: int, draw: np.random.Generator
) -> Iterator[Note]:
    """A bar of melody: quavers and crotchets, notes of the chord on the strong beats."""
    beat = 0.0
    while beat < _BEATS_PER_BAR:
        length = 0.5 if beat % 1 or draw.random() < 0.5 else 1.0
        degree = root + int(draw.choice((0, 2, 4) if beat % 2 == 0 else (0, 1, 2, 3, 4, 5)))
        if draw.random() < 0.85:
            yield Note(begin + beat, length, _pitch(60 + tonic, scale, degree), 0.6, 0.4)
        beat += length


def _pitch(base: int, scale: Scale, degree: int) -> int:
    """The MIDI pitch of a degree of the scale, of any octave."""
    octave, step = divmod(degree, len(scale))
    return base + 12 * octave + scale[step]


def _tone(instrument: "Instrument", note: Note, beat: float, rate: int) -> Wave:
    """A note of this pitch and length, with a short end so that it does not click."""
    seconds = note.beats * beat
    time = np.arange(round((seconds + 0.1) * rate), dtype=np.float32) / np.float32(rate)
    frequency = 440 * 2 ** ((note.pitch - 69) / 12)
    return instrument(time, frequency) * _rising(time, 0.004) * _rising(time[::-1], 0.1)


def _add(tune: Wave, wave: Wave, note: Note, beat: float, rate: int) -> None:
    start = round(note.beat * beat * rate)
    part = wave[: len(tune) - start, None]
    tune[start : start + len(part)] += part * np.array((1 - note.place, note.place), np.float32)


def _add_beat(tune: Wave, bars: int, beat: float, rate: int, draw: np.random.Generator) -> None:
    """A drum on every beat and a rattle between."""
    time = np.arange(round(0.12 * rate)) / rate
    drum = 0.9 * np.sin(2 * np.pi * 55 * np.exp(-time * 6) * time) * np.exp(-time * 28)
    rattle = 0.12 * draw.standard_normal(len(time)) * np.exp(-time * 70)
    for number in range(bars * _BEATS_PER_BAR * 2):
        wave = (rattle if number % 2 else drum).astype(np.float32)
        _add(tune, wave, Note(number / 2, 0.5, 0, 1, 0.6 if number % 2 else 0.5), beat, rate)


Partials = Mapping[int, float] | Mapping[float, float]
"""The level of each multiple of a frequency."""
Instrument = Callable[[Wave, float], Wave]
"""The wave of a note: times in seconds and a frequency in Hz, to amplitudes."""


def _partials(time: Wave, frequency: float, levels: Partials) -> Wave:
    """A sum of sines: multiples of the frequency, each with its level."""
    wave = np.zeros_like(time)
    for multiple, level in levels.items():
        wave += np.float32(level) * np.sin(np.float32(2 * np.pi * frequency * multiple) * time)
    return wave


def _fading(time: Wave, speed: float) -> Wave:
    """A level that falls to a third in 1 / `speed` seconds."""
    level: Wave = np.exp(np.float32(-speed) * time)
    return level


def _rising(time: Wave, seconds: float) -> Wave:
    """A level that rises from 0 to 1 in `seconds`."""
    level: Wave = np.clip(time / np.float32(seconds), 0, 1)
    return level


def _pluck(time: Wave, frequency: float) -> Wave:
    bright = _partials(time, frequency, {2: 0.5, 3: 0.35, 4: 0.2, 5: 0.12}) * _fading(time, 7)
    return (_partials(time, frequency, {1: 1.0}) + bright) * _fading(time, 2.5)


def _square(time: Wave, frequency: float) -> Wave:
    return _partials(time, frequency, {n: 0.7 / n for n in (1, 3, 5, 7)}) * _fading(time, 1.2)


def _strings(time: Wave, frequency: float) -> Wave:
    tremble = 1 + _partials(time, 5.5, {1: 0.15})
    levels = {n: 0.6 / n for n in range(1, 7)}
    return _partials(time, frequency, levels) * tremble * _rising(time, 0.08)


def _bell(time: Wave, frequency: float) -> Wave:
    levels = {1: 0.9, 2: 0.4, 2.76: 0.15, 5.4: 0.08}
    return _partials(time, frequency, levels) * _fading(time, 3)


def _organ(time: Wave, frequency: float) -> Wave:
    return _partials(time, frequency, {0.5: 0.25, 1: 0.7, 2: 0.35, 3: 0.15, 4: 0.1})


INSTRUMENTS: dict[str, Instrument] = {
    "pluck": _pluck,
    "square": _square,
    "strings": _strings,
    "bell": _bell,
    "organ": _organ,
}
