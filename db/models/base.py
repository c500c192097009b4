"""What every table shares: the open database, the words for entities, needs and their states."""

from datetime import UTC, datetime
from enum import StrEnum

from peewee import DatabaseProxy, Model, TextField

database = DatabaseProxy()
"""The open database; `db.sql.connection.open_database` points it at SQLite or PostgreSQL."""


def utc_now() -> datetime:
    """The present moment as these tables store it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class PathField(TextField):
    """A path in the text form of `db.sql.path_text`, compared byte by byte on every database.

    So what lies below a folder is one range of its index. `db.sql.connection` says what type it is.
    """

    field_type = "PATH"


class EntityType(StrEnum):
    """What a cover or a ledger row belongs to."""

    TRACK = "track"
    ALBUM = "album"
    ARTIST = "artist"
    FILE = "file"
    """A file that has a problem; its id is that of the row of `problems`."""


class Kind(StrEnum):
    """What an entity can need."""

    PICTURE = "picture"
    """The embedded picture that this track carries for itself and its equals is to be stored."""
    COVER = "cover"
    REMOTE = "remote"
    """A picture is to be looked for on the web, for there is none on disk."""
    ENRICHMENT = "enrichment"
    """What the tags lack is to be fetched from the web."""
    ANALYSIS = "analysis"
    """Its sound is to be analysed."""
    VECTOR = "vector"
    """Its place among the others is to be found."""
    TAGS = "tags"
    """A file's tags are to be read; a row only for a file that is quarantined."""


class Role(StrEnum):
    """As what an entity shows a picture. An album also shows one of each disc: `Role.of_disc`."""

    FRONT = "front"
    FANART = "fanart"
    """A wide picture behind an artist's page."""
    LOGO = "logo"
    """An artist's name as a picture."""

    @staticmethod
    def of_disc(disc: int) -> str:
        """The role in which an album shows the picture of a disc."""
        return f"disc-{disc}"


class State(StrEnum):
    """Where a need stands. `none` means looked for and not there, `quarantined` not to be tried.

    `waiting` means that the surroundings keep it from being done, see `db.ledger.surroundings`;
    `cancelled` that somebody does not want it done, until somebody asks for it again.
    """

    TODO = "todo"
    LEASED = "leased"
    WAITING = "waiting"
    DONE = "done"
    NONE = "none"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    CANCELLED = "cancelled"


class Source(StrEnum):
    """Where a value is from that was guessed: not written in the file's tags as it is shown."""

    FILE_NAME = "file name"
    FOLDER = "folder"
    ALBUM_TITLE = "album's title"
    NFO = "nfo"
    CUE_SHEET = "cue sheet"
    CHARSET = "character set"
    """Written in a tag that names no character set, or a wrong one."""


Guesses = dict[str, str]
"""Fields that were guessed, each with its `Source`. Columns hold None where there are none."""


class Table(Model):
    """What every table shares."""

    class Meta:
        database = database
        legacy_table_names = False
