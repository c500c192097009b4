"""The daily reports of how the fleet fared. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class HealthReport(pw.Model):
        day = pw.DateField(primary_key=True)
        made_at = pw.DateTimeField()
        queues = pw.JSONField()
        totals = pw.JSONField()
        library = pw.JSONField()
        work = pw.JSONField()

        class Meta:
            table_name = "health_reports"


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("health_reports")
