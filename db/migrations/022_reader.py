"""Tracks and problems with the version of the reader that read the file. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    for table in ("tracks", "problems"):
        migrator.sql(f'ALTER TABLE "{table}" ADD COLUMN "reader" INTEGER NOT NULL DEFAULT 0')


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    for table in ("tracks", "problems"):
        migrator.sql(f'ALTER TABLE "{table}" DROP COLUMN "reader"')
