"""The tables: what the fleet knows of a music library, the same for SQLite and PostgreSQL.

Times are naive UTC. Paths are text as `db.paths` writes it. A change here needs a migration.
"""

from datetime import UTC, datetime
from enum import StrEnum

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    DatabaseProxy,
    DateTimeField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)

database = DatabaseProxy()
"""The open database; `db.connection.open_database` points it at SQLite or PostgreSQL."""


def utc_now() -> datetime:
    """The present moment as these tables store it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


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
    TAGS = "tags"
    """A file's tags are to be read; a row only for a file that is quarantined."""


class State(StrEnum):
    """Where a need stands. `none` means looked for and not there, `quarantined` not to be tried."""

    TODO = "todo"
    LEASED = "leased"
    DONE = "done"
    NONE = "none"
    FAILED = "failed"
    QUARANTINED = "quarantined"


class Table(Model):
    """What every table shares."""

    class Meta:
        database = database
        legacy_table_names = False


class Artist(Table):
    """A credited name, as written. Two spellings are two artists."""

    id = AutoField()
    name = TextField(unique=True)
    sort_name = TextField(null=True)
    musicbrainz_id = TextField(null=True)

    class Meta:
        table_name = "artists"


class Album(Table):
    """An album: what `jobs.batch` groups under one key."""

    id = AutoField()
    key = TextField(unique=True)
    """The natural key; see `jobs.batch.grouping`."""
    title = TextField(null=True)
    album_artist = TextField(null=True)
    """The album artists as shown."""
    sort_title = TextField(null=True)
    date = TextField(null=True)
    original_date = TextField(null=True)
    compilation = BooleanField(default=False)
    disc_total = IntegerField(null=True)
    label = TextField(null=True)
    catalogue_number = TextField(null=True)
    musicbrainz_release_id = TextField(null=True, index=True)
    musicbrainz_release_group_id = TextField(null=True)
    added_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "albums"


class Track(Table):
    """An audio file that was read."""

    id = AutoField()
    path = TextField(unique=True)
    folder = TextField(index=True)
    group_folder = TextField(index=True)
    """The folder that stands for the album's place; see `jobs.batch.folders`."""
    album = ForeignKeyField(Album, null=True, backref="tracks", on_delete="SET NULL")
    album_id: int | None
    title = TextField(null=True)
    disc = IntegerField(null=True)
    disc_total = IntegerField(null=True)
    disc_subtitle = TextField(null=True)
    track = IntegerField(null=True)
    track_total = IntegerField(null=True)
    date = TextField(null=True)
    original_date = TextField(null=True)

    album_title = TextField(null=True)
    """The album as the file names it."""
    album_artist_names = JSONField(default=list)
    """The album artists as the file names them: a list of text."""
    compilation = BooleanField(default=False)

    composers = JSONField(default=list)
    moods = JSONField(default=list)
    bpm = FloatField(null=True)
    key = TextField(null=True)
    labels = JSONField(default=list)
    catalogue_numbers = JSONField(default=list)
    isrcs = JSONField(default=list)
    has_lyrics = BooleanField(default=False)
    replaygain_track_gain = FloatField(null=True)
    replaygain_track_peak = FloatField(null=True)
    replaygain_album_gain = FloatField(null=True)
    replaygain_album_peak = FloatField(null=True)
    title_sort = TextField(null=True)
    album_sort = TextField(null=True)
    artist_sorts = JSONField(default=list)
    album_artist_sorts = JSONField(default=list)

    musicbrainz_recording_id = TextField(null=True)
    musicbrainz_track_id = TextField(null=True)
    musicbrainz_release_id = TextField(null=True)
    musicbrainz_release_group_id = TextField(null=True)
    musicbrainz_artist_ids = JSONField(default=list)
    musicbrainz_album_artist_ids = JSONField(default=list)
    acoustid = TextField(null=True)

    duration = FloatField(null=True)
    """Seconds."""
    codec = TextField()
    container = TextField()
    bit_rate = IntegerField(null=True)
    sample_rate = IntegerField(null=True)
    bit_depth = IntegerField(null=True)
    channels = IntegerField(null=True)

    size = BigIntegerField()
    mtime_ns = BigIntegerField()
    content_id = TextField(index=True)
    """Equal for a file that was moved or copied; see `jobs.content`."""
    missing_since = DateTimeField(null=True, index=True)
    """When a scan first found the file gone or no longer readable; None while it is there."""
    added_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "tracks"


