"""Playing a song: chords, a bass, a melody and drums, in its key and at its tempo.

Chords, bass and melody are of the key's scale (minor: natural, with the raised leading note in the
dominant); drums follow the beat. Nobody plays exactly, nor without a little noise.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from demo.catalogue import Song
from demo.sounds import (
    MAJOR,
    MINOR,
    Key,
    Scale,
    Wave,
    burst,
    harmonics,
    hertz,
    key_named,
    kick,
    mix,
)

Progressions = Mapping[Scale, tuple[tuple[int, ...], ...]]
"""Degrees of the scale, from 0, that a song's chords go through."""

PROGRESSIONS: Progressions = {
    MAJOR: ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (0, 1, 4, 0)),
    MINOR: ((0, 3, 4, 0), (0, 5, 3, 4), (0, 3, 0, 4), (0, 6, 4, 0)),
}
"""All have the dominant or come home: a loop such as i VI III VII is in no one key."""
DRUMS = ("full", "sparse", "half-time")
"""Drums with chance and fills; those of PATTERNS go the same way in each bar."""
PATTERNS: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "floor": {"kick": (0, 1, 2, 3), "hat": (0.5, 1.5, 2.5, 3.5), "snare": (1, 3)},
    "break": {
        "kick": (0, 0.5, 2.5),
        "snare": (1, 1.75, 2.25, 3),
        "hat": (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5),
    },
    "clave": {"snare": (0, 1.5, 3), "kick": (0,), "hat": tuple(at / 4 for at in range(16))},
    "quavers": {"hat": (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), "kick": (0, 2)},
    "none": {},
}
"""At which beats of four each is struck."""
_PEAK = 0.8
_END = 0.06
"""Seconds in which a note ends, so that it does not click."""


class Instrument(NamedTuple):
    """How a note sounds."""

    partials: tuple[float, ...]
    """Multiples of its frequency."""
    attack: float = 0.004
    """Seconds."""
    decay: float | None = None
    """Seconds in which it falls to a third; None sustains it."""


INSTRUMENTS = {
    "pluck": Instrument((1, 2, 3, 4, 5), decay=0.4),
    "square": Instrument((1, 3, 5, 7), decay=0.8),
    "strings": Instrument((1, 2, 3, 4, 5, 6), attack=0.08),
    "bell": Instrument((1, 2, 2.76, 5.4), decay=0.33),
    "organ": Instrument((0.5, 1, 2, 3, 4)),
}


class Form(NamedTuple):
    """What a tune is played into."""

    rate: int
    """Samples a second."""
    seconds: float
    channels: int = 1
    """1 or 2."""


class _Note(NamedTuple):
    beat: float
    beats: float
    """Its length."""
    pitch: int
    level: float
    colour: float
    """The level of each partial beside the one before."""
    place: float
    """0 is left, 1 is right."""
    soft: bool = False


class _Stroke(NamedTuple):
    beat: float
    wave: Wave
    level: float
    place: float = 0.5


def play(
    song: Song,
    instrument: Instrument,
    form: Form,
    seed: int,
    progressions: Progressions = PROGRESSIONS,
) -> Wave:
    """The song as samples of shape (samples, channels), in -1..1; one seed, one tune."""
    rate, seconds, channels = form
    draw = np.random.default_rng(seed)
    tune = np.zeros((round((seconds + 3) * rate), channels), np.float32)
    beat = 60 / song.bpm
    bars = int(seconds / (beat * song.beats_per_bar)) + 1
    lead = draw.uniform(0, 0.5)
    notes = list(_notes(song, bars, progressions, draw))
    strokes = list(_strokes(song, bars, rate, draw))
    for at, wave, level, place in (*_played(notes, song, instrument, rate), *strokes):
        start = round((lead + at * beat + draw.normal(0, 0.004)) * rate)
        shares = np.array((1 - place, place) if channels == 2 else (1,), np.float32)
        mix(tune, (wave * np.float32(level))[:, None] * shares, start)
    tune += draw.standard_normal((len(tune), 1)).astype(np.float32) * np.float32(0.002)
    tune = tune[: round(seconds * rate)]
    return tune * np.float32(_PEAK / np.abs(tune).max())


def _notes(
    song: Song, bars: int, progressions: Progressions, draw: np.random.Generator
) -> Iterator[_Note]:
    """Chords, bass and melody."""
    key = key_named(song.key)
    choices = progressions[key.scale]
    progression = choices[int(draw.integers(len(choices)))]
    pads, colour = bool(draw.random() < 0.4), float(draw.uniform(0.3, 0.8))
    for bar in range(bars):
        begin = bar * song.beats_per_bar
        root = progression[bar % len(progression)]
        chords = 1 if pads else song.beats_per_bar
        length = song.beats_per_bar / chords
        for at in range(chords):
            for above in (0, 2, 4):
                pitch = 48 + key.pitch(root, above)
                yield _Note(begin + at, length, pitch, 0.14, colour, above / 4, soft=pads)
        for at in (0, 2) if song.beats_per_bar == 4 else (0,):
            yield _Note(begin + at, 1.6, 36 + key.pitch(root, 0), 0.3, 0.5, 0.5)
        yield from _melody(song, begin, (key, root), colour, draw)


