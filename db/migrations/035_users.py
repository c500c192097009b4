"""Users, and what is theirs: keys, stars, plays, playlists, bookmarks. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator

_PARTIAL = {
    "annotation_user_id_entity_type_starred_at": (
        '"user_id", "entity_type", "starred_at"',
        '"starred_at" IS NOT NULL',
    ),
    "annotation_user_id_entity_type_rating": (
        '"user_id", "entity_type", "rating"',
        '"rating" IS NOT NULL',
    ),
    "annotation_user_id_played_at_plays_entity_id": (
        '"user_id", "played_at", "plays", "entity_id"',
        '"plays" > 0',
    ),
}
_TABLES = (
    *("play_queues", "bookmarks", "playlist_entries", "playlists", "plays", "annotations"),
    *("api_keys", "users"),
)


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    def of(table, **more):
        column = {"users": "user_id", "tracks": "track_id", "playlists": "playlist_id"}[table]
        return pw.ForeignKeyField(
            column_name=column,
            field="id",
            model=migrator.orm[table],
            on_delete="CASCADE",
            **more,
        )

    @migrator.create_model
    class User(pw.Model):
        id = pw.AutoField()
        key = pw.TextField(unique=True)
        name = pw.TextField()
        password = pw.TextField()
        secret = pw.TextField(null=True)
        is_admin = pw.BooleanField(default=False)
        created_at = pw.DateTimeField()

        class Meta:
            table_name = "users"

    @migrator.create_model
    class ApiKey(pw.Model):
        id = pw.AutoField()
        user = of("users")
        name = pw.TextField()
        digest = pw.TextField(unique=True)
        begins = pw.TextField()
        created_at = pw.DateTimeField()
        used_at = pw.DateTimeField(null=True)

        class Meta:
            table_name = "api_keys"

    @migrator.create_model
    class Annotation(pw.Model):
        id = pw.AutoField()
        user = of("users", index=False)
        entity_type = pw.TextField()
        entity_id = pw.IntegerField()
        starred_at = pw.DateTimeField(null=True)
        rating = pw.IntegerField(null=True)
        plays = pw.IntegerField(default=0)
        played_at = pw.DateTimeField(null=True)

        class Meta:
            table_name = "annotations"
            indexes = [
                (("user", "entity_type", "entity_id"), True),
                (("entity_type", "entity_id"), False),
            ]

    @migrator.create_model
    class Play(pw.Model):
        id = pw.AutoField()
        user = of("users", index=False)
        track = of("tracks")
        played_at = pw.DateTimeField()
        client = pw.TextField(null=True)

        class Meta:
            table_name = "plays"
            indexes = [(("user", "played_at", "track"), True)]

    @migrator.create_model
    class Playlist(pw.Model):
        id = pw.AutoField()
        user = of("users")
        name = pw.TextField()
        comment = pw.TextField(null=True)
        is_public = pw.BooleanField(default=False)
        source = pw.TextField(null=True)
        created_at = pw.DateTimeField()
        changed_at = pw.DateTimeField()

        class Meta:
            table_name = "playlists"

    @migrator.create_model
    class PlaylistEntry(pw.Model):
        playlist = of("playlists", index=False)
        position = pw.IntegerField()
        track = of("tracks")

        class Meta:
            table_name = "playlist_entries"
            primary_key = pw.CompositeKey("playlist", "position")

    @migrator.create_model
    class Bookmark(pw.Model):
        id = pw.AutoField()
        user = of("users", index=False)
        track = of("tracks")
        position = pw.BigIntegerField()
        comment = pw.TextField(null=True)
        created_at = pw.DateTimeField()
        changed_at = pw.DateTimeField()

        class Meta:
            table_name = "bookmarks"
            indexes = [(("user", "track"), True)]

    @migrator.create_model
    class PlayQueue(pw.Model):
        user = of("users", primary_key=True)
        tracks = pw.JSONField(default=list)
        current = pw.IntegerField(null=True)
        position = pw.BigIntegerField(default=0)
        changed_at = pw.DateTimeField()
        changed_by = pw.TextField()

        class Meta:
            table_name = "play_queues"

    for name, (columns, where) in _PARTIAL.items():
        migrator.sql(f'CREATE INDEX "{name}" ON "annotations" ({columns}) WHERE {where}')


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    for name in _TABLES:
        migrator.remove_model(name)
