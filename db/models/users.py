"""Who uses the library by players and programs, and what is theirs: stars, plays, playlists."""

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import Table, utc_now
from db.models.library import Track


class User(Table):
    """Somebody who logs in by a player or a program; see `db.users.accounts`."""

    id = AutoField()
    key = TextField(unique=True)
    """The name without case: no two users differ in that alone."""
    name = TextField()
    password = TextField()
    """A slow hash of the password."""
    secret = TextField(null=True)
    """The password, encrypted, where FLEET_TOKEN_LOGIN has it kept; see `db.users.secrets`."""
    is_admin = BooleanField(default=False)
    """Whether this user may begin scans, and manage users by a player."""
    created_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "users"


class ApiKey(Table):
    """A key by which a player or program logs in as its user. A revoked one has no row."""

    id = AutoField()
    user = ForeignKeyField(User, backref="keys", on_delete="CASCADE")
    user_id: int
    name = TextField()
    """What it is for, as its owner calls it."""
    digest = TextField(unique=True)
    """SHA-256, in hex. The key itself is shown once and kept nowhere."""
    begins = TextField()
    """Its first characters, by which people recognise it."""
    created_at = DateTimeField(default=utc_now)
    used_at = DateTimeField(null=True)
    """When it was last used, exact to an hour."""

    class Meta:
        table_name = "api_keys"


class Annotation(Table):
    """What a user says of a track, album or artist, and how often the user played a track.

    Plays of albums and artists are those of their tracks, and have no rows.
    """

    id = AutoField()
    user = ForeignKeyField(User, backref="annotations", on_delete="CASCADE", index=False)
    user_id: int
    entity_type = TextField()
    entity_id = IntegerField()
    starred_at = DateTimeField(null=True)
    """None: no star."""
    rating = IntegerField(null=True)
    """1 to 5; None: not rated."""
    plays = IntegerField(default=0)
    """How often it was played, those times included that are known as a number alone."""
    played_at = DateTimeField(null=True)
    """When it was last played."""

    class Meta:
        table_name = "annotations"
        indexes = (
            (("user", "entity_type", "entity_id"), True),
            (("entity_type", "entity_id"), False),
        )


_IS_STARRED = SQL('"starred_at" IS NOT NULL')
_IS_RATED = SQL('"rating" IS NOT NULL')
_IS_PLAYED = SQL('"plays" > 0')
for _columns, _where in (
    ((Annotation.user, Annotation.entity_type, Annotation.starred_at), _IS_STARRED),
    ((Annotation.user, Annotation.entity_type, Annotation.rating), _IS_RATED),
    ((Annotation.user, Annotation.played_at, Annotation.plays, Annotation.entity_id), _IS_PLAYED),
):
    Annotation.add_index(Annotation.index(*_columns, where=_where))


class Play(Table):
    """One time that a user played a track to its end, or near it."""

    id = AutoField()
    user = ForeignKeyField(User, backref="history", on_delete="CASCADE", index=False)
    user_id: int
    track = ForeignKeyField(Track, backref="history", on_delete="CASCADE")
    track_id: int
    played_at = DateTimeField()
    client = TextField(null=True)
    """The player, as it calls itself."""

    class Meta:
        table_name = "plays"
        indexes = ((("user", "played_at", "track"), True),)


class Playlist(Table):
    """A playlist of a user. Those that follow from the library have no rows."""

    id = AutoField()
    user = ForeignKeyField(User, backref="playlists", on_delete="CASCADE")
    user_id: int
    name = TextField()
    comment = TextField(null=True)
    is_public = BooleanField(default=False)
    """Whether all users see it."""
    source = TextField(null=True)
    """Where it was imported from, the same each time; None for one that was made here."""
    created_at = DateTimeField(default=utc_now)
    changed_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "playlists"


class PlaylistEntry(Table):
    """A track in a playlist; one may be there several times."""

    playlist = ForeignKeyField(Playlist, backref="entries", on_delete="CASCADE", index=False)
    playlist_id: int
    position = IntegerField()
    """Its place: that of a track that is forgotten stays empty."""
    track = ForeignKeyField(Track, backref="entries", on_delete="CASCADE")
    track_id: int

    class Meta:
        table_name = "playlist_entries"
        primary_key = CompositeKey("playlist", "position")


class Bookmark(Table):
    """Where a user stopped in a track."""

    id = AutoField()
    user = ForeignKeyField(User, backref="bookmarks", on_delete="CASCADE", index=False)
    user_id: int
    track = ForeignKeyField(Track, backref="bookmarks", on_delete="CASCADE")
    track_id: int
    position = BigIntegerField()
    """Milliseconds."""
    comment = TextField(null=True)
    created_at = DateTimeField(default=utc_now)
    changed_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "bookmarks"
        indexes = ((("user", "track"), True),)


class PlayQueue(Table):
    """What a user has in the player, so that another one goes on with it."""

    user = ForeignKeyField(User, primary_key=True, backref="play_queue", on_delete="CASCADE")
    user_id: int
    tracks = JSONField(default=list)
    """Ids, in order; those of tracks that are forgotten are left out when it is read."""
    current = IntegerField(null=True)
    """The place in that list of the track that is played."""
    position = BigIntegerField(default=0)
    """Milliseconds within it."""
    changed_at = DateTimeField(default=utc_now)
    changed_by = TextField()
    """The player, as it calls itself."""

    class Meta:
        table_name = "play_queues"
