"""Who measures tempo and key for `python -m bench audio`: ours, plain librosa, essentia.

Each is run in a process of its own, on one core: `answers` there, and never in the bench itself.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.quality.audio_scoring import Answer
from demo.sounds import key_named

Analyse = Callable[[str], Answer]
OURS, LIBROSA = "ours", "librosa"
ESSENTIA_TEMPOS = ("multifeature", "degara", "percival")
ESSENTIA_KEYS = ("krumhansl", "temperley", "edma", "bgate", "shaath", "braw")
ESSENTIA = "essentia both"
"""RhythmExtractor2013 and KeyExtractor as they come: what the speed is compared with."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")


class Run(NamedTuple):
    """What a contender said of some files, and what it took."""

    answers: list[Answer]
    seconds: float
    """Of the processor, for all files, libraries being loaded and warm."""
    peak: int
    """The most bytes that the process had resident."""


def run(contender: str, paths: Sequence[Path]) -> Run:
    """Have a contender analyse these files. Raises ImportError when it is not installed."""
    environment = os.environ | dict.fromkeys(_THREADS, "1")
    command = [sys.executable, "-m", "bench.quality.audio_contenders", contender, *map(str, paths)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode == _NOT_INSTALLED:
        raise ImportError(f"{contender} is not installed: pip install 'musicfleet[bench]'")
    done.check_returncode()
    result = json.loads(done.stdout.splitlines()[-1])
    answers = [Answer(*each) for each in result["answers"]]
    return Run(answers, result["seconds"], result["peak"])


def ours() -> Analyse:
    """The features of `jobs.audio_analysis`, all of them."""
    from jobs.audio_analysis.decoder import ExcerptRequest  # noqa: PLC0415  # each contender its own
    from jobs.audio_analysis.features import features_of_file  # noqa: PLC0415

    def analyse(path: str) -> Answer:
        found = features_of_file(ExcerptRequest(path, 90, None))
        key = found.get("key")
        return Answer(found.get("bpm"), key_named(key).tonic if key else None, found.get("mode"))

    return analyse


def librosa() -> Analyse:
    """The same features of the whole file, each by the function of librosa that has its name.

    The key is that of the profiles of Krumhansl and Kessler, the usual recipe with librosa.
    """
    import librosa as plain  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    major = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
    minor = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

    def analyse(path: str) -> Answer:
        samples, rate = plain.load(path)
        tempo, _ = plain.beat.beat_track(y=samples, sr=rate)
        chroma = plain.feature.chroma_cqt(y=samples, sr=rate).mean(axis=1)
        plain.onset.onset_detect(y=samples, sr=rate)
        plain.feature.chroma_stft(y=samples, sr=rate)
        plain.feature.mfcc(y=samples, sr=rate)
        plain.feature.spectral_centroid(y=samples, sr=rate)
        plain.feature.spectral_bandwidth(y=samples, sr=rate)
        plain.feature.spectral_rolloff(y=samples, sr=rate)
        plain.feature.spectral_flatness(y=samples)
        plain.feature.spectral_contrast(y=samples, sr=rate)
        plain.feature.zero_crossing_rate(samples)
        plain.feature.rms(y=samples)
        profiles = [np.roll(each, key) for each in (major, minor) for key in range(12)]
        best = int(np.argmax([np.corrcoef(chroma, each)[0, 1] for each in profiles]))
        return Answer(float(np.atleast_1d(tempo)[0]), best % 12, ("major", "minor")[best // 12])

    return analyse


def essentia(name: str) -> Analyse:
    """One of essentia's tempos, keys, or both as they come."""
    import essentia as library  # noqa: PLC0415

    library.log.infoActive = library.log.warningActive = False
    import essentia.standard as algorithms  # noqa: PLC0415

    def tempo(samples: Any) -> float:
        if name == "percival":
            return float(algorithms.PercivalBpmEstimator()(samples))
        method = "multifeature" if name == "both" else name
        return float(algorithms.RhythmExtractor2013(method=method)(samples)[0])

    def key(samples: Any) -> tuple[int, str]:
        options = {} if name == "both" else {"profileType": name}
        tonic, mode, _ = algorithms.KeyExtractor(**options)(samples)
        return key_named(tonic).tonic, str(mode)

    def analyse(path: str) -> Answer:
        samples = algorithms.MonoLoader(filename=path)()
        bpm = tempo(samples) if name in {*ESSENTIA_TEMPOS, "both"} else None
        return Answer(bpm, *key(samples)) if name not in ESSENTIA_TEMPOS else Answer(bpm)

    return analyse


def main(contender: str, paths: Sequence[str]) -> int:
    """Analyse the files, the first twice because it loads and compiles; print a Run as JSON."""
    try:
        analyse = {OURS: ours, LIBROSA: librosa}[contender]() if " " not in contender else None
        analyse = analyse or essentia(contender.split()[1])
    except ImportError:
        return _NOT_INSTALLED
    analyse(paths[0])
    begun = time.process_time()
    answers = [analyse(path) for path in paths]
    seconds = time.process_time() - begun
    print(json.dumps({"answers": answers, "seconds": seconds, "peak": _peak()}))
    return 0


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


_NOT_INSTALLED = 3

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
