"""The library knows by which rules its folders were grouped. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator

_TABLE = 'ALTER TABLE "library_identity"'


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql(f'{_TABLE} ADD COLUMN "grouping_rules" INTEGER NOT NULL DEFAULT 0')
    migrator.sql(f'{_TABLE} ADD COLUMN "grouped_to" TEXT')


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    for column in ("grouping_rules", "grouped_to"):
        migrator.sql(f'{_TABLE} DROP COLUMN "{column}"')
