"""A track's audio features as numbers, and its tags as words. Imports NumPy.

The numbers depend on no key, and as little as can be on loudness, codec and the choice of the
excerpt: the levels (loudness, energy, rms and the first MFCC's mean) are left out, spreads are
taken in proportion to their mean, and a frequency counts in octaves. Spreads of rolloff and zero
crossings are left out: a codec that drops what is inaudible changes them most. The words are
genres, moods, decades, and the synthetic tags.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from db.similarity import tag_vocabulary
from db.similarity.vector_inputs import TrackInput

Array = npt.NDArray[np.float64]
Features = Mapping[str, Any]
"""Columns of `audio_features`."""
_MFCCS, _BANDS, _LAGS = 20, 7, 6


def numbers(features: Sequence[Features | None]) -> Array:
    """Of shape (tracks, NUMBERS); NaN where a feature is None, everywhere for a track that is."""
    table = np.full((len(features), NUMBERS), np.nan)
    for row, each in zip(table, features, strict=True):
        if each is not None:
            row[:] = list(chain.from_iterable(_parts(each)))
    return table


def _parts(found: Features) -> Sequence[Sequence[float]]:
    mean = _list(found, "mfcc_mean", _MFCCS)
    deviation = _list(found, "mfcc_deviation", _MFCCS)
    return (
        mean[1:],
        deviation,
        _list(found, "contrast", _BANDS),
        [_log2(found.get(name)) for name in ("centroid", "bandwidth", "rolloff", "flatness")],
        [_log2(found.get("zero_crossings")), _log2(found.get("bpm"))],
        [
            _ratio(found.get(f"{name}_deviation"), found.get(name))
            for name in ("centroid", "bandwidth", "rms")
        ],
        [_log2(1 + _number(found.get("onset_rate"))), _number(found.get("pulse"))],
        [_number(found.get("chroma_entropy")), _mode(found)],
        _chords(found),
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _list(found: Features, name: str, length: int) -> list[float]:
    values = found.get(name) or []
    return [_number(each) for each in values] if len(values) == length else [np.nan] * length


def _log2(value: float | None) -> float:
    return float(np.log2(value)) if value is not None and value > 0 else np.nan


def _ratio(part: float | None, whole: float | None) -> float:
    return part / whole if part is not None and whole else np.nan


def _mode(found: Features) -> float:
    """1 for a sure major, -1 for a sure minor."""
    sure = _number(found.get("key_confidence"))
    return {"major": sure, "minor": -sure}.get(found.get("mode") or "", np.nan)


def _chords(found: Features) -> list[float]:
    """How much of the pitches sound together at each interval: the chroma's autocorrelation.

    Another key turns the chroma round and leaves this as it is.
    """
    chroma = np.array(_list(found, "chroma_mean", 12))
    power = float(chroma @ chroma)
    if not power > 0:
        return [np.nan] * _LAGS
    return [float(chroma @ np.roll(chroma, lag)) / power for lag in range(1, _LAGS + 1)]


NUMBERS = len(list(chain.from_iterable(_parts({}))))
"""How many numbers a track has."""


def words(track: TrackInput) -> list[str]:
    """The words of a track, sorted, each once, such as `genre:jazz`, `mood:calm`, `decade:1970`."""
    return sorted(
        {
            *_normalised("genre", track.genres),
            *_normalised("mood", track.moods),
            *_derived_words(track),
        }
    )


def genres(track: TrackInput) -> list[str]:
    """The genres among the words."""
    return sorted(set(_normalised("genre", track.genres)))


def _normalised(of: str, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from tag_vocabulary.tag_words(of, text)


def _derived_words(track: TrackInput) -> Iterator[str]:
    yield from tag_vocabulary.decade_words(track.date)
    for tag, *_ in (track.features or {}).get("synthetic_tags") or []:
        yield from tag_vocabulary.sound_words(tag)
