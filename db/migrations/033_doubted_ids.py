"""Spellings know the id that files give with them and that is not believed. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator

_UNIQUE = "artistname_artist_id_name_by_id"


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql('ALTER TABLE "artist_names" ADD COLUMN "given" TEXT NOT NULL DEFAULT \'\'')
    migrator.sql(f'DROP INDEX "{_UNIQUE}"')
    columns = '"artist_id", "name", "by_id", "given"'
    migrator.sql(f'CREATE UNIQUE INDEX "{_UNIQUE}_given" ON "artist_names" ({columns})')
    where = "\"given\" <> ''"
    migrator.sql(f'CREATE INDEX "artistname_given" ON "artist_names" ("given") WHERE {where}')


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    for name in ("artistname_given", f"{_UNIQUE}_given"):
        migrator.sql(f'DROP INDEX "{name}"')
    migrator.sql("DELETE FROM artist_names WHERE given <> ''")
    migrator.sql('ALTER TABLE "artist_names" DROP COLUMN "given"')
    columns = '"artist_id", "name", "by_id"'
    migrator.sql(f'CREATE UNIQUE INDEX "{_UNIQUE}" ON "artist_names" ({columns})')
