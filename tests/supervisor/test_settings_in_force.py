"""The running fleet has one set of values, whatever the shell of a command says."""

import json
from datetime import datetime
from itertools import product
from pathlib import Path

import pytest

from db import settings
from db.settings import settings_file
from tests.fleet.conftest import FleetCommand
from tests.waiting import until
from worker.errors import ExitCode
from worker.supervisor import fleet_environment
from worker.supervisor.rpc import processes


@pytest.fixture(scope="module")
def up(fleet: FleetCommand, data_dir: Path) -> FleetCommand:
    """A fleet that was started with one value of the environment and one of settings.toml."""
    (data_dir / "settings.toml").write_text("backups = 3\nwatch_quiet = 2\n")
    started = fleet("up", FLEET_KEEP_LOGS_DAYS="9")
    assert started.returncode == 0, started.stderr
    return fleet


def shown(fleet: FleetCommand, name: str, **environment: str) -> dict[str, str]:
    """What `fleet settings get` says of a setting."""
    found: dict[str, str] = json.loads(
        fleet("settings", "get", name, "--json", **environment).stdout
    )
    return found


def pids(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> dict[str, int | None]:
    monkeypatch.setenv("FLEET_DATA_DIR", str(data_dir))
    return {each.name: each.pid for each in processes() if each.pid}


def test_a_command_goes_by_the_values_of_the_fleet_and_says_what_differs(
    up: FleetCommand,
) -> None:
    other = {"FLEET_BACKUPS": "5", "FLEET_KEEP_LOGS_DAYS": "1", "FLEET_WATCH_QUIET": "2"}
    assert shown(up, "backups", **other)["value"] == "3"
    assert shown(up, "keep_logs_days", **other)["value"] == "9"
    for command in ("up", "watch", "doctor"):
        result = up(command, **other)
        said = result.stdout + result.stderr
        assert "another FLEET_BACKUPS than is set here (5 here, 3 there)" in said
        assert "another FLEET_KEEP_LOGS_DAYS" in said
        assert "another FLEET_WATCH_QUIET" not in said


def test_reload_takes_what_was_set_and_restarts_what_it_concerns(
    up: FleetCommand, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pids(monkeypatch, data_dir)
    assert up("settings", "set", "backups", "4").returncode == 0
    assert shown(up, "backups")["value"] == "3"
    result = up("reload", "--yes", FLEET_BACKUPS="7")
    assert result.returncode == 0, result.stderr
    assert "restart" in result.stderr
    assert shown(up, "backups")["value"] == "4"
    after = pids(monkeypatch, data_dir)
    assert after["work-1"] != before["work-1"]
    assert after["recovery"] == before["recovery"]
    assert up("settings", "set", "analysis_hours", another_time()).returncode == 0
    again = up("reload", "--yes", FLEET_BACKUPS="7")
    assert "No process is started, stopped or restarted." in again.stderr
    until(lambda: "until" in up("queue", "list").stdout)


FOUR = ("edited", "caller's", "taken", "noted")
"""The file as it is now and a caller's environment; the same of the fleet that runs."""
OF_EACH_KIND = {
    "backups": ("3", "4", "5", "6"),
    "analysis_hours": ("01:00-02:00", "02:00-03:00", "03:00-04:00", "04:00-05:00"),
    "tag_charsets": ("cp1251", "gbk", "shift_jis", "cp1250"),
    "provider_paces": ("deezer=1", "deezer=2", "deezer=3", "deezer=4"),
    "acoustid_key": ("secret-one", "secret-two", "secret-three", "secret-four"),
}
"""What each of the four says, if it says anything."""


def test_which_value_holds_of_those_of_file_environment_and_running_fleet(
    up: FleetCommand, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_DATA_DIR", str(data_dir))
    files = [data_dir / "settings.toml", data_dir / "run/settings.toml"]
    note, pid = data_dir / "run/environment.json", data_dir / "run/supervisord.pid"
    before = {file: file.read_text() for file in (*files, note, pid)}
    try:
        for is_up, *said in product((True, False), *[(True, False)] * len(FOUR)):
            pid.write_text(before[pid] if is_up else "0")
            speaks = dict(zip(FOUR, said, strict=True))
            says = {
                key: {who: text for who, text in zip(FOUR, texts, strict=True) if speaks[who]}
                for key, texts in OF_EACH_KIND.items()
            }
            for file, who in zip(files, ("edited", "taken"), strict=True):
                lines = [f'{key} = "{of[who]}"' for key, of in says.items() if who in of]
                file.write_text("\n".join(lines))
            noted = {f"FLEET_{key.upper()}": of.get("noted") for key, of in says.items()}
            note.write_text(json.dumps({name: text for name, text in noted.items() if text}))
            with monkeypatch.context() as shell:
                for key, of in says.items():
                    shell.setenv(f"FLEET_{key.upper()}", of.get("caller's", ""))
                with fleet_environment.in_force():
                    held = {key: settings.value(f"FLEET_{key.upper()}") for key in says}
                    lines = fleet_environment.differences()
            order = ("noted", "taken") if is_up else ("caller's", "edited")
            for key, of in says.items():
                default = settings_file.named(key).default
                assert held[key] == next((of[each] for each in order if each in of), default), (
                    speaks
                )
            assert len(lines) == len(says) * (is_up and speaks["caller's"])
            assert "secret-" not in "".join(lines)
    finally:
        for file, text in before.items():
            file.write_text(text)


def another_time() -> str:
    """Some hours of the day that it is not now."""
    hour = datetime.now().hour
    return f"{(hour + 8) % 24}:00-{(hour + 9) % 24}:00"


def test_another_database_takes_a_new_start(up: FleetCommand, data_dir: Path) -> None:
    text = (data_dir / "settings.toml").read_text()
    (data_dir / "settings.toml").write_text(text + 'database_url = "sqlite:////tmp/x.db"\n')
    result = up("reload", "--yes")
    assert result.returncode == ExitCode.BAD_INPUT
    assert "another database_url than the fleet was started with" in result.stderr
    (data_dir / "settings.toml").write_text(text)


def test_a_broken_file_starts_nothing_and_stops_nothing(
    up: FleetCommand, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pids(monkeypatch, data_dir)
    text = (data_dir / "settings.toml").read_text()
    (data_dir / "settings.toml").write_text("backups = [")
    assert up("reload", "--yes").returncode == ExitCode.BAD_INPUT
    assert up("status").returncode == 0
    assert shown(up, "keep_logs_days")["value"] == "9"
    assert "settings.toml cannot be read" in up("doctor", "--quick").stdout
    assert pids(monkeypatch, data_dir) == before
    assert up("down").returncode == 0
    refused = up("up")
    assert refused.returncode == ExitCode.BAD_INPUT
    assert "settings.toml cannot be read" in refused.stderr
    (data_dir / "settings.toml").write_text(text)
