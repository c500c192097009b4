"""The lyrics of tracks. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class Lyrics(pw.Model):
        track = pw.ForeignKeyField(
            column_name="track_id",
            field="id",
            model=migrator.orm["tracks"],
            on_delete="CASCADE",
            index=False,
        )
        position = pw.IntegerField()
        source = pw.TextField()
        language = pw.TextField(null=True)
        is_synced = pw.BooleanField(default=False)
        text = pw.TextField()

        class Meta:
            table_name = "lyrics"
            primary_key = pw.CompositeKey("track", "position")


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("lyrics")
