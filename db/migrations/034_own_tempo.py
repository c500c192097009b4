"""A tempo that the owner corrected, and what was found before. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_fields("tracks", own_bpm=pw.FloatField(null=True))
    migrator.add_fields("audio_features", found=pw.JSONField(null=True))


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    """What was found stays lost until the next analysis: the tempo is the corrected one."""
    migrator.remove_fields("audio_features", "found")
    migrator.remove_fields("tracks", "own_bpm")
