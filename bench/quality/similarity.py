"""Measures how well similarity search works, on real music.

    python -m bench similarity FOLDER [--kept FILE] [--sweep]

FOLDER holds music, a folder for each set of it. ffmpeg makes versions of every piece, and FILE
(default FOLDER.json) keeps their audio features, because the analysis takes seconds a piece.

1. Same artist and same album, leave one out: recall@10 (the part of what could be among the first
   ten that is) and mean average precision, of ours, against random, MFCC alone and bliss (GPL, of
   the extra `bench`). All pieces are brought to one codec and one loudness first. Ours
   uses the audio features alone here: the tags would name the artist.
2. A piece as mp3, opus, m4a, at -6 dB and from another excerpt is its own nearest neighbour (P@1).
3. The genres of a fifth of the pieces, held out five times, predicted by ten neighbours, against
   the most frequent genre.

Exit code 0: ours is better than the others in 1, P@1 in 2 is 0.95 at least (of an excerpt that has
nothing of the other it is printed alone), and 3 is better than the majority; 1: not so.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.command import FAILED, PASSED, parser
from bench.quality.similarity_music import COPIES, LEVEL, PLAIN, Piece, pieces
from db.similarity.vector_inputs import TrackInput
from jobs.vectorization.model import apply
from jobs.vectorization.trainer import Choice, fit

Rows = npt.NDArray[np.float64]
NEIGHBOURS = 10
LEAST_P1 = 0.95
_RUNS = 20
"""Of what is random."""


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("similarity", __doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--kept", type=Path, metavar="FILE")
    options.add_argument("--sweep", action="store_true", help="Only compare choices of the model.")
    asked = options.parse_args(arguments)
    kept = asked.kept or asked.folder.with_suffix(".json")
    music = pieces(asked.folder, kept)
    print(f"{len(music)} pieces of {len({piece.artist for piece in music})} artists")
    if asked.sweep:
        _sweep(music)
        return PASSED
    faults = [*_likeness(music), *_copies(music), *_genres(music)]
    print("\n".join(faults) or "all as required")
    return FAILED if faults else PASSED


def _inputs(
    music: Sequence[Piece], version: str, *, genres: Sequence[str] = ()
) -> list[TrackInput]:
    said = genres or [""] * len(music)
    return [
        TrackInput(number, piece.features[version], [genre] if genre else [], [], None)
        for number, (piece, genre) in enumerate(zip(music, said, strict=True))
    ]


def ours(music: Sequence[Piece], choice: Choice | None = None) -> Rows:
    """Our vectors, of the audio features alone, by a model of these pieces."""
    inputs = _inputs(music, LEVEL)
    return apply(fit(inputs, choice), inputs).astype(np.float64)


def mfcc(music: Sequence[Piece]) -> Rows:
    """The means and deviations of the coefficients without the first, which is the loudness."""
    features = [piece.features[LEVEL] for piece in music]
    return _standard([[*each["mfcc_mean"][1:], *each["mfcc_deviation"]] for each in features])


def _standard(rows: Sequence[Sequence[float]]) -> Rows:
    """Standardised, of length 1."""
    table = np.array(rows, float)
    table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-9)
    standard: Rows = table / np.linalg.norm(table, axis=1, keepdims=True)
    return standard


def _near(rows: Rows) -> Rows:
    """The similarity of each to each, none to itself."""
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, -np.inf)
    return similarity


def _likeness(music: Sequence[Piece]) -> Iterator[str]:
    """Print the table of 1, and yield where ours is behind."""
    contenders: dict[str, Rows] = {"ours": ours(music), "MFCC alone": mfcc(music)}
    if all(piece.bliss for piece in music):
        contenders["bliss"] = _bliss(music)
    else:
        print("bliss is not installed (pip install 'musicfleet[bench]'), left out")
    labels: dict[str, Callable[[Piece], str]] = {
        "artist": lambda piece: piece.artist,
        "album": lambda piece: piece.album,
    }
    print(f"\n{'':16}" + "".join(f"{f'{name} recall@10':>18}{'MAP':>8}" for name in labels))
    found: dict[str, list[float]] = {}
    for name, rows in contenders.items():
        found[name] = [
            score
            for label in labels.values()
            for score in _scores(_near(rows), [label(piece) for piece in music])
        ]
    draw = np.random.default_rng(5)
    found["random"] = [
        score
        for label in labels.values()
        for score in np.mean(
            [
                _scores(_near(_noise(draw, len(music))), [label(piece) for piece in music])
                for _ in range(_RUNS)
            ],
            axis=0,
        )
    ]
    for name, scores in found.items():
        print(
            f"{name:16}"
            + "".join(
                f"{a:>18.3f}{b:>8.3f}" for a, b in zip(scores[::2], scores[1::2], strict=True)
            )
        )
    for name, scores in found.items():
        for number, (mine, other) in enumerate(zip(found["ours"], scores, strict=True)):
            if mine < other:
                yield f"likeness {number + 1}: {mine:.3f}, and {name} has {other:.3f}"


def _noise(draw: np.random.Generator, count: int) -> Rows:
    return draw.standard_normal((count, 16))


def _bliss(music: Sequence[Piece]) -> Rows:
    """By the Euclidean distance, as bliss does: rows whose dot products have the same order."""
    table = np.array([piece.bliss for piece in music], float)
    table -= table.mean(axis=0)
    lifted: Rows = np.hstack([table, np.zeros((len(table), 1))])
    most = np.square(table).sum(axis=1)
    lifted[:, -1] = np.sqrt(most.max() - most)
    return lifted


def _scores(similarity: Rows, labels: Sequence[str]) -> tuple[float, float]:
    """Recall@10 and mean average precision over the pieces that have a fellow."""
    named = np.array(labels)
    recalls, precisions = [], []
    for row, label in zip(similarity, named, strict=True):
        right = (named == label)[np.argsort(-row, kind="stable")[:-1]]
        if right.any():
            recalls.append(right[:NEIGHBOURS].sum() / min(NEIGHBOURS, right.sum()))
            places = np.flatnonzero(right)
            precisions.append(float(((np.arange(len(places)) + 1) / (places + 1)).mean()))
    return float(np.mean(recalls)), float(np.mean(precisions))


def _copies(music: Sequence[Piece], choice: Choice | None = None) -> Iterator[str]:
    """Print the table of 2, and yield what is too low."""
    print("\nA copy's nearest neighbour is the piece itself, P@1")
    for copy, share in _p1(music, choice).items():
        print(f"{copy:16}{share:>8.3f}")
        if share < LEAST_P1 and copy != "elsewhere":
            yield f"P@1 of {copy}: {share:.3f}, and {LEAST_P1} is asked for"


def _p1(music: Sequence[Piece], choice: Choice | None = None) -> dict[str, float]:
    inputs = _inputs(music, PLAIN)
    model = fit(inputs, choice)
    library = apply(model, inputs)
    found = {}
    for copy in COPIES:
        nearest = (apply(model, _inputs(music, copy)) @ library.T).argmax(axis=1)
        found[copy] = float((nearest == np.arange(len(music))).mean())
    return found


def _genres(music: Sequence[Piece], choice: Choice | None = None) -> Iterator[str]:
    """Print the table of 3, and yield if it is no better than the majority."""
    predicted, majority = _predicted_genres(music, choice)
    print(f"\nGenres held out: by ten neighbours {predicted:.3f}, by the majority {majority:.3f}")
    if predicted <= majority:
        yield f"genres: {predicted:.3f}, and the majority has {majority:.3f}"


def _predicted_genres(music: Sequence[Piece], choice: Choice | None = None) -> tuple[float, float]:
    """How many of the held-out genres the neighbours predict, and the most frequent genre."""
    genres = np.array([piece.genre for piece in music])
    parts = np.random.default_rng(5).integers(0, 5, len(music))
    right = frequent = 0
    for part in range(5):
        hidden = parts == part
        said = ["" if is_hidden else genre for genre, is_hidden in zip(genres, hidden, strict=True)]
        inputs = _inputs(music, LEVEL, genres=said)
        rows = apply(fit(inputs, choice), inputs)
        known = genres[~hidden]
        similarity = rows[hidden] @ rows[~hidden].T
        for row, genre in zip(similarity, genres[hidden], strict=True):
            votes: Counter[Any] = Counter()
            for place in np.argsort(-row)[:NEIGHBOURS]:
                votes[known[place]] += row[place]
            right += votes.most_common(1)[0][0] == genre
        frequent += int((genres[hidden] == Counter(known).most_common(1)[0][0]).sum())
    return right / len(music), frequent / len(music)


def _sweep(music: Sequence[Piece]) -> None:
    """Print what each of many choices comes to."""
    grid = product((8, 12, 16, 24, 32), (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 0.2, 0.4, 0.6))
    for components, whitening, tags in grid:
        choice = Choice(components=components, whitening=whitening, tags=tags)
        near = _near(ours(music, choice))
        artist = _scores(near, [piece.artist for piece in music])
        album = _scores(near, [piece.album for piece in music])
        copies = min(_p1(music, choice).values())
        genres = _predicted_genres(music, choice)[0]
        cells = "".join(f"{each:>7.3f}" for each in (*artist, *album, copies, genres))
        print(f"{components:>4}{whitening:>6}{tags:>6}{cells}", flush=True)
