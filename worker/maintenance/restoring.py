"""Putting a backup back, on the machine that it is of or on another one, with other paths.

Everything is read, checked, migrated and moved beside what is there; then it takes its place. What
ends before that leaves all as it was, and what ends after it is finished by the next `fleet up`. A
PostgreSQL is replaced in one transaction instead, and the settings after it.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from db import settings
from db.errors import BackupError
from db.maintenance import backups, library_roots
from db.maintenance.database_integrity import damage
from db.models import Track
from db.scanning import scans
from db.settings import settings_file
from db.settings.declarations import PLACES, SETTINGS, Kind
from db.sql.connection import close_database, open_database, transaction
from db.sql.path_text import is_under, shown, to_text
from db.sql.schema import applied_migrations, known_migrations, migrate
from worker import dispatch, queues
from worker.errors import BadInputError, TopologyError
from worker.host.locks import hold_fleet
from worker.maintenance import roots
from worker.maintenance.archives import Manifest, unpack
from worker.redis import is_embedded, valkey
from worker.redis.connection import connect
from worker.redis.holders import holders
from worker.supervisor.rpc import is_up

Moves = Sequence[tuple[str, str]]
"""Roots as the backup has them, each with the folder that holds its music here."""


class Restored(NamedTuple):
    """What was restored."""

    manifest: Manifest
    tracks: int
    moved: list[tuple[str, str]]
    """Roots, as they were and as they are."""


def present_tracks() -> int | None:
    """How many tracks the library has that would be replaced; None where there is none."""
    try:
        open_database()
        return Track.select().count() if applied_migrations() else None
    except Exception:  # noqa: BLE001  # it may be damaged: that is what a backup is for
        return None if not _sqlite_file().exists() else 0
    finally:
        close_database()


def _sqlite_file() -> Path:
    return Path(settings.database_url().removeprefix("sqlite:///"))


def restore(archive: Path, moves: Moves) -> Restored:
    """Have this data folder be what an archive holds, or its database what a copy of one is.

    Raises BadInputError while the fleet is up, and for roots that cannot move so; BackupError,
    db.errors.DatabaseError, WorkerError and OSError.
    """
    settings.prepare_data_dir()
    with hold_fleet():
        refuse_running()
        backups.finish()
        staging = settings.data_dir() / "restoring"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        try:
            manifest = unpack(archive, staging)
            _check_kind(archive, manifest)
            _write_settings(staging, moves)
            restored = _restore(staging, manifest, moves)
            staging.rename(backups.restored_dir())
        finally:
            close_database()
            shutil.rmtree(staging, ignore_errors=True)
        backups.finish()
    return restored


def _restore(staging: Path, manifest: Manifest, moves: Moves) -> Restored:
    copy = staging / manifest.database
    if copy.suffix == ".db":
        open_database(f"sqlite:///{copy}")
    else:
        _check_postgresql(copy)
        backups.put_into_postgresql(copy)
        copy.unlink()
        open_database()
    _check_database(copy)
    moved = _move_roots(moves)
    tracks = Track.select().count()
    close_database()
    _drop_jobs()
    return Restored(manifest, tracks, moved)


def refuse_running() -> None:
    """Raise BadInputError while something works on the library."""
    if is_up():
        raise BadInputError("the fleet is up — `fleet down` first")
    if is_embedded():
        return
    with connect() as client:
        others = sorted({each.worker for each in holders(client) if each.is_alive() is not False})
    if others:
        raise BadInputError(
            f"workers of the fleet run elsewhere ({', '.join(others[:3])}) — `fleet down` there"
        )


def _check_kind(archive: Path, manifest: Manifest) -> None:
    is_file = settings.database_url().startswith("sqlite:")
    if is_file and manifest.database.endswith(".dump"):
        raise BadInputError(
            f"{archive} holds a PostgreSQL, and this fleet has SQLite — name an empty PostgreSQL "
            "by FLEET_DATABASE_URL, restore there, then `fleet db copy sqlite:////absolute/path`"
        )
    if not is_file and manifest.database.endswith(".db"):
        raise BadInputError(
            f"{archive} holds an SQLite file, and FLEET_DATABASE_URL names a PostgreSQL — restore "
            "without it, then `fleet db copy URL`"
        )


def _check_database(copy: Path) -> None:
    """Refuse a copy that is damaged or of a newer musicfleet; bring an older one up to date."""
    if not applied_migrations():
        raise BackupError(f"{copy.name} holds no library of musicfleet — use another backup")
    if faults := [*damage().pages, *damage().keys]:
        raise BackupError(f"the database of the backup is damaged: {faults[0]} — use another one")
    migrate()


def _check_postgresql(copy: Path) -> None:
    """Refuse a PostgreSQL that is not ours, or would keep tables that the copy does not know."""
    database = open_database()
    present, tables = applied_migrations(), database.get_tables()
    close_database()
    if tables and not present:
        raise BadInputError(
            f"the PostgreSQL of FLEET_DATABASE_URL holds tables of another program ({tables[0]}) — "
            "name an empty database"
        )
    of_copy = backups.migrations_of(copy)
    if unknown := sorted(set(of_copy) - set(known_migrations())):
        raise BackupError(
            f"the backup has the migration {unknown[-1]}, which this musicfleet does not know — "
            "upgrade musicfleet"
        )
    if later := sorted(set(present) - set(of_copy)):
        raise BadInputError(
            f"the PostgreSQL of FLEET_DATABASE_URL has the migration {later[-1]}, which the backup "
            "is older than — name an empty database"
        )


def _move_roots(moves: Moves) -> list[tuple[str, str]]:
    """Have roots be where this machine has their music. Raises BadInputError."""
    known = [each.path for each in library_roots.listed()]
    done = []
    for old, new in moves:
        before, now = _as_text(old), roots.checked_root(new)
        if before not in known:
            raise BadInputError(
                f"{old} is no root of the backup — its roots are {', '.join(map(shown, known))}"
            )
        if before == now:
            continue
        roots.share_to_move(before, now)
        with transaction():
            for scan in scans.overlapping(before):
                scans.end_early(scan.id, "a backup was restored while it went on")
            library_roots.move(before, now)
        done.append((before, now))
    return done


def _as_text(path: str) -> str:
    return to_text(os.fsencode(os.path.normpath(settings.expanded(path))))


def _drop_jobs() -> None:
    """Drop the jobs of what was there: the database records what is to be done."""
    if is_embedded():
        shutil.rmtree(valkey.data_folder(), ignore_errors=True)
        return
    try:
        names = list(dispatch.load_topology().queues)
    except TopologyError:
        return  # `fleet up` reports it, and starts nothing
    for name in names:
        queues.clear(name)


def _write_settings(staging: Path, moves: Moves) -> None:
    """The settings of the backup, with the places and secrets of this machine."""
    import tomlkit  # noqa: PLC0415  # few commands write TOML

    file = staging / settings_file.NAME
    if not file.exists():  # a copy of the database alone
        return
    document = tomlkit.parse(settings.read_text(file))
    present: Mapping[str, Any] = {}
    if settings_file.path().exists():
        present = tomlkit.parse(settings.read_text(settings_file.path()))
    for setting in SETTINGS:
        if setting.secret or setting.group == PLACES:
            for key in (setting.key, setting.key + settings_file.SECRET_FILE.lower()):
                if key in present and key not in document:
                    document[key] = present[key]
        if setting.kind in {Kind.FOLDERS, Kind.FOLDERS_OR_SWITCH}:
            folders = document.get(setting.key)
            if isinstance(folders, list):
                document[setting.key] = [_moved(str(each), moves) for each in folders]
    if document:
        file.write_text(tomlkit.dumps(document), encoding="utf-8")
    else:
        file.unlink()


def _moved(folder: str, moves: Moves) -> str:
    text = _as_text(folder)
    for old, new in moves:
        before = _as_text(old)
        if is_under(text, before) or text == before:
            return os.path.normpath(settings.expanded(new)) + text[len(before) :]
    return folder
