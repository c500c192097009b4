"""How the fleet was, at moments of the last day, month and years. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class FleetSample(pw.Model):
        at = pw.IntegerField(primary_key=True)
        queues = pw.JSONField(default=dict)
        library = pw.JSONField(default=dict)
        memory = pw.JSONField(default=dict)

        class Meta:
            table_name = "samples"


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("samples")
