"""The tables: what the fleet knows of a music library, the same for SQLite and PostgreSQL.

Times are naive UTC. Paths are text as `db.sql.path_text` writes it. A change here needs a
migration.
"""

from db.models.artwork import ArtistPicture, ChosenImage, Cover, EmbeddedPicture, FolderImage, Image
from db.models.base import EntityType, Kind, Role, State, Table, database, utc_now
from db.models.enrichment import Fact, ProviderAnswer
from db.models.library import (
    Album,
    AlbumArtist,
    Artist,
    AudioFeatures,
    Genre,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.models.maintenance import HealthReport, LibraryIdentity, MaintenanceRun, ScheduleTime
from db.models.similarity import (
    Cluster,
    ClusterMembership,
    ClusterModel,
    ModelHealth,
    TagCheck,
    TagWord,
    Vector,
    VectorModel,
)
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
    "LibraryIdentity",
    "MaintenanceRun",
    "ModelHealth",
    "Problem",
    "ProviderAnswer",
    "Role",
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
    LibraryIdentity,
)
