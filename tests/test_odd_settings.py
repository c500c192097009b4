"""Settings as nobody means them: each is accepted, or refused by its name, and nothing breaks."""

import os
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, example, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from db.settings.declarations import SETTINGS
from db.sql.connection import close_database
from tests.databases import open_sqlite
from worker import dispatch
from worker.cli.fleet import run
from worker.errors import ExitCode

NAMES = [each.name for each in SETTINGS if each.name != "FLEET_DEBUG"]
COMMANDS = [
    ["status"],
    ["config", "check"],
    ["web", "--where"],
    ["watch"],
    ["queue", "list"],
    ["schedule", "list"],
    ["logs", "covers"],
    ["similar", "1"],
    ["enqueue", "maintenance.reconcile", "--dry-run"],
]
VALUES = st.one_of(
    st.sampled_from(
        [
            *("-1", "0", "1e999", "nan", "inf", "1_000", "0x10", "1.5", "9" * 19, "1" * 5000),
            *("\u00b2", "\uff19", "\udcff", "a\nb", "[/]\x1b]0;x\x07", "%(x)s", "{}"),
            *(
                "[",
                "http://[",
                "a=http://[",
                "deezer=http://[::1",
                "redis://[",
                "redis://h:99999/0",
            ),
            *("redis://:a:b@h", "unix:///nowhere", "postgresql://[", "postgresql://h:x/d", "://"),
            *("sqlite:///", "sqlite:////proc/1/x.db", "sqlite:///\udcff", "musicbrainz=1e999"),
            *(
                "~nobody-there/x",
                "/dev/null",
                "/proc/1/mem",
                "/proc/x",
                ",,,",
                ":",
                "=",
                " ",
                "off",
            ),
            *("127.0.0.1:0", "[::1%lo]:1", "0.0.0.0:x", "::", "10.0.0.0/33", "1.2.3.4/x"),
            *("cover.*," * 3000, "x" * 40_000, "on", "never"),
        ]
    ),
    st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), max_size=20),
)


@pytest.fixture
def settled(
    data_dir: Path, queues: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fleet that could work, in a folder where relative paths do no harm."""
    (data_dir / "run").mkdir(mode=0o700)
    open_sqlite()
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("settled")
def test_every_setting_is_accepted_or_refused_whatever_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @bounds(
        max_examples=int(os.environ.get("FUZZ_EXAMPLES", "24")),
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(NAMES), VALUES, st.sampled_from(COMMANDS))
    @example("FLEET_DATA_DIR", "~nobody-there/x", ["status"])
    @example("FLEET_QUEUES", "~nobody-there/x", ["config", "check"])
    @example("FLEET_WATCH", "~nobody-there/x", ["watch"])
    @example("FLEET_BACKUPS", "1" * 5000, ["status"])
    @example("FLEET_DATABASE_URL", "sqlite:////proc/1/x.db", ["status"])
    @example("FLEET_DATABASE_URL", "http://[", ["status"])
    @example("FLEET_REDIS_URL", "redis://[", ["status"])
    @example("FLEET_WEB_TRUSTED_PROXIES", "::/129", ["web", "--where"])
    def use(name: str, value: str, command: list[str]) -> None:
        for arguments in (command, ["doctor", "--quick"]):
            close_database()
            dispatch.connection.cache_clear()
            dispatch.topology.cache_clear()
            with monkeypatch.context() as here:
                here.setenv(name, value)
                code = run(arguments)
            err = capsys.readouterr().err
            assert code != ExitCode.UNFORESEEN, (name, value, arguments, err)
            assert "Traceback" not in err

    use()
    dispatch.topology.cache_clear()
