"""Clusters a seeded synthetic mixture: speed, memory, ARI against K-means, and labels that stay.

With FOLDER the music below it instead: see `bench.clusters_music`.

    python -m bench clusters [FOLDER] [--rows N]

1. N tracks (default 100,000) of 64 dimensions are fitted and all assigned in under 10 s and 500 MB.
2. ARI against the known components, beside plain K-means with the same number of clusters.
3. 10 % more tracks, fitted on: at least 95 % of the labels are kept.

Exit code 0: all as required; 1: not so.
"""

import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from bench.command import FAILED, PASSED, parser
from bench.quality import clusters_music
from jobs.gmm import mixtures

DIMENSION, GROUPS = 64, 16
MOST_SECONDS, MOST_MEMORY, KEPT = 10.0, 500_000_000, 0.95
_BLOCK = 5_000


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("clusters", __doc__)
    options.add_argument("--rows", type=int, default=100_000, metavar="N")
    options.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    asked = options.parse_args(arguments)
    if asked.folder:
        return clusters_music.main(asked.folder)
    return _synthetic(asked.rows)


def _synthetic(count: int) -> int:
    random = np.random.default_rng(5)
    truth = random.integers(GROUPS, size=count)
    centres = random.normal(size=(GROUPS, DIMENSION)).astype("f4")
    rows = centres[truth] + random.normal(scale=0.6, size=(count, DIMENSION)).astype("f4")
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    old = random.permutation(count)[: round(count / 1.1)]

    started = time.perf_counter()
    chosen = random.choice(count, min(count, mixtures.ROWS), replace=False)
    mixture = mixtures.fit_new(rows[chosen]).mixture
    for start in range(0, count, _BLOCK):
        mixture.memberships(rows[start : start + _BLOCK])
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    labels = _labels(mixture, rows)
    ours = adjusted_rand_score(truth, labels)
    plain = KMeans(len(mixture.means), n_init=1, random_state=0).fit(rows[chosen]).predict(rows)
    theirs = adjusted_rand_score(truth, plain)
    first = mixtures.fit_new(rows[random.choice(old, min(len(old), mixtures.ROWS))]).mixture
    later = first.moved(rows[chosen], by_kmeans=False).mixture
    kept = float(np.mean(_labels(first, rows[old]) == _labels(later, rows[old])))

    print(f"{count:,} tracks, {len(mixture.means)} clusters of {GROUPS}")
    print(f"{seconds:.1f} s, peak memory {memory / 1e6:.0f} MB")
    print(f"ARI {ours:.3f}, K-means {theirs:.3f}")
    print(f"labels kept after 10 % more: {kept:.3f}")
    good = seconds < MOST_SECONDS and memory < MOST_MEMORY and kept >= KEPT
    print("all as required" if good else "not as required")
    return PASSED if good else FAILED


def _labels(
    mixture: mixtures.Mixture, rows: mixtures.Floats
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    parts = [mixture.labels(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)]
    return np.concatenate(parts)
