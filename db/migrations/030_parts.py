"""Tracks that are parts of a file: by path and part, with where each begins. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql('ALTER TABLE "tracks" ADD COLUMN "part" INTEGER NOT NULL DEFAULT 0')
    migrator.add_fields("tracks", start=pw.DoubleField(null=True))
    migrator.sql('DROP INDEX "track_path"')
    migrator.sql('CREATE UNIQUE INDEX "track_path_part" ON "tracks" ("path", "part")')


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    """Of the parts of a file the first stays."""
    migrator.sql(
        'DELETE FROM "tracks" WHERE "id" NOT IN (SELECT MIN("id") FROM "tracks" GROUP BY "path")'
    )
    migrator.sql('DROP INDEX "track_path_part"')
    migrator.sql('CREATE UNIQUE INDEX "track_path" ON "tracks" ("path")')
    migrator.remove_fields("tracks", "start")
    migrator.sql('ALTER TABLE "tracks" DROP COLUMN "part"')
