"""Copies of the database: made while the fleet writes, the newest ones kept.

DATA/backups/library-20261123-040500.db      SQLite
DATA/backups/library-20261123-040500.dump    PostgreSQL, for pg_restore
"""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from db import settings
from db.errors import BackupError, SettingError
from db.models import database, utc_now
from db.settings import urls
from db.sql.connection import is_sqlite

_NAME = re.compile(r"library-\d{8}-\d{6}\.(db|dump)")


def backups_dir() -> Path:
    """Where they lie."""
    return settings.data_dir() / "backups"


def kept() -> int:
    """How many are kept: FLEET_BACKUPS; 0 for none. Raises SettingError."""
    text = settings.value("FLEET_BACKUPS")
    count = settings.whole_number(text)
    if count is None:
        raise SettingError(
            f"FLEET_BACKUPS is {text!r} — write how many backups to keep, or 0 for none"
        )
    return count


def existing() -> list[Path]:
    """The backups, the oldest first; other files there are the user's own."""
    if not backups_dir().is_dir():
        return []
    return sorted(file for file in backups_dir().iterdir() if _NAME.fullmatch(file.name))


def make() -> Path:
    """Copy the database as it is at this moment. Raises BackupError."""
    name = f"library-{utc_now():%Y%m%d-%H%M%S}"
    try:
        backups_dir().mkdir(mode=0o700, exist_ok=True)
        with _under_way() as part:
            if is_sqlite():
                _copy_sqlite(part)
            else:
                _dump_postgresql(part)
            settings.set_mode(part, 0o600)
            return part.rename(backups_dir() / f"{name}{'.db' if is_sqlite() else '.dump'}")
    except (OSError, sqlite3.Error) as error:
        raise BackupError(
            f"the database could not be copied to {backups_dir()}: {error} — see that the folder "
            "can be written to and that its disk has the space"
        ) from error


def rotate(most: int) -> int:
    """Delete all but the newest so many, of at least one; how many went. Raises OSError."""
    too_many = existing()[:-most]
    for file in too_many:
        file.unlink(missing_ok=True)
    return len(too_many)


@contextmanager
def _under_way() -> Iterator[Path]:
    """A file for what is not whole yet, which is gone afterwards."""
    part = backups_dir() / "incoming"
    try:
        part.unlink(missing_ok=True)
        yield part
    finally:
        part.unlink(missing_ok=True)


def _copy_sqlite(target: Path) -> None:
    """In one step: SQLite reads one state of the file for all of it, and writers go on."""
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    with (
        closing(sqlite3.connect(database.database, uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=delete")


def _dump_postgresql(target: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupError(
            "pg_dump is not installed, so the PostgreSQL was not copied — install the "
            "postgresql-client of the server's version, or back it up where it runs and set "
            "FLEET_BACKUPS=0"
        )
    url = settings.database_url()
    variables, rest = _target_of(url)
    run = subprocess.run(
        [program, "--format=custom", "--no-password", f"--file={target}", f"--dbname={rest}"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"]
        says = urls.without_secrets(lines[-1], url)
        raise BackupError(f"pg_dump of {urls.shown(url)} failed: {says} — see its message")


def _target_of(url: str) -> tuple[dict[str, str], str]:
    """What a URL says of a PostgreSQL: as the variables of libpq, and what has none, as text.

    Raises BackupError for a secret that has none.
    """
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415  # not with SQLite
    from psycopg.pq import Conninfo  # noqa: PLC0415  # as above

    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in Conninfo.get_defaults()
        if option.envvar
    }
    given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    rest = {name: value for name, value in given.items() if name not in variables}
    if secret := [name for name in rest if re.search("password|secret|key$", name)]:
        raise BackupError(
            f"pg_dump can be given {', '.join(secret)} on its command line alone, which is open to "
            "every user — back the database up where it runs, and set FLEET_BACKUPS=0"
        )
    return {variables[name]: given[name] for name in given.keys() - rest}, make_conninfo(**rest)
