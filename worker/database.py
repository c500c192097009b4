"""The database of this fleet, opened and up to date."""

from db import settings
from db.connection import open_database
from db.schema import migrate
from worker.locks import hold

_PATIENCE = 60.0


def open_migrated() -> None:
    """Open the database and bring it up to date, one process of this data folder at a time.

    Raises db.errors.DatabaseError or LockTakenError.
    """
    with hold(settings.run_dir() / "migrate.lock", _PATIENCE):
        open_database()
        migrate()
