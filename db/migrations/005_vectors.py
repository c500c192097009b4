"""Models that make vectors, and the vectors of tracks, albums and artists. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class VectorModel(pw.Model):
        id = pw.AutoField()
        trained_at = pw.DateTimeField()
        reason = pw.TextField()
        dimension = pw.IntegerField()
        tracks = pw.IntegerField()
        genres = pw.IntegerField()
        vocabulary = pw.TextField()
        parameters = pw.BlobField()
        in_training = pw.BooleanField(default=False)

        class Meta:
            table_name = "vector_models"

    @migrator.create_model
    class Vector(pw.Model):
        id = pw.AutoField()
        entity_type = pw.TextField()
        entity_id = pw.IntegerField()
        model = pw.ForeignKeyField(
            column_name="model_id",
            field="id",
            model=migrator.orm["vector_models"],
            on_delete="CASCADE",
        )
        dimension = pw.IntegerField()
        numbers = pw.BlobField()
        made_at = pw.DateTimeField()

        class Meta:
            table_name = "vectors"
            indexes = [
                (("entity_type", "entity_id", "model"), True),
                (("entity_type", "model", "made_at"), False),
            ]


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("vectors")
    migrator.remove_model("vector_models")
