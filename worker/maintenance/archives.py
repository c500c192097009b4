"""Backups of everything: one file, written while the fleet works, restored on any machine.

It is a tar archive, without compression, for nearly all of it is pictures:

    library.db, or library.dump    the database at one moment, as `db.maintenance.backups` copies it
    settings.toml                  the settings in force, without secrets and places
    queues.toml                    where the fleet has one of its own
    images/originals/ab/cd/abcd…   the picture store, with its thumbnails of one size
    manifest.json                  what it holds; last, so that one without it is not whole

The header of each file has the SHA-256 of its content, and the manifest that of all of these. The
pictures are read after the database: whatever its rows name is there by then.
"""

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from db import settings
from db.artwork import image_files
from db.errors import BackupError
from db.library import statistics
from db.maintenance import backups
from db.models import utc_now
from db.scanning import scans
from db.settings import identity, settings_file
from db.settings.declarations import PLACES, SETTINGS, Setting
from db.sql.connection import open_database
from db.sql.schema import applied_migrations, check_schema
from worker import __version__
from worker.errors import BadInputError
from worker.host.process_files import hold
from worker.topology.queues_toml import own_queues_file, profiles, queues_file

FORMAT = 1
_MANIFEST = "manifest.json"
_DATABASE = re.compile(r"library\.(db|dump)")
_SMALL = {"settings.toml", "queues.toml"}
_PICTURE = re.compile(r"images/(originals|\d+)/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{64})(\.\w+)?")
_DIGEST = "MUSICFLEET.sha256"
"""The record of a header that has the SHA-256 of the content that follows."""
_LARGEST_SMALL = 1024 * 1024
_LARGEST_PICTURE = 256 * 1024 * 1024
_PIECE = 1024 * 1024
_LOCK_SECONDS = 2.0


@dataclass
class Manifest:
    """What an archive holds."""

    format: int = FORMAT
    musicfleet: str = __version__
    made_at: str = ""
    """UTC."""
    library: str = ""
    """The id of the library."""
    database: str = ""
    """The name of the copy of the database: `library.db` or `library.dump`."""
    migration: str = ""
    """The newest one of the database."""
    tracks: int = 0
    albums: int = 0
    pictures: int = 0
    roots: list[str] = field(default_factory=list)
    has_secrets: bool = False
    left_out: list[str] = field(default_factory=list)
    """The settings with secrets that were set, and are not in it."""
    digest: str = ""
    """SHA-256 of the name and the digest of each file, in their order."""


# Writing


def write(target: Path, *, secrets: bool) -> tuple[Path, Manifest]:
    """Write an archive into a file, or with a name of its own into a folder.

    With `secrets` it holds the passwords and keys of the settings too. Raises BadInputError for a
    file that is there, db.errors.DatabaseError, LockTakenError and OSError; nothing is left then.
    """
    open_database()
    check_schema()
    settings.prepare_data_dir()
    file = _file_for(target)
    with hold(settings.run_dir() / "backup.lock", _LOCK_SECONDS):
        part = file.with_name(f"{file.name}.part")
        try:
            with open(part, "wb", opener=_for_owner) as stream:
                manifest = _write_all(stream, secrets=secrets)
                stream.flush()
                os.fsync(stream.fileno())
            part.rename(file)
        finally:
            part.unlink(missing_ok=True)
    return file, manifest


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _file_for(target: Path) -> Path:
    """The file that is meant, in a folder that is there."""
    if target.is_dir():
        target /= f"musicfleet-{utc_now():%Y%m%d-%H%M%S}.tar"
    if target.exists():
        raise BadInputError(f"{target} is there already — name another file, or a folder")
    if not target.parent.is_dir():
        raise BadInputError(f"there is no folder {target.parent} — make it, or name another")
    return target