class TrackArtist(Table):
    """The artists of a track, in the order of its tag."""

    track = ForeignKeyField(Track, backref="track_artists", on_delete="CASCADE")
    position = IntegerField()
    artist = ForeignKeyField(Artist, backref="track_artists", on_delete="CASCADE")

    class Meta:
        table_name = "track_artists"
        primary_key = CompositeKey("track", "position")


class AlbumArtist(Table):
    """The artists of an album, in order."""

    album = ForeignKeyField(Album, backref="album_artists", on_delete="CASCADE")
    position = IntegerField()
    artist = ForeignKeyField(Artist, backref="album_artists", on_delete="CASCADE")

    class Meta:
        table_name = "album_artists"
        primary_key = CompositeKey("album", "position")


class Genre(Table):
    """A genre, as written."""

    id = AutoField()
    name = TextField(unique=True)

    class Meta:
        table_name = "genres"


class TrackGenre(Table):
    """The genres of a track, in the order of its tag."""

    track = ForeignKeyField(Track, backref="track_genres", on_delete="CASCADE")
    position = IntegerField()
    genre = ForeignKeyField(Genre, backref="track_genres", on_delete="CASCADE")

    class Meta:
        table_name = "track_genres"
        primary_key = CompositeKey("track", "position")


class EmbeddedPicture(Table):
    """A picture inside an audio file; its bytes are in the store once `images` has the digest."""

    track = ForeignKeyField(Track, backref="pictures", on_delete="CASCADE")
    position = IntegerField()
    type = IntegerField()
    """The ID3v2 APIC picture type: 3 is the front cover."""
    mime = TextField()
    bytes = IntegerField()
    digest = TextField(index=True)

    class Meta:
        table_name = "embedded_pictures"
        primary_key = CompositeKey("track", "position")


class FolderImage(Table):
    """A picture file seen beside the music, so that a scan notices when it changes."""

    id = AutoField()
    path = TextField(unique=True)
    folder = TextField(index=True)
    size = BigIntegerField()
    mtime_ns = BigIntegerField()

    class Meta:
        table_name = "folder_images"


class Image(Table):
    """A distinct picture in the store. One that cannot be decoded keeps its bytes and says why."""

    id = AutoField()
    digest = TextField(unique=True)
    """SHA-256 of the bytes, in hex; also the name of the file in the store."""
    mime = TextField()
    width = IntegerField(null=True)
    height = IntegerField(null=True)
    bytes = IntegerField()
    fault = TextField(null=True)
    """Why the picture cannot be shown; None when it can."""
    animated = BooleanField(default=False)
    colour = TextField(null=True)
    """The dominant colour, "#rrggbb"."""
    placeholder = TextField(null=True)
    """A ThumbHash, in base64: what is shown until the picture is there."""
    added_at = DateTimeField(default=utc_now)
    unused_since = DateTimeField(null=True)
    """When upkeep first found that nothing points to it; None while something does."""

    class Meta:
        table_name = "images"


class Cover(Table):
    """Which image an entity shows in a role."""

    id = AutoField()
    entity_type = TextField()
    entity_id = IntegerField()
    image = ForeignKeyField(Image, backref="covers", on_delete="CASCADE")
    role = TextField(default="front")
    """front; disc-N for a disc of an album; fanart or logo of an artist."""
    source = TextField()
    """chosen, embedded, folder, or a provider's name: where the image was found."""
    rank = IntegerField()
    """The place of the source in the order of choice; 0 is the best, -1 the user's own choice."""
    source_path = TextField()
    """The audio or picture file, or the URL, that the image was taken from."""
    licence = TextField(null=True)
    author = TextField(null=True)
    """Under what terms the image may be shown, and whose work it is, where a provider says so."""

    class Meta:
        table_name = "covers"
        indexes = ((("entity_type", "entity_id", "role"), True),)


class ChosenImage(Table):
    """An image that the user chose for an entity. It beats whatever else is found."""

    id = AutoField()
    entity_type = TextField()
    entity_id = IntegerField()
    role = TextField(default="front")
    image = ForeignKeyField(Image, backref="choices", on_delete="CASCADE")
    source_path = TextField()
    """The file that the user named."""
    chosen_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "chosen_images"
        indexes = ((("entity_type", "entity_id", "role"), True),)


