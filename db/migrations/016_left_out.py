"""Scans with what they left out. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_fields(
        "scans", pictures=pw.IntegerField(default=0), left_out=pw.JSONField(default=dict)
    )


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_fields("scans", "pictures", "left_out")
