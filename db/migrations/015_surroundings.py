"""What keeps a need from being done, and where. By peewee-migrate.

What failed without a date is tried once more: its cause may have been one that passes.
"""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_fields("ledger", cause=pw.TextField(null=True), place=pw.TextField(null=True))
    migrator.sql(
        'CREATE INDEX "ledgerrow_cause_place" ON "ledger" ("cause", "place") '
        'WHERE ("cause" IS NOT NULL)'
    )
    migrator.sql(
        "UPDATE ledger SET look_again_at = '2026-01-01 00:00:00' "
        "WHERE state = 'failed' AND look_again_at IS NULL"
    )


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql("UPDATE ledger SET state = 'failed' WHERE state = 'waiting'")
    migrator.sql('DROP INDEX "ledgerrow_cause_place"')
    migrator.remove_fields("ledger", "cause", "place")