def _write_all(stream: IO[bytes], *, secrets: bool) -> Manifest:
    manifest = Manifest(made_at=f"{utc_now():%Y-%m-%dT%H:%M:%S}", has_secrets=secrets)
    numbers = statistics.library_counts()
    manifest.tracks, manifest.albums = numbers["tracks"], numbers["albums"]
    manifest.library, manifest.roots = identity().library, scans.roots()
    manifest.migration = applied_migrations()[-1]
    manifest.database = f"library{backups.suffix()}"
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        writer = _Writer(tar)
        with backups.copied("outgoing") as copy:
            writer.add_file(manifest.database, copy)
        text, manifest.left_out = _settings_in_force(secrets=secrets)
        writer.add("settings.toml", text.encode())
        if queues := _own_queues():
            writer.add("queues.toml", settings.read_text(queues).encode())
        for name, picture in _pictures():
            with suppress(FileNotFoundError), _brought(picture):  # it may be deleted meanwhile
                writer.add_file(name, picture)
                manifest.pictures += name.startswith("images/originals/")
        manifest.digest = writer.digest.hexdigest()
        writer.add(_MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
    return manifest


class _Writer:
    """Adds files to an archive, each with its digest."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.digest = hashlib.sha256()

    def add(self, name: str, data: bytes) -> None:
        """Add a file of these bytes."""
        self._add(name, io.BytesIO(data), hashlib.sha256(data).hexdigest(), len(data))

    def add_file(self, name: str, path: Path) -> None:
        """Add what a file holds. Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            self._add(name, file, digest, size)

    def _add(self, name: str, content: IO[bytes], digest: str, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(time.time())
        info.pax_headers = {_DIGEST: digest}
        self._tar.addfile(info, content)
        self.digest.update(f"{name} {digest}\n".encode())


def _settings_in_force(*, secrets: bool) -> tuple[str, list[str]]:
    """The settings of the fleet as a settings.toml, and the secrets that it leaves out.

    What stands in the environment comes to it. Places are another machine's own.
    """
    import tomlkit  # noqa: PLC0415  # few commands write TOML

    file = settings_file.path()
    document = tomlkit.parse(settings.read_text(file) if file.exists() else "")
    left_out = []
    for setting in SETTINGS:
        of_file = setting.name + settings_file.SECRET_FILE
        document.pop(setting.key + settings_file.SECRET_FILE.lower(), None)
        value = os.environ.get(setting.name, "")
        if _is_place(setting, value) or (setting.secret and not secrets):
            document.pop(setting.key, None)
            if setting.group != PLACES and (value or os.environ.get(of_file)):
                left_out.append(setting.key)
        elif setting.in_file and value:
            document[setting.key] = settings_file.as_toml(setting, value)
    return tomlkit.dumps(document), left_out


def _is_place(setting: Setting, value: str) -> bool:
    """Whether it says where this machine has something; the name of a profile does not."""
    return setting.group == PLACES and not (setting.key == "queues" and value in profiles())


def _own_queues() -> Path | None:
    """The queues.toml of the user's own, if the fleet goes by one."""
    chosen = os.environ.get("FLEET_QUEUES", "")
    if chosen in profiles() or not (chosen or own_queues_file().exists()):
        return None
    return queues_file()


@contextmanager
def _brought(picture: Path) -> Iterator[None]:
    """A file of the picture store is here meanwhile, though it be in an object store."""
    is_here = picture.exists()
    image_files.bring(picture)
    try:
        yield
    finally:
        if not is_here:
            picture.unlink(missing_ok=True)


def _pictures() -> Iterator[tuple[str, Path]]:
    for shard in sorted(image_files.shards()):
        for digest in sorted(image_files.originals_in(shard)):
            path = image_files.original(digest)
            yield f"images/{path.relative_to(settings.images_dir())}", path
        for digest in sorted(image_files.thumbnails_in(shard)):
            path = image_files.thumbnail(digest)
            yield f"images/{path.relative_to(settings.images_dir())}", path


# Reading


class _TarInfo(tarfile.TarInfo):
    """A header whose own records are small: tarfile reads them whole."""

    def _proc_member(self, archive: Any) -> Any:
        if self.type not in tarfile.REGULAR_TYPES and self.size > _LARGEST_SMALL:
            raise tarfile.ReadError("it has a header of an impossible size")
        return super()._proc_member(archive)  # type: ignore[misc]  # the stubs lack it


def examine(archive: Path) -> Manifest:
    """Read all of an archive, or of a copy of the database, and return what it holds.

    Raises BackupError for one that is damaged, or not whole, and OSError.
    """
    return unpack(archive, None)


def unpack(archive: Path, into: Path | None) -> Manifest:
    """As `examine`, and put it into this folder, but the pictures into the store.

    There they do no harm: they are named by their content.
    """
    with archive.open("rb") as file:
        begin = file.read(len(_SQLITE))
    for name, mark in (("library.db", _SQLITE), ("library.dump", _POSTGRESQL)):
        if begin.startswith(mark):
            if into:
                shutil.copyfile(archive, into / name)
            return Manifest(database=name)
    try:
        with tarfile.open(archive, "r|", tarinfo=_TarInfo) as tar:
            return _read_all(tar, into)
    except (tarfile.TarError, ValueError, TypeError, KeyError) as error:
        raise BackupError(
            f"{archive} is damaged, or no backup of musicfleet: {error} — use another one"
        ) from error


_SQLITE, _POSTGRESQL = b"SQLite format 3\0", b"PGDMP"


def _read_all(tar: tarfile.TarFile, into: Path | None) -> Manifest:
    digests = hashlib.sha256()
    seen: set[str] = set()
    for member in tar:
        digest = member.pax_headers.get(_DIGEST, "")
        if member.name == _MANIFEST:
            return _checked(_small(tar, member, digest), digests.hexdigest(), seen)
        if member.name in _SMALL or _DATABASE.fullmatch(member.name):
            seen.add(member.name)
            _take(tar, member, digest, into / member.name if into else None)
        else:
            _take_picture(tar, member, digest, is_kept=into is not None)
        digests.update(f"{member.name} {digest}\n".encode())
    raise tarfile.ReadError("its end is missing")


def _checked(data: bytes, digest: str, seen: set[str]) -> Manifest:
    content = json.loads(data)
    if content.get("format") != FORMAT:
        raise BackupError(
            f"the backup has the format {content.get('format')!r}, and this musicfleet reads "
            f"{FORMAT} — restore it with musicfleet {content.get('musicfleet')}"
        )
    manifest = Manifest(**content)
    if manifest.digest != digest or manifest.database not in seen:
        raise tarfile.ReadError("files of it are missing or others than were written")
    return manifest


def _small(tar: tarfile.TarFile, member: tarfile.TarInfo, digest: str) -> bytes:
    buffer = io.BytesIO()
    _copy(tar, member, digest, buffer, _LARGEST_SMALL)
    return buffer.getvalue()


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, digest: str, target: Path | None) -> None:
    if target is None:
        _copy(tar, member, digest, None, member.size)
        return
    if (free := shutil.disk_usage(target.parent).free) < member.size:
        raise BackupError(
            f"{member.name} takes {member.size:,} bytes, and the disk of {target.parent} has "
            f"{free:,} free — free some space"
        )
    with open(target, "wb", opener=_for_owner) as file:
        _copy(tar, member, digest, file, member.size)
        file.flush()
        os.fsync(file.fileno())


def _take_picture(
    tar: tarfile.TarFile, member: tarfile.TarInfo, digest: str, *, is_kept: bool
) -> None:
    """Put a picture, or a thumbnail, into the store, where it harms nothing that is there."""
    found = _PICTURE.fullmatch(member.name)
    place = _place(found) if found else None
    if found is None or place is None or (found[1] == "originals" and found[4] != digest):
        raise tarfile.ReadError(f"{member.name!r} does not belong in it")
    if not is_kept or _is_stored(place):
        _copy(tar, member, digest, None, _LARGEST_PICTURE)
        return
    part = image_files.incoming_dir() / f"restored-{place.name}"
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            _copy(tar, member, digest, file, _LARGEST_PICTURE)
        part.replace(place)
        image_files.send(place)
    finally:
        part.unlink(missing_ok=True)


def _is_stored(place: Path) -> bool:
    return place.exists() and (not image_files.is_used() or image_files.holds(place))


def _place(found: re.Match[str]) -> Path | None:
    """Where the store has it; None for a name that it would not give."""
    folder, *_, digest, _suffix = found.groups()
    if folder != "originals" and folder != str(image_files.THUMBNAIL_SIZE):
        return None
    is_original = folder == "originals"
    path = image_files.original(digest) if is_original else image_files.thumbnail(digest)
    is_named = found[0] == f"images/{path.relative_to(settings.images_dir())}"
    return path if is_named else None


def _copy(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    digest: str,
    target: IO[bytes] | None,
    largest: int,
) -> None:
    """Read the content of a file of the archive, and compare it with its digest."""
    source = tar.extractfile(member) if member.type == tarfile.REGTYPE else None
    if source is None or member.issparse() or member.size > largest:
        raise tarfile.ReadError(f"{member.name!r} does not belong in it")
    found = hashlib.sha256()
    while piece := source.read(_PIECE):
        found.update(piece)
        if target:
            target.write(piece)
    if found.hexdigest() != digest:
        raise tarfile.ReadError(f"{member.name} is not what was written")
