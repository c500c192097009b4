"""What is true of the music that `python -m bench audio` plays, and how answers are judged."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import soundfile

from bench.quality import audio_music
from demo.sounds import MINOR, key_named

TOLERANCE = 0.04
_OCTAVES = (1, 2, 3, 1 / 2, 1 / 3)
_LABEL = re.compile(r"^\s+(\S+\.opus)\s+(\d+) bpm\s+(\S+) (major|minor)", re.MULTILINE)


class Labelled(NamedTuple):
    """A file, and what is true of it."""

    path: Path
    bpm: float
    key: int | None = None
    """Pitch class of the tonic, 0 is C; None where it is not known."""
    mode: str = ""


class Answer(NamedTuple):
    """What a contender says of a file; None where it does not say."""

    bpm: float | None = None
    key: int | None = None
    mode: str | None = None


class Judgement(NamedTuple):
    """The means over a set; None where a contender says nothing."""

    accuracy1: float | None
    accuracy2: float | None
    """As Accuracy1, but half, double, third and triple will do."""
    exact: float | None
    mirex: float | None
    """Exact 1, a fifth off 0.5, relative 0.3, parallel 0.2."""


def synthetic(folder: Path, count: int, seed: int, *, held_out: bool = False) -> list[Labelled]:
    """A seeded set, played into this folder."""
    truth = []
    for piece in audio_music.pieces(count, seed, held_out=held_out):
        key = key_named(piece.song.key)
        mode = "minor" if key.scale == MINOR else "major"
        path = audio_music.write(piece, folder)
        truth.append(Labelled(path, piece.song.bpm, key.tonic, mode))
    return truth


def immich(folder: Path) -> list[Labelled]:
    """The tracks of the PyPI package immich-memories-music; none when it is not installed.

    They are copied into the folder as FLAC, for the wheel of essentia has no Opus decoder. The
    labels are what the generator was asked for, and stand in the package's LICENSE-MUSIC.
    """
    spec = find_spec("immich_memories_music")
    if spec is None or spec.origin is None:
        return []
    files = metadata.files("immich-memories-music") or []
    labels = next(file for file in files if file.name == "LICENSE-MUSIC").read_text()
    here = {file.name: file for file in Path(spec.origin).parent.rglob("*.opus")}
    return [
        Labelled(_as_flac(here[name], folder), float(bpm), key_named(key).tonic, mode)
        for name, bpm, key, mode in _LABEL.findall(labels)
    ]


def fretsonfire(folder: Path) -> list[Labelled]:
    """Songs of Frets on Fire below this folder: the tempo is the one that lasts longest.

    Such are in Debian's package fretsonfire-songs-muldjord; players made their notes.mid by ear.
    """
    import mido  # noqa: PLC0415  # of the extra `bench`

    return [
        Labelled(notes.with_name("song.ogg"), _longest_tempo(mido.MidiFile(notes)))
        for notes in sorted(folder.rglob("notes.mid"))
    ]


def _longest_tempo(song: Any) -> float:
    """Beats a minute; a MIDI file without a tempo has 120."""
    lasting: Counter[float] = Counter()
    tempo = 120.0
    for message in song:
        lasting[tempo] += message.time
        if message.type == "set_tempo":
            tempo = 60e6 / message.tempo
    return lasting.most_common(1)[0][0]


def _as_flac(path: Path, folder: Path) -> Path:
    copy = folder / f"{path.stem}.flac"
    samples, rate = soundfile.read(path, dtype="float32")
    soundfile.write(copy, samples, rate)
    return copy


def judge(truth: Sequence[Labelled], answers: Sequence[Answer]) -> Judgement:
    """How well a set was answered."""
    pairs = list(zip(truth, answers, strict=True))
    tempos = [(true.bpm, said.bpm) for true, said in pairs if said.bpm is not None]
    keys = [
        _mirex(true.key, true.mode, said.key, said.mode)
        for true, said in pairs
        if true.key is not None and said.key is not None and said.mode is not None
    ]
    return Judgement(
        _share(_near(true, said) for true, said in tempos),
        _share(any(_near(true * octave, said) for octave in _OCTAVES) for true, said in tempos),
        _share(score == 1 for score in keys),
        _share(keys),
    )


def _near(true: float, said: float) -> bool:
    return abs(said - true) <= TOLERANCE * true


def _mirex(true: int, true_mode: str, said: int, said_mode: str) -> float:
    if said_mode == true_mode:
        return {0: 1.0, 7: 0.5}.get((said - true) % 12, 0.0)
    relative = (true + (9 if true_mode == "major" else 3)) % 12
    return 0.3 if said == relative else 0.2 if said == true else 0.0


def _share(values: Iterable[float]) -> float | None:
    found = list(values)
    return mean(found) if found else None
