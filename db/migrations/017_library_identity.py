"""The random name of the library, by which a Redis is known to be its own. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class LibraryIdentity(pw.Model):
        id = pw.IntegerField(primary_key=True)
        library = pw.TextField()
        created_at = pw.DateTimeField()

        class Meta:
            table_name = "library_identity"


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("library_identity")
