"""Tracks and albums with what was guessed of them, and from what. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    for table in ("tracks", "albums"):
        migrator.add_fields(table, guessed=pw.JSONField(null=True))


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    for table in ("tracks", "albums"):
        migrator.remove_fields(table, "guessed")
