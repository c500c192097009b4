"""PostgreSQL folds names of ASCII ten times as fast. By peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator

from db.sql.name_index import functions_on_postgresql


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    if isinstance(getattr(database, "obj", database), pw.SqliteDatabase):
        return
    for statement in functions_on_postgresql():
        migrator.sql(statement)


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    """The functions give what they gave before."""
