"""The music servers that playlists are pushed to, and these playlists. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class KnownServer(pw.Model):
        id = pw.AutoField()
        name = pw.TextField(unique=True)
        kind = pw.TextField()
        url = pw.TextField()
        login = pw.TextField(default="")
        is_key = pw.BooleanField(default=False)
        secret = pw.TextField()
        folders = pw.JSONField(default=list)
        lists = pw.JSONField(default=list)
        listener = pw.ForeignKeyField(
            column_name="listener_id",
            field="id",
            model=migrator.orm["users"],
            null=True,
            on_delete="SET NULL",
            index=False,
        )
        scans = pw.BooleanField(default=True)
        pictures = pw.BooleanField(default=False)
        due_at = pw.DateTimeField(null=True)
        tried_at = pw.DateTimeField(null=True)
        pushed_at = pw.DateTimeField(null=True)
        fault = pw.TextField(null=True)
        outcome = pw.JSONField(default=dict)
        scanned_to = pw.IntegerField(default=0)

        class Meta:
            table_name = "music_servers"

    @migrator.create_model
    class PushedList(pw.Model):
        id = pw.AutoField()
        server = pw.ForeignKeyField(
            column_name="server_id",
            field="id",
            model=migrator.orm["music_servers"],
            on_delete="CASCADE",
            index=False,
        )
        source = pw.TextField()
        name = pw.TextField()
        their_id = pw.TextField(null=True)
        before = pw.JSONField(default=list)
        songs = pw.JSONField(default=list)
        missed = pw.IntegerField(default=0)
        kept = pw.TextField(null=True)
        pushed_at = pw.DateTimeField()

        class Meta:
            table_name = "pushed_playlists"
            indexes = ((("server", "source"), True),)

    @migrator.create_model
    class PushedPicture(pw.Model):
        id = pw.AutoField()
        server = pw.ForeignKeyField(
            column_name="server_id",
            field="id",
            model=migrator.orm["music_servers"],
            on_delete="CASCADE",
            index=False,
        )
        their_id = pw.TextField()
        role = pw.TextField()
        digest = pw.TextField()
        sent = pw.TextField()
        mark = pw.TextField(null=True)
        kept = pw.TextField(null=True)
        pushed_at = pw.DateTimeField()

        class Meta:
            table_name = "pushed_pictures"
            indexes = ((("server", "their_id", "role"), True),)


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("pushed_pictures")
    migrator.remove_model("pushed_playlists")
    migrator.remove_model("music_servers")
