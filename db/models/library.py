"""What the files say: tracks with their audio features, albums, artists and genres."""

from peewee import (
    OP,
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    DateTimeField,
    DoubleField,
    Expression,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import PathField, Table, utc_now


class Artist(Table):
    """Who is credited: one of a MusicBrainz id, or of a name that comes without any."""

    id = AutoField()
    key = TextField(null=True, unique=True)
    """The natural key: mbid:ID, or name:KEY of `db.library.names.name_key`; None: of no file."""
    name = TextField()
    """As most tracks write it. Two artists may have one name."""
    sort_name = TextField(null=True)
    musicbrainz_id = TextField(null=True, index=True)
    sort_key = TextField(null=True)
    """What lists of artists are sorted by; triggers of the database keep it, see migration 027."""
    name_letters = TextField(null=True, index=True)
    """Just the letters and digits of the name, as files may be called; triggers keep it, too."""
    sort_letters = TextField(null=True, index=True)

    class Meta:
        table_name = "artists"


Artist.add_index(Artist.sort_key, Artist.id)


class ArtistName(Table):
    """A spelling of an artist, and how often it is used."""

    id = AutoField()
    artist = ForeignKeyField(Artist, backref="names", on_delete="CASCADE", index=False)
    artist_id: int
    name = TextField()
    key = TextField(index=True)
    """Its `db.library.names.name_key`."""
    by_id = BooleanField(default=False)
    """Whether it is how those files write it that give the artist's MusicBrainz id with it."""
    given = TextField(default="", constraints=[SQL("DEFAULT ''")])
    """The id that those files give with it and that is not believed: `db.library.spellings`."""
    tracks = IntegerField(default=0)
    albums = IntegerField(default=0)

    class Meta:
        table_name = "artist_names"
        indexes = ((("artist", "name", "by_id", "given"), True),)


ArtistName.add_index(ArtistName.index(ArtistName.given, where=SQL("\"given\" <> ''")))


class Album(Table):
    """An album: what `jobs.batch` groups under one key."""

    id = AutoField()
    key = TextField(unique=True)
    """The natural key; see `jobs.batch.album_groups`."""
    release = TextField(null=True, index=True)
    """What the editions of one release have in common: its id, or title and artists."""
    edition = TextField(null=True)
    """What distinguishes an edition from the others of its release: "FLAC", "Deluxe Edition"."""
    title_key = TextField(null=True, index=True)
    """The title as grouping compares it: without case, typography and a disc."""
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
    guessed = JSONField(null=True)
    """Which of title, album_artist, date and original_date were guessed: `db.models.Guesses`."""
    present = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    """How many of its tracks are there; triggers of the database keep it, see migration 021."""
    sort_key = TextField(null=True)
    """What is sorted by title is sorted by this; triggers keep it, see migration 027."""
    artist_key = TextField(null=True)
    """The album artists likewise."""

    class Meta:
        table_name = "albums"


IS_PRESENT = Expression(Album.present, OP.GT, SQL("0"))
"""Albums of which a track is there: only a query that says just this finds them by the index."""
Album.add_index(Album.index(Album.added_at, Album.id, where=IS_PRESENT))
Album.add_index(Album.index(Album.sort_key, Album.id, where=IS_PRESENT))
YEAR = 'SUBSTR(COALESCE("original_date", "date", \'\'), 1, 4)'
"""The year of an album, as its indexes have it; empty where there is none."""
for _index in (
    f'"album_artist_key" ON "albums" ("artist_key", {YEAR}, "sort_key", "id")',
    f'"album_year" ON "albums" ({YEAR} DESC, "sort_key", "id")',
):
    Album.add_index(SQL(f'CREATE INDEX {_index} WHERE "present" > 0'))


class Track(Table):
    """An audio file that was read, or a part of one that a cue sheet divides."""

    id = AutoField()
    path = PathField()
    """Of the file."""
    part = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    """The number of the part, as the sheet has it; 0 for the whole file."""
    start = DoubleField(null=True)
    """Seconds from the beginning of the file to that of the part; None for the whole file."""
    folder = PathField(index=True)
    group_folder = PathField(index=True)
    """The folder that stands for the album's place; see `db.scanning.library_files`."""
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
    artist_credit = TextField(null=True)
    """The artists in one text, where the file has one beside the list of them."""
    album_artist_credit = TextField(null=True)
    compilation = BooleanField(default=False)

    composers = JSONField(default=list)
    moods = JSONField(default=list)
    bpm = FloatField(null=True)
    own_bpm = FloatField(null=True)
    """The tempo as the owner corrected it: `db.library.audio_features.correct_tempo`."""
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

    guessed = JSONField(null=True)
    """Which fields of `jobs.tags.Tags` were guessed: `db.models.Guesses`."""

    size = BigIntegerField()
    mtime_ns = BigIntegerField()
    content_id = TextField()
    """Equal for a file that was moved or copied; see `jobs.content`."""
    reader = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    """The `db.scanning.library_files.READER` that read it; after an older one it is read again."""
    sound_id = TextField(null=True, index=True)
    """Equal for a file that was retagged too; None where it is not known, and of one that was last
    read before there were any."""
    missing_since = DateTimeField(null=True)
    """When a scan first found the file gone or no longer readable; None while it is there."""
    added_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "tracks"
        indexes = ((("path", "part"), True),)


Track.add_index(Track.index(Track.missing_since, where=Track.missing_since.is_null(False)))
Track.add_index(Track.index(Track.size, where=Track.missing_since.is_null(False)))
Track.add_index(
    Track.index(Track.musicbrainz_track_id, where=Track.musicbrainz_track_id.is_null(False))
)
# Partial, for nearly all are there: SQLite would go by it to all of those that are.


class TrackArtist(Table):
    """The artists of a track, in the order of its tag."""

    track = ForeignKeyField(Track, backref="track_artists", on_delete="CASCADE", index=False)
    position = IntegerField()
    artist = ForeignKeyField(Artist, backref="track_artists", on_delete="CASCADE")
    spelling = IntegerField(null=True)
    """How the artist is written here: the id of a row of `artist_names`."""

    class Meta:
        table_name = "track_artists"
        primary_key = CompositeKey("track", "position")


class Lyrics(Table):
    """The lyrics of a track: of its tags, and of a file beside it."""

    track = ForeignKeyField(Track, backref="lyrics", on_delete="CASCADE", index=False)
    position = IntegerField()
    source = TextField()
    """tags, or file."""
    language = TextField(null=True)
    is_synced = BooleanField(default=False)
    """Whether the text has times, as in LRC files."""
    text = TextField()

    class Meta:
        table_name = "lyrics"
        primary_key = CompositeKey("track", "position")


class AlbumArtist(Table):
    """The artists of an album, in order."""

    album = ForeignKeyField(Album, backref="album_artists", on_delete="CASCADE", index=False)
    position = IntegerField()
    artist = ForeignKeyField(Artist, backref="album_artists", on_delete="CASCADE")
    spelling = IntegerField(null=True)
    """How the artist is written here: the id of a row of `artist_names`."""

    class Meta:
        table_name = "album_artists"
        primary_key = CompositeKey("album", "position")


class Genre(Table):
    """A genre. Case and typography make no other one."""

    id = AutoField()
    key = TextField(null=True, unique=True)
    """Its `db.library.names.name_key`; None: of no file."""
    name = TextField()
    """As most tracks write it."""

    class Meta:
        table_name = "genres"


class GenreName(Table):
    """A spelling of a genre, and how many tracks use it."""

    id = AutoField()
    genre = ForeignKeyField(Genre, backref="names", on_delete="CASCADE", index=False)
    genre_id: int
    name = TextField()
    tracks = IntegerField(default=0)

    class Meta:
        table_name = "genre_names"
        indexes = ((("genre", "name"), True),)


class TrackGenre(Table):
    """The genres of a track, in the order of its tag."""

    track = ForeignKeyField(Track, backref="track_genres", on_delete="CASCADE", index=False)
    position = IntegerField()
    genre = ForeignKeyField(Genre, backref="track_genres", on_delete="CASCADE")
    spelling = IntegerField(null=True)
    """How it is written here: the id of a row of `genre_names`."""

    class Meta:
        table_name = "track_genres"
        primary_key = CompositeKey("track", "position")


class AudioFeatures(Table):
    """The audio features of a track's excerpt; see `jobs.audio_analysis`.

    Most are None for silence. Each is a mean over the excerpt's frames, and its `…_deviation` their
    standard deviation.
    """

    track = ForeignKeyField(Track, primary_key=True, backref="features", on_delete="CASCADE")
    track_id: int
    extractor = IntegerField(index=True)
    """The version of the extractor that wrote the row."""
    content_id = TextField()
    """That of the track when it was analysed: another one has another sound, or other tags."""
    analysed_at = DateTimeField(default=utc_now, index=True)
    decoder = TextField()
    """soundfile or pyav."""
    start = FloatField()
    """Seconds from the beginning of the track to the excerpt."""
    seconds = FloatField()
    """How long the excerpt is."""

    bpm = FloatField(null=True, index=True)
    """Beats a minute, as the owner corrected it, else as found; None when there is no pulse."""
    bpm_confidence = FloatField(null=True)
    """0 to 1: how sure the one that was found is."""
    bpm_candidates = JSONField(default=list)
    """[beats a minute, strength 0 to 1]: the tempo, and those it may be taken for."""
    tag_bpm = FloatField(null=True)
    """What the file's tags say the tempo is."""
    pulse = FloatField(null=True)
    """How clear the pulse is, 0 to 1."""
    onset_rate = FloatField(null=True)
    """Onsets a second."""

    key = TextField(null=True)
    """Such as F#m and Bb; None when nothing has a pitch."""
    mode = TextField(null=True)
    """major or minor."""
    camelot = TextField(null=True, index=True)
    """The key's place on the Camelot wheel, 1A to 12B."""
    key_confidence = FloatField(null=True)
    """0 to 1."""
    tuning = FloatField(null=True)
    """Cents above A = 440 Hz."""
    chroma_mean = JSONField(default=list)
    """From C on, twelve numbers of 0 to 1."""
    chroma_deviation = JSONField(default=list)
    chroma_entropy = FloatField(null=True)
    """0 for one pitch class, 1 for all of equal strength."""

    loudness = FloatField(null=True)
    """LUFS, of EBU R 128; None for silence."""
    loudness_range = FloatField(null=True)
    """LU, of EBU Tech 3342."""
    peak = FloatField()
    """dBFS."""
    dynamic_range = FloatField()
    """dB from the loudest parts up to the peak."""

    centroid = FloatField(null=True)
    """Hz, as the next two; see `jobs.audio_analysis.timbre`."""
    centroid_deviation = FloatField(null=True)
    bandwidth = FloatField(null=True)
    bandwidth_deviation = FloatField(null=True)
    rolloff = FloatField(null=True)
    rolloff_deviation = FloatField(null=True)
    flatness = FloatField(null=True)
    """0 a tone, 1 white noise."""
    flatness_deviation = FloatField(null=True)
    zero_crossings = FloatField(null=True)
    """A second."""
    zero_crossings_deviation = FloatField(null=True)
    rms = FloatField(null=True)
    """Full scale is 1."""
    rms_deviation = FloatField(null=True)
    contrast = JSONField(default=list)
    """dB in seven sub-bands."""
    mfcc_mean = JSONField(default=list)
    """Twenty coefficients."""
    mfcc_deviation = JSONField(default=list)

    energy = FloatField(null=True)
    """0 to 1, as the next four; see `db.library.sound_scores`."""
    danceability = FloatField(null=True)
    acousticness = FloatField(null=True)
    instrumentalness = FloatField(null=True)
    valence = FloatField(null=True)
    synthetic_tags = JSONField(default=list)
    """[tag, feature and value that it came from]."""
    found = JSONField(null=True)
    """Where the owner corrected the tempo: what was found, `db.library.sound_scores.BY_TEMPO`."""

    class Meta:
        table_name = "audio_features"
