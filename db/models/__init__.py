"""The tables: what the fleet knows of a music library, the same for SQLite and PostgreSQL.

Times are naive UTC. Paths are text as `db.paths` writes it. A change here needs a migration.
"""

from db.models.base import EntityType, Kind, State, Table, database, utc_now
from db.models.clock import ScheduleTime
from db.models.clusters import Cluster, ClusterMembership, ClusterModel
from db.models.enrichment import Fact
from db.models.monitoring import ModelHealth, TagCheck, TagWord
from db.models.music import Album, AlbumArtist, Artist, Genre, Track, TrackArtist, TrackGenre
from db.models.pictures import (
    ArtistPicture,
    ChosenImage,
    Cover,
    EmbeddedPicture,
    FolderImage,
    Image,
    ProviderAnswer,
)
from db.models.reports import HealthReport
from db.models.similarity import Vector, VectorModel
from db.models.sound import AudioFeatures
from db.models.upkeep import MaintenanceRun
from db.models.work import LedgerRow, Problem, Scan, ScanChunk

__all__ = [
    "TABLES",
    "Album",
    "AlbumArtist",
    "Artist",
    "ArtistPicture",
    "AudioFeatures",
    "ChosenImage",
    "Cluster",
    "ClusterMembership",
    "ClusterModel",
    "Cover",
    "EmbeddedPicture",
    "EntityType",
    "Fact",
    "FolderImage",
    "Genre",
    "HealthReport",
    "Image",
    "Kind",
    "LedgerRow",
    "MaintenanceRun",
    "ModelHealth",
    "Problem",
    "ProviderAnswer",
    "Scan",
    "ScanChunk",
    "ScheduleTime",
    "State",
    "Table",
    "TagCheck",
    "TagWord",
    "Track",
    "TrackArtist",
    "TrackGenre",
    "Vector",
    "VectorModel",
    "database",
    "utc_now",
]

TABLES: tuple[type[Table], ...] = (
    Artist,
    Album,
    Track,
    TrackArtist,
    AlbumArtist,
    Genre,
    TrackGenre,
    EmbeddedPicture,
    FolderImage,
    Image,
    Cover,
    ChosenImage,
    ArtistPicture,
    ProviderAnswer,
    Fact,
    AudioFeatures,
    VectorModel,
    Vector,
    ClusterModel,
    Cluster,
    ClusterMembership,
    TagWord,
    TagCheck,
    ModelHealth,
    LedgerRow,
    Scan,
    ScanChunk,
    Problem,
    MaintenanceRun,
    HealthReport,
    ScheduleTime,
)
