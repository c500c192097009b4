"""Folders are found by ranges of indexes, and only missing tracks by that. By peewee-migrate.

PostgreSQL compares paths byte by byte from now on, as SQLite does.
"""

import peewee as pw
from peewee_migrate import Migrator

PATHS = {
    "tracks": ("path", "folder", "group_folder"),
    "folder_images": ("path", "folder"),
    "problems": ("path",),
}


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    _set_type(migrator, database, 'TEXT COLLATE "C"')
    migrator.sql('DROP INDEX "track_missing_since"')
    migrator.sql(
        'CREATE INDEX "track_missing_since" ON "tracks" ("missing_since") '
        'WHERE ("missing_since" IS NOT NULL)'
    )


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql('DROP INDEX "track_missing_since"')
    migrator.sql('CREATE INDEX "track_missing_since" ON "tracks" ("missing_since")')
    _set_type(migrator, database, 'TEXT COLLATE "default"')


def _set_type(migrator, database, collated):
    """SQLite compares so anyway."""
    if not isinstance(getattr(database, "obj", database), pw.PostgresqlDatabase):
        return
    for table, columns in PATHS.items():
        changes = ", ".join(f'ALTER COLUMN "{each}" TYPE {collated}' for each in columns)
        migrator.sql(f'ALTER TABLE "{table}" {changes}')
