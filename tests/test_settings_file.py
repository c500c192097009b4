"""settings.toml holds where the environment says nothing, and nothing faulty is taken."""

import os
import tomllib
from pathlib import Path

import pytest

from db.errors import SettingError
from db.settings import settings_file, value
from db.settings.declarations import SETTINGS
from worker.cli.fleet import run
from worker.errors import ExitCode
from worker.supervisor.fleet_environment import in_force


@pytest.fixture
def file(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where settings.toml is looked for; the environment says nothing but where the data is."""
    for each in SETTINGS:
        if each.name != "FLEET_DATA_DIR":
            monkeypatch.delenv(each.name, raising=False)
    return data_dir / "settings.toml"


WRITTEN = {
    "switch": ("watch = true", "FLEET_WATCH", "on"),
    "folders": ('watch = ["/a", "/b c"]', "FLEET_WATCH", "/a:/b c"),
    "number": ("watch_quiet = 2.5", "FLEET_WATCH_QUIET", "2.5"),
    "off": ("analysis_seconds = false", "FLEET_ANALYSIS_SECONDS", "off"),
    "text": ('web = "127.0.0.1:0"', "FLEET_WEB", "127.0.0.1:0"),
    "list": ('providers = ["deezer", "wikidata"]', "FLEET_PROVIDERS", "deezer, wikidata"),
    "table": (
        'provider_urls = { deezer = "http://h:1" }',
        "FLEET_PROVIDER_URLS",
        "deezer=http://h:1",
    ),
    "as the environment has it": ('watch = "on"', "FLEET_WATCH", "on"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_a_value_of_each_type_is_what_the_environment_would_say(file: Path, case: str) -> None:
    text, name, expected = WRITTEN[case]
    file.write_text(text)
    with in_force():
        assert value(name) == expected
    assert name not in os.environ


def test_the_environment_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("watch = true\nbackups = 3")
    monkeypatch.setenv("FLEET_WATCH", "off")
    with in_force():
        assert value("FLEET_WATCH") == "off"
        assert value("FLEET_BACKUPS") == "3"


@pytest.mark.parametrize("where", ["the environment", "settings.toml"])
def test_a_secret_may_stand_in_a_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    if where == "settings.toml":
        file.write_text(f'web_password_file = "{secret}"')
    else:
        monkeypatch.setenv("FLEET_WEB_PASSWORD_FILE", str(secret))
    with in_force():
        assert value("FLEET_WEB_PASSWORD") == "correct horse"


def test_every_fault_is_named_at_once_with_what_was_meant(file: Path) -> None:
    file.write_text('wach = true\nwatch_quiet = "5"\nbackups = [1]\ndata_dir = "/x"\ncontact = 1')
    with pytest.raises(SettingError) as raised:
        settings_file.values()
    text = str(raised.value)
    assert "did you mean watch" in text
    assert "backups is [1] — write a number" in text
    assert "FLEET_DATA_DIR" in text
    assert "contact is 1" in text
    assert "watch_quiet" not in text


@pytest.mark.parametrize("text", ["[", "a = 1" * 400_000, "\udcff", "a=" + "[" * 2000])
def test_a_file_that_is_no_toml_is_refused_in_one_line(file: Path, text: str) -> None:
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(SettingError, match=r"settings.toml cannot be read: .* — repair it"):
        settings_file.values()


def test_what_is_set_is_written_with_the_comments_kept(file: Path) -> None:
    file.write_text("# mine\nwatch = false  # at night\n")
    assert run(["settings", "set", "watch", "/music:/more"]) == ExitCode.OK
    assert run(["settings", "set", "FLEET_PROVIDER_URLS", "deezer=http://h:1"]) == ExitCode.OK
    assert run(["settings", "set", "backups", "3"]) == ExitCode.OK
    text = file.read_text()
    assert "# mine\n" in text
    assert "# at night" in text
    assert tomllib.loads(text) == {
        "watch": ["/music", "/more"],
        "provider_urls": {"deezer": "http://h:1"},
        "backups": 3,
    }
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(["settings", "unset", "watch"]) == ExitCode.OK
    assert "watch" not in tomllib.loads(file.read_text())


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("watch_quiet", "often", "FLEET_WATCH_QUIET is 'often'"),
        ("providers", "deezr", "did you mean deezer?"),
        ("web", "0.0.0.0:1", "FLEET_WEB_PASSWORD is not set"),
        ("wacth", "on", "did you mean watch"),
        ("data_dir", "/x", "set FLEET_DATA_DIR"),
        ("web_password_file", "/nowhere", "cannot be read"),
    ],
)
def test_a_value_with_a_fault_is_not_written(
    file: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, says: str
) -> None:
    file.write_text("backups = 3\n")
    assert run(["settings", "set", name, text]) == ExitCode.BAD_INPUT
    assert says in capsys.readouterr().err
    assert file.read_text() == "backups = 3\n"


def test_a_new_file_lists_every_setting_that_may_stand_in_it(file: Path) -> None:
    assert run(["settings", "set", "backups", "3"]) == ExitCode.OK
    text = file.read_text()
    assert all(f"# {each.key} =" in text for each in SETTINGS if each.in_file)


def test_the_list_says_where_a_value_is_from_and_shows_no_secret(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('web_password = "correct horse"\nwatch = true')
    monkeypatch.setenv("FLEET_BACKUPS", "3")
    for arguments in (["settings", "list"], ["settings", "list", "--json"]):
        assert run(arguments) == ExitCode.OK
        shown = capsys.readouterr().out
        assert "correct horse" not in shown
        assert "settings.toml" in shown
        assert "environment" in shown
    assert run(["settings", "get", "web_password"]) == ExitCode.OK
    assert "correct horse" not in "".join(capsys.readouterr())


def test_check_names_every_fault_of_the_values(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text('retrain_days = -1\nretrain_tags = "x"\nwatch_quiet = 0\nproviders = ["x"]')
    assert run(["settings", "check"]) == ExitCode.BAD_INPUT
    errors = capsys.readouterr().err
    names = ("RETRAIN_DAYS", "RETRAIN_TAGS", "WATCH_QUIET", "PROVIDERS")
    assert all(f"FLEET_{name} " in errors for name in names)


def test_each_setting_has_a_type_and_a_group() -> None:
    assert all(each.group and each.type and "{" not in each.type for each in SETTINGS)


def test_a_faulty_file_keeps_a_command_from_another_database(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("database_url = 1")
    assert run(["status"]) == ExitCode.BAD_INPUT
    assert "database_url is 1 — write text in quotes" in capsys.readouterr().err


def test_an_own_queues_toml_holds_where_nothing_else_is_named(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "# mine" >> "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    assert run(["config", "edit"]) == ExitCode.OK
    own = file.with_name("queues.toml")
    assert own.read_text().endswith("# mine\n")
    assert run(["config", "check"]) == ExitCode.OK
    assert str(own) in capsys.readouterr().out
