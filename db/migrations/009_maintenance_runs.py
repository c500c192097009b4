"""What each run of a maintenance job did. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class MaintenanceRun(pw.Model):
        id = pw.AutoField()
        job = pw.TextField()
        started_at = pw.DateTimeField()
        seconds = pw.FloatField()
        changes = pw.JSONField()
        notes = pw.JSONField()
        fault = pw.TextField(null=True)

        class Meta:
            table_name = "maintenance_runs"
            indexes = [(("job", "started_at"), False)]


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("maintenance_runs")
