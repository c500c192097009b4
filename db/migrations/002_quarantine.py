"""Quarantine and attempts in the ledger, failures of chunks. Written by peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_fields(
        "ledger",
        lease_attempt=pw.IntegerField(default=0),
        stage=pw.TextField(null=True),
        signal=pw.TextField(null=True),
        path=pw.TextField(null=True),
    )
    migrator.add_fields(
        "scan_chunks",
        failures=pw.IntegerField(default=0),
        again_at=pw.DateTimeField(null=True),
    )


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_fields("scan_chunks", "failures", "again_at")
    migrator.remove_fields("ledger", "lease_attempt", "stage", "signal", "path")
