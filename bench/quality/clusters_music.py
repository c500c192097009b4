"""Clusters of real music against the known makers, and their names.

Makers are the artists. ARI (adjusted Rand index: 0 by chance, 1 when the clusters are the makers)
of our clusters and of plain K-means, on our vectors and on MFCC alone, by as many clusters as there
are makers and by as many as ours chooses; the mean and the deviation of five seeds. Only the audio
features count, all pieces at one loudness and of one codec: tags would name the maker.

Then a library of the music, with genres, is clustered by the jobs as they are, for the names.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from bench.quality.similarity import Rows, mfcc, ours
from bench.quality.similarity_music import LEVEL, Piece, pieces
from db.library.audio_features import EXTRACTOR
from db.library.spellings import ensure_genres
from db.models import AudioFeatures, EntityType, Track, TrackGenre
from db.similarity import clusters
from db.sql.connection import close_database, open_database, transaction
from db.sql.schema import migrate
from jobs import gmm
from jobs.gmm import mixtures
from jobs.vectorization import trainer

SEEDS = 5
_FEATURES = set(AudioFeatures._meta.fields) - {
    *("track", "extractor", "content_id", "analysed_at", "decoder", "start", "seconds")
}
Labels = npt.NDArray[np.int64]
Way = Callable[[int], Labels]


def main(folder: Path) -> int:
    """Print the tables; 1 when plain K-means is better by more than both deviations, else 0."""
    music = pieces(folder, folder.with_suffix(".json"))
    makers = [piece.artist for piece in music]
    behind = _compare(makers, ours(music).astype(float), mfcc(music))
    _name(music)
    print("K-means is better" if behind else "all as required")
    return int(behind)


def _compare(makers: Sequence[str], rows: Rows, coefficients: Rows) -> bool:
    """Print the table; whether plain K-means is better than each of ours by as many clusters."""
    count = len(set(makers))
    few = len(mixtures.fit_kmeans(rows).mixture.means)
    best = len(mixtures.fit_new(rows).mixture.means)
    several = sorted({count, few, best})
    ways: list[tuple[str, int, Way]] = [
        *(("ours, K-means on axes", each, partial(_divided, rows, each)) for each in several),
        ("ours, mixture", count, partial(_mixed, rows, (count,))),
        ("ours, by BIC", best, partial(_mixed, rows, mixtures.COUNTS)),
        *(("K-means, our vectors", each, partial(_plain, rows, each)) for each in several),
        *(("K-means, MFCC alone", each, partial(_plain, coefficients, each)) for each in several),
    ]
    print(f"{len(makers)} pieces of {count} makers\n{'':24}{'clusters':>9}{'ARI':>8}{'+-':>8}")
    ours_most, plain_least = dict.fromkeys(several, -1.0), dict.fromkeys(several, -1.0)
    for name, clusters_count, way in ways:
        scores = [adjusted_rand_score(makers, way(seed)) for seed in range(SEEDS)]
        mean, deviation = float(np.mean(scores)), float(np.std(scores))
        print(f"{name:24}{clusters_count:>9}{mean:>8.3f}{deviation:>8.3f}")
        side, sign = (ours_most, 1) if name.startswith("ours") else (plain_least, -1)
        side[clusters_count] = max(side[clusters_count], mean + sign * deviation)
    return any(ours_most[each] < plain_least[each] for each in several)


def _divided(rows: Rows, count: int, seed: int) -> Labels:
    return mixtures.fit_kmeans(rows, count, seed).mixture.labels(rows)


def _mixed(rows: Rows, counts: Sequence[int], seed: int) -> Labels:
    return mixtures.fit_new(rows, counts, seed).mixture.labels(rows)


def _plain(rows: Rows, count: int, seed: int) -> Labels:
    return np.asarray(KMeans(count, n_init=10, random_state=seed).fit_predict(rows), np.int64)


def _name(music: Sequence[Piece]) -> None:
    """Print the clusters of a library of this music, with who made what is in them."""
    with tempfile.TemporaryDirectory(prefix="musicfleet-bench-") as place:
        open_database(f"sqlite:///{place}/music.db", create=True)
        migrate()
        with transaction():
            for number, piece in enumerate(music, 1):
                _add(number, piece)
        trainer.train("a bench", lambda: None)
        print(f"\nThe clusters of the library {gmm.train_model('track')}")
        for each in clusters.clusters(EntityType.TRACK):
            inside = [music[member.entity_id - 1] for member in clusters.members(each)]
            print(f"{each.size:>5}  {each.name}")
            for label in ("artist", "genre"):
                counted = Counter(getattr(piece, label) for piece in inside).most_common(3)
                print("       " + ", ".join(f"{count} {name}" for name, count in counted))
        close_database()


def _add(number: int, piece: Piece) -> None:
    path = f"/music/{number}{piece.path.suffix}"
    Track.create(
        id=number,
        path=path,
        folder="/music",
        group_folder="/music",
        title=piece.path.stem,
        codec=piece.path.suffix[1:],
        container=piece.path.suffix[1:],
        size=1,
        mtime_ns=1,
        content_id=str(number),
        duration=piece.seconds,
    )
    (genre,) = ensure_genres([piece.genre]).values()
    TrackGenre.create(track=number, position=0, genre=genre.id)
    AudioFeatures.create(
        track=number,
        extractor=EXTRACTOR,
        content_id=str(number),
        decoder="pyav",
        start=0,
        seconds=piece.seconds,
        **{name: piece.features[LEVEL][name] for name in _FEATURES & piece.features[LEVEL].keys()},
    )
