"""The synthetic sets of `python -m bench.audio`: seeded tracks whose tempo and key are known.

The extractor's parameters were chosen on the plain set of seed 5. What is held out has other
progressions, timbres (odd partials, slower attacks) and drums, too, and any other seed.

Each of the 24 keys twice; tempos spread over 60 to 180 beats a minute; straight and swung quavers,
3/4 and 4/4, full and sparse drums, none at all, and concert pitches from 40 cents below to 40 above
A = 440 Hz. Chords, bass and melody are of the key's scale (minor: natural, with the raised leading
note in the dominant; all progressions have that or come home, for a loop such as i VI III VII is in
no one key); drums follow the beat, with a fill now and then.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

RATE = 44_100
SECONDS = 45.0
TRACKS = 48
SEED = 5
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_PROGRESSIONS = {
    "major": ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (0, 1, 4, 0)),
    "minor": ((0, 3, 4, 0), (0, 5, 3, 4), (0, 3, 0, 4), (0, 6, 4, 0)),
}
_DRUMS = ("full", "sparse", "half-time", "none")
_HELD_OUT_PROGRESSIONS = {
    "major": ((0, 3, 1, 4), (0, 2, 3, 4), (0, 4, 0, 3, 0, 4, 0, 0), (3, 4, 0, 0)),
    "minor": ((0, 4, 0, 0), (0, 3, 6, 2, 5, 3, 4, 0), (3, 4, 0, 0), (0, 5, 4, 0)),
}
_PATTERNS: dict[str, dict[str, tuple[float, ...]]] = {
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
"""At which beats of four each is struck: the drums of what is held out."""
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

Wave = npt.NDArray[np.float32]


class Piece(NamedTuple):
    """A track of the set, and what is true of it."""

    name: str
    bpm: float
    key: int
    """Pitch class of the tonic, 0 is C."""
    mode: str
    """major or minor."""
    beats_per_bar: int
    swing: bool
    drums: str
    cents: float
    """How far it is tuned off A = 440 Hz."""
    seed: int
    held_out: bool = False


def pieces(count: int = TRACKS, seed: int = SEED, *, held_out: bool = False) -> list[Piece]:
    """The pieces of a set."""
    drums = tuple(_PATTERNS) if held_out else _DRUMS
    chances = (0.25, 0.25, 0.2, 0.2, 0.1) if held_out else (0.5, 0.25, 0.15, 0.1)
    draw = np.random.default_rng(seed)
    tempos = np.linspace(60, 180, count) + draw.uniform(-1, 1, count)
    draw.shuffle(tempos)
    made = []
    for number in range(count):
        key, mode = number % 12, ("major", "minor")[number // 12 % 2]
        made.append(
            Piece(
                name=f"{number:02}",
                bpm=round(float(np.clip(tempos[number], 60, 180)), 2),
                key=key,
                mode=mode,
                beats_per_bar=3 if number % 6 == 5 else 4,
                swing=number % 5 == 2,
                drums=drums[int(draw.choice(len(drums), p=chances))],
                cents=round(float(draw.uniform(-40, 40)), 1) if number % 3 == 0 else 0.0,
                seed=1000 * seed + number,
                held_out=held_out,
            )
        )
    return made


def write(piece: Piece, folder: Path, seconds: float = SECONDS) -> Path:
    """Play a piece into a FLAC file and return its path."""
    path = folder / f"{piece.name}.flac"
    soundfile.write(path, play(piece, seconds), RATE)
    return path


def play(piece: Piece, seconds: float = SECONDS) -> Wave:
    """The piece as mono samples at RATE, in -1..1."""
    draw = np.random.default_rng(piece.seed)
    tune = np.zeros(round((seconds + 3) * RATE), np.float32)
    beat = 60 / piece.bpm
    bars = int(seconds / (beat * piece.beats_per_bar)) + 1
    lead = draw.uniform(0, 0.5)
    for at, wave in (*_notes(piece, bars, draw), *_beats(piece, bars, draw)):
        start = round((lead + at * beat + draw.normal(0, 0.004)) * RATE)
        if 0 <= start < len(tune):
            part = wave[: len(tune) - start]
            tune[start : start + len(part)] += part
    tune += draw.standard_normal(len(tune)).astype(np.float32) * np.float32(0.002)
    tune = tune[: round(seconds * RATE)]
    return tune * np.float32(0.8 / np.abs(tune).max())


def _notes(piece: Piece, bars: int, draw: np.random.Generator) -> Iterator[tuple[float, Wave]]:
    """Chords, bass and melody: the beat at which each note begins, and its wave."""
    beat, scale = 60 / piece.bpm, _SCALES[piece.mode]
    choices = (_HELD_OUT_PROGRESSIONS if piece.held_out else _PROGRESSIONS)[piece.mode]
    progression = choices[int(draw.integers(len(choices)))]
    pads, colour = bool(draw.random() < 0.4), float(draw.uniform(0.3, 0.8))
    for bar in range(bars):
        begin = bar * piece.beats_per_bar
        root = progression[bar % len(progression)]
        times = [0.0] if pads else [float(each) for each in range(piece.beats_per_bar)]
        length = beat * piece.beats_per_bar / len(times)
        for at in times:
            for third in (0, 2, 4):
                pitch = 48 + _pitch(piece, scale, root, root + third)
                wave = _tone(piece, pitch, length, colour, soft=pads)
                yield begin + at, wave * np.float32(0.14)
        for at in (0, 2) if piece.beats_per_bar == 4 else (0,):
            pitch = 36 + _pitch(piece, scale, root, root)
            yield begin + at, _tone(piece, pitch, 1.6 * beat, 0.5) * np.float32(0.3)
        for at in np.arange(0, piece.beats_per_bar, 0.5):
            if draw.random() < (0.75 if at % 1 == 0 else 0.4):
                step = int(draw.choice((0, 2, 4) if at % 2 == 0 else (0, 1, 2, 3, 4, 5)))
                pitch = 60 + _pitch(piece, scale, root, root + step)
                shift = 1 / 6 if piece.swing and at % 1 else 0.0
                wave = _tone(piece, pitch, 0.5 * beat, colour)
                yield begin + float(at) + shift, wave * np.float32(0.2)


def _pitch(piece: Piece, scale: tuple[int, ...], root: int, degree: int) -> int:
    """Semitones above a C; the dominant of a minor key has the leading note."""
    octave, step = divmod(degree, 7)
    raised = piece.mode == "minor" and root == 4 and step == 6
    return piece.key + 12 * octave + scale[step] + raised


def _tone(piece: Piece, pitch: int, seconds: float, colour: float, *, soft: bool = False) -> Wave:
    """A note with seven partials, odd ones where it is held out, tuned as the piece is."""
    time = np.arange(round((seconds + 0.08) * RATE), dtype=np.float32) / np.float32(RATE)
    frequency = 440 * 2 ** ((pitch - 69 + piece.cents / 100) / 12)
    wave = np.zeros_like(time)
    for partial in range(1, 14, 2) if piece.held_out else range(1, 8):
        if partial * frequency < RATE / 2:
            angle = np.float32(2 * np.pi * frequency * partial) * time
            wave += np.float32(colour ** (partial - 1)) * np.sin(angle)
    attack = 0.12 if soft else 0.02 if piece.held_out else 0.006
    wave *= np.minimum(1, time / np.float32(attack)) * np.minimum(1, (time[-1] - time) / 0.06)
    if not soft:
        wave *= np.exp(-time / np.float32(0.6))
    return wave.astype(np.float32)


def _beats(piece: Piece, bars: int, draw: np.random.Generator) -> Iterator[tuple[float, Wave]]:
    """Kick, snare and hi-hat as the piece's drums go."""
    if piece.drums == "none":
        return
    kick, snare, hat = _kick(), _burst(0.16, 0.35, 25, draw), _burst(0.05, 0.12, 80, draw)
    if piece.held_out:
        yield from _struck(piece, bars, {"kick": kick, "snare": snare, "hat": hat}, draw)
        return
    back: tuple[int, ...] = {3: (1, 2), 4: (1, 3)}[piece.beats_per_bar]
    if piece.drums == "half-time":
        back = back[-1:]
    for bar in range(bars):
        begin = bar * piece.beats_per_bar
        if piece.drums == "sparse":
            yield begin, kick
            if bar % 2:
                yield begin + back[-1], snare
            continue
        for at in range(piece.beats_per_bar):
            if at in back:
                yield begin + at, snare
            elif at == 0 or draw.random() < 0.5:
                yield begin + at, kick
            yield begin + at, hat
            if draw.random() < 0.9:
                yield begin + at + (2 / 3 if piece.swing else 0.5), hat * np.float32(0.7)
        if bar % 8 == 7:
            for early in (0.5, 0.25):
                yield begin + piece.beats_per_bar - early, snare * np.float32(0.6)


def _struck(
    piece: Piece, bars: int, drums: Mapping[str, Wave], draw: np.random.Generator
) -> Iterator[tuple[float, Wave]]:
    """A pattern, bar by bar, one stroke in twenty left out; between the beats it is softer."""
    for bar in range(bars):
        for name, beats in _PATTERNS[piece.drums].items():
            for at in beats:
                if at < piece.beats_per_bar and draw.random() < 0.95:
                    late = 1 / 6 if piece.swing and at % 1 == 0.5 else 0.0
                    level = np.float32(0.6 if at % 1 else 1)
                    yield bar * piece.beats_per_bar + at + late, drums[name] * level


def _kick() -> Wave:
    time = np.arange(round(0.2 * RATE)) / RATE
    wave = 0.8 * np.sin(2 * np.pi * 52 * time + 6 * np.exp(-time * 40)) * np.exp(-time * 20)
    kick: Wave = wave.astype(np.float32)
    return kick


def _burst(seconds: float, level: float, speed: float, draw: np.random.Generator) -> Wave:
    """Noise that fades."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = level * draw.standard_normal(len(time)) * np.exp(-time * speed)
    burst: Wave = wave.astype(np.float32)
    return burst
