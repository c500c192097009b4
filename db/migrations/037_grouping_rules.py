"""The library knows by which rules its folders were grouped. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    column = '"grouping_rules" INTEGER NOT NULL DEFAULT 0'
    migrator.sql(f'ALTER TABLE "library_identity" ADD COLUMN {column}')
    migrator.add_fields("library_identity", grouped_to=pw.TextField(null=True))


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_fields("library_identity", "grouping_rules", "grouped_to")
