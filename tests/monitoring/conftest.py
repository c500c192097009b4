"""A library of seeded numbers in place of audio features: kinds of music that lie apart."""

import random
from pathlib import Path
from typing import Any

import pytest

from db.library import audio_features, tracks
from db.models import EntityType, Genre, Kind, LedgerRow, State
from db.sql.connection import transaction
from db.sql.queries import ensure_rows

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
        self.count += 1
        path = f"/music/{self.count}.flac"
        empty = {"codec": "flac", "container": "flac", "size": 0, "mtime_ns": 0, "content_id": path}
        row = {"path": path, "folder": "/music", "group_folder": "/music", **empty, **columns}
        with transaction():
            track_id = int(tracks.upsert([row])[path])
            ids = ensure_rows(Genre.name, genres or [])
            parts = tracks.Parts([], [], [])
            parts.genres.extend((track_id, place, ids[name]) for place, name in enumerate(ids))
            tracks.replace_parts([track_id], parts)
            state = State.FAILED if kind is None else State.DONE
            need = {"kind": Kind.ANALYSIS, "entity_type": EntityType.TRACK, "state": state}
            LedgerRow.create(entity_id=track_id, **need)
            if kind is not None:
                tags = [[name, "centroid 100"] for name in sounds or []]
                beside = {"track": track_id, "extractor": 1, "content_id": path}
                found = heard(kind, self.draw) | beside | {"synthetic_tags": tags}
                audio_features.record_features([found])
        return track_id

    def fill(self, count: int = 15, kinds: int = 4) -> list[int]:
        """So many tracks of each kind, whose genre is that of the kind."""
        kind_of = [kind for kind in range(kinds) for _ in range(count)]
        with transaction():
            return [self.add(kind, genres=[f"Genre {kind}"]) for kind in kind_of]


@pytest.fixture
def library(database: str, queues: object, data_dir: Path) -> Library:
    """An empty one, on SQLite and PostgreSQL."""
    return Library()