class ArtistPicture(Table):
    """A picture file on disk that may show an artist."""

    id = AutoField()
    artist = ForeignKeyField(Artist, backref="pictures", on_delete="CASCADE")
    role = TextField()
    """front, fanart or logo."""
    rank = IntegerField()
    """The place of its name in the order of choice; 0 is the best."""
    path = TextField()
    digest = TextField(null=True, index=True)
    """Its content in the store; None when it could not be read."""

    class Meta:
        table_name = "artist_pictures"
        indexes = ((("artist", "path", "role"), True),)


class ProviderAnswer(Table):
    """What a provider on the web answered, so that it is not asked again too soon."""

    id = AutoField()
    provider = TextField()
    question = TextField()
    """What was asked, in a form that is the same each time."""
    found = BooleanField()
    answer = JSONField(default=dict)
    asked_at = DateTimeField(default=utc_now)
    ask_again_at = DateTimeField()

    class Meta:
        table_name = "provider_answers"
        indexes = ((("provider", "question"), True),)


class LedgerRow(Table):
    """What an entity still needs, or how that need was settled."""

    id = AutoField()
    kind = TextField()
    entity_type = TextField()
    entity_id = IntegerField()
    state = TextField(default=State.TODO.value)
    reason = TextField(null=True)
    sources = JSONField(default=list)
    """Where it was looked for: a list of text."""
    attempt = IntegerField(default=0)
    lease = TextField(null=True)
    """The job that works on it."""
    lease_attempt = IntegerField(default=0)
    """Which attempt of that job."""
    leased_until = DateTimeField(null=True)
    look_again_at = DateTimeField(null=True)
    """When what failed or was not there is tried again; None: only when asked for anew."""
    stage = TextField(null=True)
    """The job in which it was quarantined."""
    signal = TextField(null=True)
    """What ended the processes that worked on it: SIGSEGV, memory, timeout …"""
    path = TextField(null=True)
    """The file or folder that is quarantined."""

    class Meta:
        table_name = "ledger"
        indexes = (
            (("kind", "entity_type", "entity_id"), True),
            (("kind", "entity_type", "state"), False),
            (("lease",), False),
        )


class Scan(Table):
    """One look at one root. It ends when it was walked and every chunk is done."""

    id = AutoField()
    root = TextField()
    deep = BooleanField(default=False)
    started_at = DateTimeField(default=utc_now)
    heartbeat_at = DateTimeField(default=utc_now)
    walked_at = DateTimeField(null=True)
    finished_at = DateTimeField(null=True)
    fault = TextField(null=True)
    """Why the scan ended without a result; None when it has one."""
    found = IntegerField(default=0)
    unchanged = IntegerField(default=0)
    missing = IntegerField(default=0)
    new = IntegerField(default=0)
    changed = IntegerField(default=0)
    moved = IntegerField(default=0)
    unreadable = IntegerField(default=0)

    class Meta:
        table_name = "scans"


class ScanChunk(Table):
    """A handful of files on their way from discovery to the tables."""

    id = AutoField()
    scan = ForeignKeyField(Scan, backref="chunks", on_delete="CASCADE")
    scan_id: int
    files = JSONField(default=list)
    """The `jobs.records.FoundFile` to read, as JSON."""
    regroup = JSONField(default=list)
    """Group folders whose tracks are to be grouped anew."""
    split_folder = TextField(null=True)
    """The group folder when it was too large for one chunk."""
    file_count = IntegerField(default=0)
    failures = IntegerField(default=0)
    """How often a job of it failed for good."""
    again_at = DateTimeField(null=True)
    """Not before this time is a chunk that failed tried again."""
    done_at = DateTimeField(null=True)

    class Meta:
        table_name = "scan_chunks"
        indexes = ((("scan", "done_at"), False),)


class Problem(Table):
    """A file that costs only itself, and why."""

    id = AutoField()
    path = TextField()
    stage = TextField()
    code = TextField()
    """A `jobs.records.ProblemCode`."""
    message = TextField()
    size = BigIntegerField(null=True)
    mtime_ns = BigIntegerField(null=True)
    first_seen = DateTimeField(default=utc_now)
    last_seen = DateTimeField(default=utc_now)

    class Meta:
        table_name = "problems"
        indexes = ((("path", "stage"), True),)


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
    LedgerRow,
    Scan,
    ScanChunk,
    Problem,
)
