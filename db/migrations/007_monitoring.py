"""What is watched of the vectors: words of tags, health of models. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class TagWord(pw.Model):
        word = pw.TextField(primary_key=True)
        first_seen = pw.DateTimeField()
        tracks = pw.IntegerField()

        class Meta:
            table_name = "tag_words"

    @migrator.create_model
    class TagCheck(pw.Model):
        id = pw.AutoField()
        checked_at = pw.DateTimeField()
        model_id = pw.IntegerField(null=True)
        signature = pw.TextField()
        tracks = pw.IntegerField()
        new_genres = pw.JSONField()
        new_tags = pw.JSONField()
        retrain = pw.BooleanField()
        reason = pw.TextField()

        class Meta:
            table_name = "tag_checks"

    @migrator.create_model
    class ModelHealth(pw.Model):
        id = pw.AutoField()
        model = pw.ForeignKeyField(
            column_name="model_id",
            field="id",
            model=migrator.orm["vector_models"],
            on_delete="CASCADE",
        )
        checked_at = pw.DateTimeField()
        coverage = pw.FloatField(null=True)
        drift = pw.FloatField(null=True)
        stability = pw.FloatField(null=True)
        recall = pw.FloatField(null=True)
        chance = pw.FloatField(null=True)
        verdict = pw.TextField()
        reason = pw.TextField()
        neighbours = pw.JSONField()

        class Meta:
            table_name = "model_health"
            indexes = [(("model", "checked_at"), False)]


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("model_health")
    migrator.remove_model("tag_checks")
    migrator.remove_model("tag_words")
