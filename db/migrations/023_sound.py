"""Tracks with the identity of their sound, and scans with where a root moved from.

Nothing finds tracks by `content_id`. By peewee-migrate.
"""

import peewee as pw
from peewee_migrate import Migrator

_BY_TRACK_ID = "track_musicbrainz_track_id"


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_fields("tracks", sound_id=pw.TextField(null=True))
    migrator.add_fields("scans", former_root=pw.TextField(null=True))
    migrator.sql('DROP INDEX "track_content_id"')
    migrator.sql('CREATE INDEX "track_sound_id" ON "tracks" ("sound_id")')
    migrator.sql(
        f'CREATE INDEX "{_BY_TRACK_ID}" ON "tracks" ("musicbrainz_track_id") '
        'WHERE ("musicbrainz_track_id" IS NOT NULL)'
    )


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql(f'DROP INDEX "{_BY_TRACK_ID}"')
    migrator.sql('DROP INDEX "track_sound_id"')
    migrator.sql('CREATE INDEX "track_content_id" ON "tracks" ("content_id")')
    migrator.remove_fields("scans", "former_root")
    migrator.remove_fields("tracks", "sound_id")
