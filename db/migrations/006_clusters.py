"""Clusters of tracks and artists, and the models that find them. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class ClusterModel(pw.Model):
        id = pw.AutoField()
        entity_type = pw.TextField()
        method = pw.TextField()
        trained_at = pw.DateTimeField()
        ready_at = pw.DateTimeField(null=True)
        entities = pw.IntegerField()
        searched = pw.IntegerField()
        clusters = pw.IntegerField()
        bic = pw.FloatField(null=True)
        vector_model = pw.IntegerField()
        parameters = pw.BlobField()

        class Meta:
            table_name = "cluster_models"
            indexes = [(("entity_type", "ready_at"), False)]

    @migrator.create_model
    class Cluster(pw.Model):
        id = pw.AutoField()
        entity_type = pw.TextField()
        name = pw.TextField()
        size = pw.IntegerField()
        made_at = pw.DateTimeField()
        retired_at = pw.DateTimeField(null=True)

        class Meta:
            table_name = "clusters"
            indexes = [(("entity_type", "retired_at"), False)]

    @migrator.create_model
    class ClusterMembership(pw.Model):
        id = pw.AutoField()
        model = pw.ForeignKeyField(
            column_name="model_id",
            field="id",
            model=migrator.orm["cluster_models"],
            on_delete="CASCADE",
        )
        cluster = pw.ForeignKeyField(
            column_name="cluster_id",
            field="id",
            model=migrator.orm["clusters"],
            on_delete="CASCADE",
        )
        entity_id = pw.IntegerField()
        probability = pw.FloatField()
        is_primary = pw.BooleanField()
        made_at = pw.DateTimeField()

        class Meta:
            table_name = "cluster_memberships"
            indexes = [
                (("model", "entity_id", "cluster"), True),
                (("model", "cluster", "is_primary"), False),
            ]


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("cluster_memberships")
    migrator.remove_model("clusters")
    migrator.remove_model("cluster_models")
