"""The synthetic sets of `python -m bench audio`: seeded songs whose tempo and key are known.

The extractor's parameters were chosen on the plain set of seed 5. What is held out has other
progressions, timbres (odd partials, slower attacks) and drums, too, and any other seed.

Each of the 24 keys twice; tempos spread over 60 to 180 beats a minute; straight and swung quavers,
3/4 and 4/4, full and sparse drums, none at all, and concert pitches from 40 cents below to 40 above
A = 440 Hz.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from demo import tunes
from demo.catalogue import Song
from demo.sounds import MAJOR, MINOR, Wave

RATE = 44_100
SECONDS = 45.0
TRACKS = 48
SEED = 5
_KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_DRUMS = (*tunes.DRUMS, "none")
_INSTRUMENT = tunes.Instrument(tuple(range(1, 8)), attack=0.006, decay=0.6)
_HELD_OUT_INSTRUMENT = tunes.Instrument(tuple(range(1, 14, 2)), attack=0.02, decay=0.6)
_HELD_OUT_PROGRESSIONS: tunes.Progressions = {
    MAJOR: ((0, 3, 1, 4), (0, 2, 3, 4), (0, 4, 0, 3, 0, 4, 0, 0), (3, 4, 0, 0)),
    MINOR: ((0, 4, 0, 0), (0, 3, 6, 2, 5, 3, 4, 0), (3, 4, 0, 0), (0, 5, 4, 0)),
}


class Piece(NamedTuple):
    """A song of the set, and how it is played."""

    song: Song
    seed: int
    held_out: bool


def pieces(count: int = TRACKS, seed: int = SEED, *, held_out: bool = False) -> list[Piece]:
    """The pieces of a set."""
    drums = tuple(tunes.PATTERNS) if held_out else _DRUMS
    chances = (0.25, 0.25, 0.2, 0.2, 0.1) if held_out else (0.5, 0.25, 0.15, 0.1)
    draw = np.random.default_rng(seed)
    tempos = np.linspace(60, 180, count) + draw.uniform(-1, 1, count)
    draw.shuffle(tempos)
    made = []
    for number in range(count):
        song = Song(
            title=f"{number:02}",
            key=_KEYS[number % 12] + ("", "m")[number // 12 % 2],
            bpm=round(float(np.clip(tempos[number], 60, 180)), 2),
            beats_per_bar=3 if number % 6 == 5 else 4,
            swing=number % 5 == 2,
            drums=drums[int(draw.choice(len(drums), p=chances))],
            cents=round(float(draw.uniform(-40, 40)), 1) if number % 3 == 0 else 0.0,
        )
        made.append(Piece(song, 1000 * seed + number, held_out))
    return made


def write(piece: Piece, folder: Path, seconds: float = SECONDS) -> Path:
    """Play a piece into a FLAC file and return its path."""
    path = folder / f"{piece.song.title}.flac"
    soundfile.write(path, play(piece, seconds), RATE)
    return path


def play(piece: Piece, seconds: float = SECONDS) -> Wave:
    """The piece as mono samples at RATE, in -1..1."""
    instrument = _HELD_OUT_INSTRUMENT if piece.held_out else _INSTRUMENT
    progressions = _HELD_OUT_PROGRESSIONS if piece.held_out else tunes.PROGRESSIONS
    form = tunes.Form(RATE, seconds)
    tune = tunes.play(piece.song, instrument, form, piece.seed, progressions)
    return tune[:, 0]
