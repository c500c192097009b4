"""A library whose tracks were analysed: drums at several tempos, and chords in several keys."""

import struct
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from db import ledger
from db.library import audio_features, tracks
from db.library.artists import ensure_artists
from db.library.audio_features import EXTRACTOR
from db.library.names import Named
from db.library.spellings import ensure_genres
from db.models import Album, EntityType, Kind, LedgerRow, State, Vector
from db.sql.connection import transaction
from demo import sounds
from jobs import vectorization

DRUMS = [100.0, 104.0, 108.0, 112.0, 116.0, 120.0]
CHORDS = [0, 2, 4, 5, 7, 9]


@cache
def heard(kind: str, value: float) -> dict[str, Any]:
    """The audio features of eight seconds of drums at a tempo, or of chords in a key."""
    import tests.librosa_compiled  # noqa: F401, PLC0415
    from jobs.audio_analysis.features import features  # noqa: PLC0415  # heavy
    from jobs.audio_analysis.spectrum import Excerpt  # noqa: PLC0415

    wave = sounds.clicks(value, 8) if kind == "drums" else sounds.cadence(int(value), "major", 8)
    return features(Excerpt(wave[:, None], sounds.RATE, 0.0, "soundfile", 8.0))


def numbers(stored: bytes) -> list[float]:
    """The numbers of a stored vector."""
    return [number for (number,) in struct.iter_unpack("<f", stored)]


def nearly(stored: bytes) -> Any:
    """What equals the numbers of this vector but for rounding.

    One row and many rows go through different BLAS kernels, whose sums round differently.
    """
    return pytest.approx(numbers(stored), abs=1e-5)


class Library:
    """Tracks in a database, without files."""

    def __init__(self) -> None:
        self.drums = [self.track(f"drums {bpm}", heard("drums", bpm)) for bpm in DRUMS]
        self.chords = [self.track(f"chords {key}", heard("chords", key)) for key in CHORDS]

    @staticmethod
    def track(
        title: str,
        features: dict[str, Any] | None,
        *,
        genres: list[str] | None = None,
        artist: str | None = None,
        **columns: Any,
    ) -> int:
        """The id of a track that was analysed with this result; it needs a vector from now on."""
        row = {
            "path": f"/music/{title}.flac",
            "part": 0,
            "folder": "/music",
            "group_folder": "/music",
            "title": title,
            "codec": "flac",
            "container": "flac",
            "size": 0,
            "mtime_ns": 0,
            "content_id": title,
            "missing_since": None,
            "duration": 8.0,
            **columns,
        }
        with transaction():
            track_id = int(tracks.upsert([row])[row["path"], 0])
            named = ensure_artists({Named(artist): []} if artist else {}).found
            spelt = ensure_genres(genres or [])
            parts = tracks.Parts([], [], [], [])
            parts.artists.extend((track_id, n, *each) for n, each in enumerate(named.values()))
            parts.genres.extend((track_id, n, *each) for n, each in enumerate(spelt.values()))
            tracks.replace_parts([track_id], parts)
            ledger.need(Kind.ANALYSIS, EntityType.TRACK, [track_id])
            state = State.DONE if features else State.FAILED
            LedgerRow.update(state=state).where(LedgerRow.entity_id == track_id).execute()
            if features:
                beside = {"track": track_id, "extractor": EXTRACTOR, "content_id": title}
                audio_features.record_features([features | beside])
            ledger.need(Kind.VECTOR, EntityType.TRACK, [track_id])
        return track_id

    @property
    def everyone(self) -> list[int]:
        """All tracks that were analysed at first."""
        return self.drums + self.chords

    @staticmethod
    def album(title: str, track_ids: list[int]) -> int:
        """The id of an album of these tracks."""
        album = Album.create(key=title, title=title)
        tracks.set_album(track_ids, album.id)
        return int(album.id)

    @staticmethod
    def need(entity_id: int, entity_type: EntityType = EntityType.TRACK) -> LedgerRow:
        """The ledger row of an entity's vector."""
        return LedgerRow.get(
            LedgerRow.kind == Kind.VECTOR,
            LedgerRow.entity_type == entity_type,
            LedgerRow.entity_id == entity_id,
        )

    @staticmethod
    def vectors(entity_type: EntityType = EntityType.TRACK) -> dict[int, bytes]:
        """All vectors of the newest model that has any, by entity."""
        rows = Vector.select().where(Vector.entity_type == entity_type).order_by(Vector.model)
        return {row.entity_id: bytes(row.numbers) for row in rows}


@pytest.fixture
def library(database: str, queues: object, data_dir: Path) -> Library:
    """Six tracks of drums and six of chords, on SQLite and PostgreSQL, without a model."""
    return Library()


@pytest.fixture
def trained(library: Library) -> Library:
    """The same with a model."""
    vectorization.batch(library.everyone)
    assert vectorization.train("test")
    return library
