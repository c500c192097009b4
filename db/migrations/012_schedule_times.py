"""How far each schedule has come. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class ScheduleTime(pw.Model):
        name = pw.TextField(primary_key=True)
        cron = pw.TextField()
        seen_to = pw.DateTimeField()
        fired_at = pw.DateTimeField(null=True)
        job_id = pw.TextField(null=True)

        class Meta:
            table_name = "schedule_times"


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("schedule_times")
