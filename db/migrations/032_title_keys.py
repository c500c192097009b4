"""Albums are found by their title, as grouping compares it. By peewee-migrate."""

import unicodedata

import peewee as pw
from peewee_migrate import Migrator

from db.library.albums import title_and_disc
from db.library.names import name_key


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql('ALTER TABLE "albums" ADD COLUMN "title_key" TEXT')
    migrator.sql('CREATE INDEX "album_title_key" ON "albums" ("title_key")')
    migrator.run(_fill, database)


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql('DROP INDEX "album_title_key"')
    migrator.sql('ALTER TABLE "albums" DROP COLUMN "title_key"')


def _fill(database):
    sign = "?" if isinstance(getattr(database, "obj", database), pw.SqliteDatabase) else "%s"
    titled = "SELECT id, title FROM albums WHERE title IS NOT NULL"
    for album_id, title in database.execute_sql(titled).fetchall():
        key = unicodedata.normalize("NFKC", name_key(title_and_disc(title)[0]))
        update = f"UPDATE albums SET title_key = {sign} WHERE id = {sign}"  # noqa: S608
        database.execute_sql(update, (" ".join(key.split()), album_id))
