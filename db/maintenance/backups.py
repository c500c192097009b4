"""Copies of the database: made while the fleet writes, the newest ones kept; and put back.

DATA/backups/library-20261123-040500.db      SQLite
DATA/backups/library-20261123-040500.dump    PostgreSQL, for pg_restore
DATA/backups/former-20261124-101500-library.db, former-…-settings.toml    what gave way to others
DATA/restored/                               what is being put back: see `finish`
"""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
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
    with copied("incoming") as part:
        return part.rename(backups_dir() / f"library-{_stamp()}{suffix()}")


def suffix() -> str:
    """How the name of a copy of the open database ends."""
    return ".db" if is_sqlite() else ".dump"


@contextmanager
def copied(name: str) -> Iterator[Path]:
    """A copy of the database as it is at this moment, which is gone afterwards.

    It lies beside the backups; `name` keeps those apart that may be under way at the same time.
    Raises BackupError.
    """
    part = backups_dir() / name
    try:
        backups_dir().mkdir(mode=0o700, exist_ok=True)
        part.unlink(missing_ok=True)
        if is_sqlite():
            _copy_sqlite(part)
        else:
            _dump_postgresql(part)
        settings.set_mode(part, 0o600)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise BackupError(
            f"the database could not be copied to {backups_dir()}: {error} — see that the folder "
            "can be written to and that its disk has the space"
        ) from error
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _stamp() -> str:
    return f"{utc_now():%Y%m%d-%H%M%S}"


def rotate(most: int) -> int:
    """Delete all but the newest so many, of at least one; how many went. Raises OSError."""
    too_many = existing()[:-most]
    for file in too_many:
        file.unlink(missing_ok=True)
    return len(too_many)


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
    _run_client(
        "pg_dump",
        ["--format=custom", f"--file={target}"],
        "the PostgreSQL was not copied",
        "or back it up where it runs and set FLEET_BACKUPS=0",
    )


def put_into_postgresql(dump: Path) -> None:
    """Replace what the PostgreSQL of the settings holds by a copy, in one transaction.

    Killed before its end, or failing, it leaves all as it was. Raises BackupError.
    """
    options = ["--clean", "--if-exists", "--single-transaction", "--no-owner", "--no-privileges"]
    _run_client("pg_restore", [*options, str(dump)], *_RESTORED_ELSEWHERE)


_RESTORED_ELSEWHERE = "nothing was restored", "or restore it where it runs"


def migrations_of(dump: Path) -> list[str]:
    """The migrations that a copy of a PostgreSQL has. Raises BackupError."""
    text = _run(
        "pg_restore",
        ["--data-only", "--table=migratehistory", "--file=-", str(dump)],
        *_RESTORED_ELSEWHERE,
    )
    return re.findall(r"\b\d{3}_\w+", text)


def _run_client(program: str, options: Sequence[str], fact: str, remedy: str) -> None:
    """Run a program of PostgreSQL on the database of the settings. Raises BackupError."""
    variables, rest = _target_of(settings.database_url())
    connected = ["--no-password", f"--dbname={rest}", *options]
    _run(program, connected, fact, remedy, variables)


def _run(
    program: str,
    arguments: Sequence[str],
    fact: str,
    remedy: str,
    variables: Mapping[str, str] | None = None,
) -> str:
    """What a program of PostgreSQL prints. Raises BackupError."""
    found = shutil.which(program)
    if found is None:
        raise BackupError(
            f"{program} is not installed, so {fact} — install the postgresql-client of the "
            f"server's version, {remedy}"
        )
    run = subprocess.run(
        [found, *arguments],
        env=os.environ | dict(variables or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        url = settings.database_url()
        lines = run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"]
        line = next((each for each in lines if "error:" in each), lines[-1])
        says = urls.without_secrets(line, url)
        raise BackupError(f"{program} of {urls.shown(url)} failed: {says} — see its message")
    return run.stdout


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


_DATABASE = "library.db"


def restored_dir() -> Path:
    """The folder of what was checked and is to take its place, if it is there."""
    return settings.data_dir() / "restored"


def finish() -> bool:
    """Put what was checked in its place, whole; whether there was any.

    A restore that ends before its folder has this name has changed nothing, and one that ends after
    it is finished by the next `fleet up` or `fleet restore`: each step may be done twice. The
    database that was there is kept beside the backups. Raises OSError.
    """
    if not restored_dir().is_dir():
        return False
    database_file = restored_dir() / _DATABASE
    if database_file.exists():
        _replace_sqlite(database_file)
    for file in sorted(restored_dir().iterdir()):
        present = settings.data_dir() / file.name
        if present.exists():
            shutil.copyfile(present, _former(present.name))
        file.replace(present)
    restored_dir().rmdir()
    return True


def _former(name: str) -> Path:
    """The file that keeps what gives way, for its owner alone."""
    backups_dir().mkdir(mode=0o700, exist_ok=True)
    kept = backups_dir() / f"former-{_stamp()}-{name}"
    kept.touch(mode=0o600)
    return kept


def _replace_sqlite(new: Path) -> None:
    """Have another file be the database, and none of what the one before has in its log."""
    present = Path(settings.database_url().removeprefix("sqlite:///"))
    present.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if present.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(present)) as former:
            former.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept = _former(_DATABASE)
        shutil.copyfile(present, kept)
        for log in filter(Path.exists, (Path(f"{present}{each}") for each in ("-wal", "-shm"))):
            log.replace(f"{kept}{log.name.removeprefix(present.name)}")
    if present.parent == settings.data_dir():
        new.replace(present)
    else:
        beside = present.with_name(f"{present.name}.new")
        shutil.copyfile(new, beside)
        beside.replace(present)
        new.unlink()
