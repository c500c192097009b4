"""What was written outside the data folder, and the exports that wrote it. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator

from db.models.base import PathField


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class WrittenFile(pw.Model):
        id = pw.AutoField()
        path = PathField(unique=True)
        folder = PathField(index=True)
        kind = pw.TextField()
        place = PathField(null=True, index=True)
        state = pw.TextField()
        digest = pw.TextField()
        size = pw.BigIntegerField(default=0)
        mtime_ns = pw.BigIntegerField(default=0)
        source = pw.TextField(default="")
        before = pw.TextField(null=True)
        before_mtime_ns = pw.BigIntegerField(null=True)
        fields = pw.JSONField(default=dict)
        written_at = pw.DateTimeField()

        class Meta:
            table_name = "written_files"

    @migrator.create_model
    class ExportRun(pw.Model):
        id = pw.AutoField()
        kind = pw.TextField()
        options = pw.JSONField(default=dict)
        undo = pw.BooleanField(default=False)
        started_at = pw.DateTimeField()
        finished_at = pw.DateTimeField(null=True)
        fault = pw.TextField(null=True)
        total = pw.IntegerField(null=True)
        done = pw.IntegerField(default=0)
        position = pw.JSONField(null=True)
        counts = pw.JSONField(default=dict)
        reasons = pw.JSONField(default=list)

        class Meta:
            table_name = "exports"

    migrator.sql('CREATE INDEX "exportrun_id" ON "exports" ("id") WHERE ("finished_at" IS NULL)')


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("exports")
    migrator.remove_model("written_files")
