"""What the web says of tracks, albums and artists. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class Fact(pw.Model):
        id = pw.AutoField()
        entity_type = pw.TextField()
        entity_id = pw.IntegerField()
        field = pw.TextField()
        value = pw.JSONField()
        source = pw.TextField()
        fetched_at = pw.DateTimeField()
        score = pw.FloatField()
        licence = pw.TextField(null=True)
        url = pw.TextField(null=True)

        class Meta:
            table_name = "facts"
            indexes = [
                (("entity_type", "entity_id", "source", "field"), True),
                (("source", "entity_type"), False),
            ]


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("facts")
