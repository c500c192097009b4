"""Scans without heartbeat_at, which nothing read. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_fields("scans", "heartbeat_at")


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_fields("scans", heartbeat_at=pw.DateTimeField(null=True))
