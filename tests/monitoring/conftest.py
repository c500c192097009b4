"""A library of seeded numbers in place of audio features: kinds of music that lie apart."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from db.library import audio_features, tracks
from db.library.spellings import ensure_genres
from db.models import EntityType, Kind, LedgerRow, State
from db.sql.connection import transaction

_LISTS = {"mfcc_mean": 20, "mfcc_deviation": 20, "contrast": 7, "chroma_mean": 12}
_NUMBERS = (
    "centroid",
    "bandwidth",
    "rolloff",
    "flatness",
    "zero_crossings",
    "bpm",
    "rms",
    "centroid_deviation",
    "bandwidth_deviation",
    "rms_deviation",
    "onset_rate",
    "pulse",
    "chroma_entropy",
    "key_confidence",
)


def heard(kind: int, draw: random.Random) -> dict[str, Any]:
    """Columns of `audio_features` for a track of a kind of music: around that kind's centre."""
    centre = random.Random(kind)

    def number() -> float:
        return abs(centre.uniform(10, 30) + draw.gauss(0, 1))

    found: dict[str, Any] = {name: [number() for _ in range(n)] for name, n in _LISTS.items()}
    found |= {name: number() for name in _NUMBERS}
    excerpt = {"decoder": "soundfile", "start": 0.0, "seconds": 90.0}
    return found | excerpt | {"peak": -1.0, "dynamic_range": 10.0, "mode": "major"}


class Library:
    """Tracks in a database, without files. The analysis of each is done or failed."""

    def __init__(self) -> None:
        self.draw = random.Random(0)
        self.count = 0

    def add(
        self,
        kind: int | None = 0,
        *,
        genres: list[str] | None = None,
        sounds: list[str] | None = None,
        **columns: Any,
    ) -> int:
        """The id of a new track; of no kind when its analysis failed."""
        (track_id,) = self._add([(kind, genres or [])], sounds or [], columns)
        return track_id

    def fill(self, count: int = 15, kinds: int = 4) -> list[int]:
        """So many tracks of each kind, whose genre is that of the kind."""
        kind_of = [kind for kind in range(kinds) for _ in range(count)]
        return self._add([(kind, [f"Genre {kind}"]) for kind in kind_of], [], {})

    def _add(
        self,
        added: Sequence[tuple[int | None, list[str]]],
        sounds: list[str],
        columns: dict[str, Any],
    ) -> list[int]:
        """The ids of new tracks, by the kind and the genres of each."""
        first, self.count = self.count + 1, self.count + len(added)
        paths = [f"/music/{number}.flac" for number in range(first, self.count + 1)]
        empty = {"codec": "flac", "container": "flac", "size": 0, "mtime_ns": 0}
        place = {"part": 0, "folder": "/music", "group_folder": "/music"}
        rows = [{"path": path, "content_id": path, **place, **empty, **columns} for path in paths]
        with transaction():
            ids = tracks.upsert(rows)
            track_ids = [int(ids[path, 0]) for path in paths]
            known = ensure_genres(name for _, names in added for name in names)
            parts = tracks.Parts([], [], [], [])
            for track_id, (_, names) in zip(track_ids, added, strict=True):
                parts.genres.extend((track_id, n, *known[name]) for n, name in enumerate(names))
            tracks.replace_parts(track_ids, parts)
            self._analyse(dict(zip(track_ids, [kind for kind, _ in added], strict=True)), sounds)
        return track_ids

    def _analyse(self, kinds: dict[int, int | None], sounds: list[str]) -> None:
        need = {"kind": Kind.ANALYSIS, "entity_type": EntityType.TRACK}
        LedgerRow.insert_many(
            {**need, "entity_id": each, "state": State.FAILED if kind is None else State.DONE}
            for each, kind in kinds.items()
        ).execute()
        tags = [[name, "centroid 100"] for name in sounds]
        beside = {"extractor": 1, "content_id": "", "synthetic_tags": tags}
        audio_features.record_features(
            [
                heard(kind, self.draw) | beside | {"track": track_id}
                for track_id, kind in kinds.items()
                if kind is not None
            ]
        )


@pytest.fixture
def library(database: str, queues: object, data_dir: Path) -> Library:
    """An empty one, on SQLite and PostgreSQL."""
    return Library()
