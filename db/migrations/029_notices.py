"""What the owner is notified of. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class Notice(pw.Model):
        id = pw.AutoField()
        about = pw.TextField(index=True)
        text = pw.TextField()
        remedy = pw.TextField(default="")
        since = pw.DateTimeField()
        ended_at = pw.DateTimeField(null=True)
        sent_at = pw.DateTimeField(null=True)
        attempts = pw.IntegerField(default=0)
        due_at = pw.DateTimeField(null=True)
        fault = pw.TextField(null=True)

        class Meta:
            table_name = "notices"


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("notices")
