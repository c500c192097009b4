"""Completion in a shell: the names of queues, jobs, programs, schedules, settings and music."""

from pathlib import Path

import pytest

from db.models import Album
from tests.databases import open_sqlite
from worker.cli.fleet import fleet

Output = pytest.CaptureFixture[str]
OFFERED = {
    ("queue", "pause", "deferred_c"): ["deferred_covers"],
    ("enqueue", "covers.process_al"): ["covers.process_album_covers"],
    ("scale", "cov"): ["covers"],
    ("logs", "sca"): ["scan"],
    ("schedule", "run", "reco"): ["reconcile"],
    ("settings", "set", "watch_q"): ["watch_quiet"],
    ("cover", "why", "night"): [r"Night\ Bus\ \(Live\)"],
    ("cover", "why", "'Night B"): ["Night Bus (Live)"],
    ("cover", "why", "Zzz"): [],
}
"""What bash is offered for the last word, as it takes it."""


def completed(words: tuple[str, ...], capsys: Output, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What bash is offered, as its script asks for it."""
    monkeypatch.setenv("_FLEET_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "\n".join(("fleet", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    with pytest.raises(SystemExit):
        fleet.main(prog_name="fleet", complete_var="_FLEET_COMPLETE")
    out, err = capsys.readouterr()
    assert err == ""
    return [line.partition(",")[2] for line in out.splitlines() if line]


def test_names_are_offered_as_bash_takes_them(
    data_dir: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_sqlite()
    Album.create(key="a", folder="/music/a", title="Night Bus (Live)", present=1)
    for words, offered in OFFERED.items():
        assert completed(words, capsys, monkeypatch) == offered, words


def test_where_no_database_opens_nothing_is_offered_and_nothing_said(
    data_dir: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_DATABASE_URL", "sqlite:////nowhere/library.db")
    assert completed(("cover", "why", "Ni"), capsys, monkeypatch) == []
