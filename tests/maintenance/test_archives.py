"""Backups of everything, restored elsewhere, and the library in another database."""

import io
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db import ledger, settings
from db.artwork import image_files
from db.errors import BackupError, CopyError, NewerDatabaseError
from db.maintenance import backups, database_copy
from db.models import Artist, ChosenImage, Image, LedgerRow, Track, database
from db.settings import identity, remember
from db.sql.connection import close_database, is_sqlite, open_database, transaction
from db.sql.schema import check_schema, ensure_library_id
from tests.databases import ON_SQLITE, PostgresServer
from tests.maintenance.conftest import Scan
from tests.maintenance.test_database_upkeep import pg_dump  # noqa: F401  # a fixture
from tests.pipeline.tables import content
from worker.errors import BadInputError
from worker.maintenance import archives, restoring

SETTINGS = 'watch_quiet = 7\nlastfm_key = "a-very-secret-key"\nmusic_places = ["{}", "/srv"]\n'


@pytest.fixture
def library(scan: Scan, music: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a library that was scanned, with a chosen cover, settings and an identity."""
    scan()
    with transaction():
        remember(ensure_library_id(""))
        picture = Image.select().get()
        ChosenImage.create(
            entity_type="album", entity_id=1, image=picture, source_path="/elsewhere/front.jpg"
        )
    (settings.data_dir() / "settings.toml").write_text(SETTINGS.format(music))
    monkeypatch.setenv("FLEET_LASTFM_KEY", "a-very-secret-key")
    monkeypatch.setenv("FLEET_KEEP_LOGS_DAYS", "99")
    return music


@pytest.mark.usefixtures("pg_dump")
def test_a_backup_is_restored_on_another_machine_where_the_music_lies_elsewhere(
    library: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = str(content())
    chosen = [(each.entity_id, each.image.digest) for each in ChosenImage.select()]
    file, written = archives.write(tmp_path, secrets=False)
    assert written.left_out == ["lastfm_key"]
    assert b"a-very-secret-key" not in file.read_bytes()
    assert archives.examine(file) == written
    name = identity().library
    elsewhere = tmp_path / "elsewhere"
    library.rename(elsewhere)
    _be_another_machine(data_dir, monkeypatch)
    done = restoring.restore(file, [(str(library), str(elsewhere))])
    assert (done.tracks, done.moved) == (6, [(str(library), str(elsewhere))])
    open_database()
    check_schema()
    assert str(content()) == before.replace(str(library), str(elsewhere))
    assert [(each.entity_id, each.image.digest) for each in ChosenImage.select()] == chosen
    assert ensure_library_id("") == name
    assert not ledger.wrong_sums()
    for image in Image.select():
        assert image_files.original(image.digest).exists()
        assert image_files.thumbnail(image.digest).exists()
    text = (settings.data_dir() / "settings.toml").read_text()
    assert "keep_logs_days = 99" in text
    assert f'["{elsewhere}", "/srv"]' in text


def _be_another_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty data folder, and an empty database of the same kind."""
    kind = is_sqlite()
    with transaction():
        if not kind:
            Track.update(title="of another time").execute()
    close_database()
    monkeypatch.setenv("FLEET_DATA_DIR", str(folder / "machine"))
    for name in ("FLEET_LASTFM_KEY", "FLEET_KEEP_LOGS_DAYS"):
        monkeypatch.delenv(name)


@ON_SQLITE
def test_what_is_damaged_is_refused_and_all_stays_as_it_was(
    library: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    file, _ = archives.write(tmp_path / "whole.tar", secrets=False)
    whole = file.read_bytes()
    before, text = content(), (settings.data_dir() / "settings.toml").read_text()
    close_database()
    picture = whole.index(b"\xff\xd8\xff")
    cases = {
        "cut in the middle": whole[: len(whole) // 2],
        "without its end": whole[: whole.rindex(b"manifest.json") - 1600],
        "another byte in the database": _changed(whole, whole.index(b"SQLite format 3") + 5000),
        "another byte in a picture": _changed(whole, picture + 200),
        "a file that leads out": _with(whole, "images/originals/../../../away"),
        "a file too many": _with(whole, "jobs.py"),
        "no archive": b"music",
        "nothing": b"",
    }
    for name, data in cases.items():
        with subtests.test(name):
            file.write_bytes(data)
            with pytest.raises(BackupError, match="use another one"):
                restoring.restore(file, [])
            open_database()
            assert content() == before
            close_database()
            assert (settings.data_dir() / "settings.toml").read_text() == text
            assert not list(settings.data_dir().glob("rest*"))
            assert not (tmp_path / "away").exists()


def _changed(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _with(archive: bytes, name: str) -> bytes:
    """The archive with one more file, before its manifest."""
    target = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        tarfile.open(fileobj=target, mode="w") as new,
    ):
        for member in old:
            if member.name == "manifest.json":
                new.addfile(tarfile.TarInfo(name))
            new.addfile(member, old.extractfile(member))
    return target.getvalue()


@ON_SQLITE
def test_a_restore_that_ends_at_any_step_leaves_the_old_state_or_is_finished(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = archives.write(tmp_path / "of-today.tar", secrets=True)
    with transaction():
        Track.update(title="later").execute()
    steps = 0
    for ends_at in range(30):
        left = iter(range(ends_at))
        with monkeypatch.context() as patch:
            for name in ("rename", "replace", "unlink"):
                patch.setattr(Path, name, _ending(getattr(Path, name), left))
            try:
                restoring.restore(file, [])
            except KeyboardInterrupt:
                steps += 1
            else:
                break
        close_database()
        backups.finish()
        open_database()
        titles = {track.title for track in Track.select()}
        assert titles == {"later"} or (len(titles) == 6 and "later" not in titles)
        with transaction():
            Track.update(title="later").execute()
        close_database()
    assert steps >= 3
    open_database()
    assert Track.select().where(Track.title == "later").count() == 0
    assert any("library.db" in each.name for each in backups.backups_dir().glob("former-*"))


def _ending(method: Callable[..., object], left: Iterator[int]) -> Callable[..., object]:
    """The method, until it was called so many times; then the process seems to end."""

    def instead(self: Path, *arguments: object, **options: object) -> object:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return method(self, *arguments, **options)

    return instead


@ON_SQLITE
def test_what_cannot_be_restored_is_said_with_a_remedy(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = archives.write(tmp_path / "music.tar", secrets=False)
    with pytest.raises(BadInputError, match="is there already — name another file"):
        archives.write(file, secrets=False)
    with pytest.raises(BadInputError, match=r"there is no folder .*/none — make it"):
        archives.write(tmp_path / "none" / "x.tar", secrets=False)
    with pytest.raises(BadInputError, match=f"/nowhere is no root of the backup — .* {library}"):
        restoring.restore(file, [("/nowhere", str(library))])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.flac").touch()
    with pytest.raises(BadInputError, match="none of the files"):
        restoring.restore(file, [(str(library), str(tmp_path / "other"))])
    (tmp_path / "daily.dump").write_bytes(b"PGDMP")
    with pytest.raises(BadInputError, match="holds a PostgreSQL, and this fleet has SQLite — name"):
        restoring.restore(tmp_path / "daily.dump", [])
    shutil.copy(settings.data_dir() / "library.db", tmp_path / "daily.db")
    assert restoring.restore(tmp_path / "daily.db", []).tracks == 6
    monkeypatch.setenv("FLEET_DATABASE_URL", "postgresql://nobody@localhost/music")
    with pytest.raises(BadInputError, match="holds an SQLite file, and FLEET_DATABASE_URL names"):
        restoring.restore(file, [])


@ON_SQLITE
def test_the_library_is_copied_into_a_postgresql_and_back(
    library: Path, postgres: PostgresServer, tmp_path: Path
) -> None:
    before, rows = _content(), LedgerRow.select().count()
    here, there = settings.database_url(), postgres.empty()
    back = f"sqlite:///{tmp_path / 'back.db'}"
    library_name = identity().library
    close_database()
    with pytest.raises(KeyboardInterrupt):
        database_copy.copy(here, there, _interrupted_at("track_artists"))
    open_database(there)
    with pytest.raises(NewerDatabaseError, match="run the same `fleet db copy` again"):
        check_schema()
    close_database()
    first = database_copy.copy(here, there)
    assert 0 < first.written < first.rows, "what had been copied was not written again"
    assert database_copy.copy(here, there).written == 0
    copied = database_copy.copy(there, back)
    assert copied.rows == copied.written == first.rows
    for url in (there, back):
        open_database(url)
        check_schema()
        assert _content() == before
        assert LedgerRow.select().count() == rows
        assert not ledger.wrong_sums()
        assert ensure_library_id("") == library_name
        with transaction():
            assert Artist.create(name="New").id == Artist.select().count(), "ids go on"
            Track.update(title="changed there").where(Track.id == 1).execute()
        close_database()
    again = database_copy.copy(here, there)
    assert again.written > 0
    open_database(there)
    assert _content() == before, "what had changed there is as it is here"
    close_database()


def _content() -> str:
    """The tables, numbers as exact as PostgreSQL has them."""
    return re.sub(r"\d+\.\d{4,}", lambda found: f"{float(found[0]):.6g}", str(content()))


def _interrupted_at(name: str) -> Callable[[str, int], None]:
    def report(table: str, _rows: int) -> None:
        if table == name:
            raise KeyboardInterrupt

    return report


@ON_SQLITE
def test_nothing_is_copied_over_what_is_not_a_copy(
    library: Path, postgres: PostgresServer, tmp_path: Path
) -> None:
    here, there = settings.database_url(), postgres.empty()
    close_database()
    with pytest.raises(CopyError, match="is the library itself — name another database"):
        database_copy.examine(here, f"sqlite:///{settings.data_dir()}/run/../library.db")
    open_database(there)
    ensure_library_id("f" * 32)
    close_database()
    with pytest.raises(CopyError, match=r"holds another library \(ffffffff\) — name an empty"):
        database_copy.copy(here, there)
    other = tmp_path / "other.db"
    open_database(f"sqlite:///{other}", create=True)
    database.execute_sql("CREATE TABLE photos (id INTEGER)")
    close_database()
    with pytest.raises(CopyError, match="holds tables of another program — name an empty"):
        database_copy.copy(here, f"sqlite:///{other}")
