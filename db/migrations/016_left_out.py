"""Scans with what they left out. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_fields(
        "scans", pictures=pw.IntegerField(null=True), left_out=pw.JSONField(null=True)
    )


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_fields("scans", "pictures", "left_out")
