"""No URL shows its password, however it is written, and what cannot be parsed shows nothing."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db import settings as fleet_settings
from db.errors import BackupError, DatabaseError
from db.maintenance import backups
from db.settings.urls import UNREADABLE, shown, without_secrets
from db.sql.connection import open_database
from tests.doctor.complaints import complaints
from worker import dispatch
from worker.cli.fleet import run
from worker.errors import WorkerError
from worker.redis.connection import connect

SECRET = "s3cret"

ODD = [
    ("redis://:a:s3cret@h", "redis://:***@h"),
    ("redis://:s3cret@h:6379/1", "redis://:***@h:6379/1"),
    ("redis://s3cret@h", "redis://***@h"),
    ("redis://h?password=s3cret&db=2", "redis://h?password=***&db=2"),
    ("rediss://me:x@s3cret@h/0", "rediss://me:***@h/0"),
    ("unix://me:s3cret@/run/redis.sock?db=1", "unix://me:***@/run/redis.sock?db=1"),
    ("postgresql://me:s3cret@h/music", "postgresql://me:***@h/music"),
    ("postgresql://me@h/music?password=s3cret", "postgresql://me@h/music?password=***"),
    ("postgresql://me@h/music?sslpassword=s3cret", "postgresql://me@h/music?sslpassword=***"),
    ("postgresql:///music?host=/tmp&user=me", "postgresql:///music?host=/tmp&user=me"),
    ("postgresql://me:s3cret@a:1,b:2/music", "postgresql://me:***@a:1,b:2/music"),
    ("sqlite:////music #1/a@b?/library.db", "sqlite:////music #1/a@b?/library.db"),
    # Mistyped: the password may be anywhere.
    ("redis:/:s3cret@h", UNREADABLE),
    ("redis//:s3cret@h", UNREADABLE),
    ("redis://:s3cret", UNREADABLE),
    ("redis://:s3/cret@h", UNREADABLE),
    ("redis://:s3#cret@h", UNREADABLE),
    ("redis://:s3?cret@h", UNREADABLE),
    ("redis://[s3cret@h", UNREADABLE),
    ("redis://h:s3cret", UNREADABLE),
    ("redis://h?s3cret", UNREADABLE),
    ("redis://:\ns3cret@h", UNREADABLE),
    ("postgresql://me:s3cret@h/%80", UNREADABLE),
    ("host=h password=s3cret", UNREADABLE),
    ("s3cret", UNREADABLE),
]


@pytest.mark.parametrize(("url", "says"), ODD, ids=[url for url, _ in ODD])
def test_a_url_is_shown_without_its_password(url: str, says: str) -> None:
    assert shown(url) == says


@given(st.text(), st.sampled_from(["redis://", "postgresql://me:", "redis://:", "unix://", ""]))
def test_a_url_that_anybody_made_up_is_shown_or_not(text: str, begin: str) -> None:
    result = shown(begin + text)
    assert result == UNREADABLE or result.startswith(begin[:8])


@given(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=3))
def test_no_password_before_the_host_is_ever_shown(password: str) -> None:
    assert password not in shown(f"redis://:XX{password}XX@h/1").replace("***", "")


CLOSED = "postgresql://me:x@127.0.0.1:1/"
"""Where nobody listens; libpq would look any other host up."""
PARTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.sampled_from(["?", "@", "/", ":", "%", "[::1]", "127.0.0.1:1", "password=", "db=", "&"]),
)
URLS = st.builds(
    "{}{}".format,
    st.sampled_from(
        ["redis://", "rediss://", "unix://", "sqlite:///", "sqlite:", "mysql://", CLOSED, ""]
    ),
    st.lists(PARTS, max_size=6).map("".join),
)


@given(URLS)
@example("postgresql://[/")
@example("postgresql://me:x@127.0.0.1:1/%80")
@example("redis://h:99999")
@example("unix:///tmp?db=x")
@example(f"{CLOSED}?connect_timeout=x")
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_whatever_stands_in_a_url_is_refused_in_words(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", _nowhere)
    monkeypatch.setattr("os.environ", {**os.environ, "FLEET_DATA_DIR": str(data_dir)})
    for name, opened in (
        ("FLEET_REDIS_URL", connect),
        ("FLEET_DATABASE_URL", open_database),
    ):
        os.environ[name] = url
        with pytest.raises((WorkerError, DatabaseError), match=" — "):
            opened()


def test_the_words_of_a_library_lose_what_is_secret() -> None:
    url = "postgresql://me:s3%20cret@h/music?sslpassword=other"
    text = 'no "s3 cret" or s3%20cret of me, nor other: ' + url
    assert without_secrets(text, url) == 'no "***" or *** of me, nor ***: ***'
    assert SECRET not in without_secrets("s3cret is no port", "redis://:s3cret")


@pytest.mark.parametrize("url", [url for url, _ in ODD if url.startswith(("redis", "unix", "s3"))])
def test_neither_errors_nor_the_doctor_show_the_password_of_redis(
    url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", _nowhere)  # names of hosts are not looked up
    monkeypatch.setenv("FLEET_REDIS_URL", url)
    dispatch.connection.cache_clear()
    with pytest.raises(WorkerError) as refused:
        dispatch.connection()
    said = [str(refused.value), *(each.says + each.remedy for each in complaints("redis"))]
    run(["--debug", "queue", "list"])
    said += capfd.readouterr()
    for part in ("s3cret", "s3", "cret"):
        assert not [each for each in said if part in each.replace("redis.sock", "")]


def _nowhere(*_: object, **__: object) -> None:
    raise OSError("no such host")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@127.0.0.1:1/music",
        "postgresql://me@127.0.0.1:1/music?password=s3cret",
        "postgresql://me@127.0.0.1:1/music?s3cret=1",
        "postgresql://me:s3/cret@127.0.0.1:1/music",
        "postgres:s3cret@h",
        "mysql://me:s3cret@h/music",
    ],
)
def test_no_error_of_the_database_shows_its_password(
    url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLEET_DATABASE_URL", url)
    with pytest.raises(DatabaseError) as refused:
        open_database()
    run(["--debug", "status"])
    said = [str(refused.value), *capfd.readouterr()]
    assert not [each for each in said if "s3cret" in each or "cret@" in each]


def test_pg_dump_has_the_password_in_its_environment_and_nothing_on_its_command_line(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = data_dir / "seen"
    program = data_dir / "pg_dump"
    program.write_text(f'#!/bin/sh\necho "$@" > {seen}\nenv | grep ^PG >> {seen}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(data_dir), prepend=os.pathsep)
    url = "postgresql://me:s3cret@h:5/music?sslmode=require&keepalives=0"
    monkeypatch.setenv("FLEET_DATABASE_URL", url)
    backups._dump_postgresql(data_dir / "target")
    arguments, *variables = seen.read_text().splitlines()
    assert "--dbname=keepalives=0" in arguments.split()
    assert "me" not in arguments.split("=")
    assert {"PGPASSWORD=s3cret", "PGUSER=me", "PGHOST=h", "PGPORT=5"} <= {*variables}
    monkeypatch.setenv("FLEET_DATABASE_URL", f"{url}&sslpassword=s3cret")
    with pytest.raises(BackupError, match="given sslpassword on its command line alone") as refused:
        backups._dump_postgresql(data_dir / "target")
    assert SECRET not in str(refused.value)
    assert fleet_settings.database_url()  # still what the user wrote