def _melody(
    song: Song, begin: int, chord: tuple[Key, int], colour: float, draw: np.random.Generator
) -> Iterator[_Note]:
    """A bar of quavers, with rests; notes of the chord on the strong beats."""
    key, root = chord
    for at in np.arange(0, song.beats_per_bar, 0.5):
        if draw.random() < (0.75 if at % 1 == 0 else 0.4):
            above = int(draw.choice((0, 2, 4) if at % 2 == 0 else (0, 1, 2, 3, 4, 5)))
            late = 1 / 6 if song.swing and at % 1 else 0.0
            pitch = 60 + key.pitch(root, above)
            yield _Note(begin + float(at) + late, 0.5, pitch, 0.2, colour, 0.4)


def _played(notes: list[_Note], song: Song, instrument: Instrument, rate: int) -> Iterator[_Stroke]:
    """The waves of notes; soft ones rise slowly and are sustained."""

    @cache
    def wave(pitch: int, beats: float, colour: float, soft: bool) -> Wave:
        seconds = beats * 60 / song.bpm + 0.08
        frequency = hertz(pitch + song.cents / 100)
        made = harmonics(frequency, seconds, instrument.partials, colour, rate)
        time = np.arange(len(made), dtype=np.float32) / np.float32(rate)
        attack = np.float32(0.12 if soft else instrument.attack)
        made *= np.minimum(1, time / attack) * np.minimum(1, (time[-1] - time) / np.float32(_END))
        if instrument.decay and not soft:
            made *= np.exp(-time / np.float32(instrument.decay))
        return made

    for note in notes:
        made = wave(note.pitch, note.beats, note.colour, note.soft)
        yield _Stroke(note.beat, made, note.level, note.place)


def _strokes(song: Song, bars: int, rate: int, draw: np.random.Generator) -> Iterator[_Stroke]:
    """Kick, snare and hi-hat as the song's drums go."""
    if song.drums == "none":
        return
    drums = {
        "kick": kick(rate),
        "snare": burst(0.16, 0.35, 25, draw, rate),
        "hat": burst(0.05, 0.12, 80, draw, rate),
    }
    pattern = PATTERNS.get(song.drums)
    for bar in range(bars):
        if pattern is not None:
            yield from _struck(song, bar, drums, pattern, draw)
        elif song.drums == "sparse":
            yield _Stroke(bar * song.beats_per_bar, drums["kick"], 1)
            if bar % 2:
                yield _Stroke((bar + 1) * song.beats_per_bar - 1, drums["snare"], 1)
        else:
            yield from _drummed(song, bar, drums, draw)


def _struck(
    song: Song,
    bar: int,
    drums: Mapping[str, Wave],
    pattern: Mapping[str, tuple[float, ...]],
    draw: np.random.Generator,
) -> Iterator[_Stroke]:
    """A bar of a pattern, one stroke in twenty left out; between the beats it is softer."""
    for name, beats in pattern.items():
        for at in beats:
            if at < song.beats_per_bar and draw.random() < 0.95:
                late = 1 / 6 if song.swing and at % 1 == 0.5 else 0.0
                begin = bar * song.beats_per_bar + at + late
                yield _Stroke(begin, drums[name], 0.6 if at % 1 else 1)


def _drummed(
    song: Song, bar: int, drums: Mapping[str, Wave], draw: np.random.Generator
) -> Iterator[_Stroke]:
    """A bar of full or half-time drums, with a fill in each eighth."""
    begin = bar * song.beats_per_bar
    last = song.beats_per_bar - 1
    back = (last,) if song.drums == "half-time" else (1, last)
    for at in range(song.beats_per_bar):
        if at in back:
            yield _Stroke(begin + at, drums["snare"], 1)
        elif at == 0 or draw.random() < 0.5:
            yield _Stroke(begin + at, drums["kick"], 1)
        yield _Stroke(begin + at, drums["hat"], 1)
        if draw.random() < 0.9:
            yield _Stroke(begin + at + (2 / 3 if song.swing else 0.5), drums["hat"], 0.7)
    if bar % 8 == 7:
        for early in (0.5, 0.25):
            yield _Stroke(begin + song.beats_per_bar - early, drums["snare"], 0.6)
