"""An index for the pace of the analysis. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_index("audio_features", "analysed_at")


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.drop_index("audio_features", "analysed_at")
