"""Albums that are editions of one release. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    for column in ("release", "edition"):
        migrator.sql(f'ALTER TABLE "albums" ADD COLUMN "{column}" TEXT')
    is_sqlite = isinstance(getattr(database, "obj", database), pw.SqliteDatabase)
    end = "INSTR({}, CHAR(10))" if is_sqlite else "POSITION(CHR(10) IN {})"
    rest = f"SUBSTR(key, {end.format('key')} + 1)"
    # A key is the id of a release, or a folder, the title and the artists, a line each. What has no
    # artists is of no other folder's release.
    migrator.sql(
        "UPDATE albums SET release = CASE "  # noqa: S608  # constants
        f"WHEN {end.format('key')} > 0 AND {end.format(rest)} > 0 THEN {rest} ELSE key END"
    )
    migrator.sql('CREATE INDEX "album_release" ON "albums" ("release")')


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql('DROP INDEX "album_release"')
    for column in ("edition", "release"):
        migrator.sql(f'ALTER TABLE "albums" DROP COLUMN "{column}"')
