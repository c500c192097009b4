"""FLEET_WATCH says what is watched, and nothing is unless it does."""

from pathlib import Path

import pytest

from db.errors import SettingError
from db.scanning import scans
from worker.errors import BadInputError
from worker.supervisor import watch_state
from worker.supervisor.conf_file import render
from worker.supervisor.instance import this_instance
from worker.topology import load


def test_nothing_is_watched_by_default(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_WATCH", raising=False)
    assert "[program:watch]" not in render(load(), this_instance(load()))
    monkeypatch.setenv("FLEET_WATCH", "on")
    assert "[program:watch]" in render(load(), this_instance(load()))


def test_on_watches_what_was_scanned(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_WATCH", "on")
    for root in ("/music", "/music/jazz", "/music2"):
        scans.start(root, deep=False)
    assert watch_state.roots() == ["/music", "/music2"]


def test_folders_are_watched_by_their_real_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "music")
    monkeypatch.setenv("FLEET_WATCH", f"{tmp_path}/link:{tmp_path}/other")
    real = tmp_path.resolve()
    assert watch_state.roots() == [f"{real}/music", f"{real}/other"]


@pytest.mark.parametrize(
    ("name", "text", "error", "says"),
    [
        ("FLEET_WATCH", "music", BadInputError, "no absolute path"),
        ("FLEET_WATCH_QUIET", "-1", SettingError, "a number of seconds up to 600"),
        ("FLEET_WATCH_MINUTES", "often", SettingError, "a number of minutes"),
        ("FLEET_WATCH", "/a;b", BadInputError, "cannot stand in supervisord.conf"),
    ],
)
def test_a_value_that_means_nothing_is_refused(
    name: str,
    text: str,
    error: type[Exception],
    says: str,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLEET_WATCH", "on")
    monkeypatch.setenv(name, text)
    with pytest.raises(error, match=says):
        this_instance(load())
