"""What a terminal, a spreadsheet or a log is shown of names that others chose."""

import ast
import csv
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import redis

from db import settings
from db.models import (
    TABLES,
    Album,
    Artist,
    Cluster,
    EntityType,
    Problem,
    Scan,
    Track,
    utc_now,
)
from db.sql.path_text import visible
from jobs import gmm
from tests.clusters.groups import add_artist, add_tracks, hear, new_model
from tests.databases import open_sqlite
from tests.queues.conftest import queue_named, stale
from worker.cli.fleet import fleet, run
from worker.errors import ExitCode
from worker.host.log import log_to_stderr

HOSTILE = "[/]\x1b]0;owned\x07\x9b31m\u202egpj\r\nfleet: all is well\t[bold]=1+1"
"""A title for the terminal, colours, a turned direction, another line, and bad markup."""
FORMULA = "=cmd|'/c calc'!A0"
FAKE = "fleet: all is well"

COMMANDS = [
    ["status"],
    ["problems"],
    ["missing-tags"],
    ["missing-tags", "--csv"],
    ["similar", "1"],
    ["path", "1", "2"],
    ["similar", "1", "--bpm", "0"],
    ["similar", "Twin"],
    ["similar", HOSTILE],
    ["cluster", "list"],
    ["cluster", "show", "1"],
    ["cluster", "show", HOSTILE],
    ["cluster", "show", "1", "--m3u"],
    ["cover", "why", "artist:1"],
    ["cover", "why", "Twins"],
    ["cover", "why", HOSTILE],
    ["queue", "list"],
    ["queue", "list", HOSTILE],
    ["queue", "clear", HOSTILE, "--dry-run"],
    ["queue", "move", HOSTILE, "insert", "--dry-run"],
    ["schedule", "list"],
    ["schedule", "run", HOSTILE],
    ["doctor", "--quick"],
    ["logs", "covers"],
    ["logs", HOSTILE],
    ["enqueue", HOSTILE],
    ["enqueue", "scan.discovery", HOSTILE],
    ["config", "check", f"/nowhere/{HOSTILE}"],
    ["scan", f"/nowhere/{HOSTILE}"],
    ["--debug", "scan", f"/nowhere/{HOSTILE}"],
    [HOSTILE],
    [f"--{HOSTILE}"],
]

Output = pytest.CaptureFixture[str]


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def stdout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> bool:
    """Whether the commands believe that they write to a terminal."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: request.param)
    monkeypatch.setenv("TERM", "dumb")  # Rich has no colours of its own then
    monkeypatch.setenv("COLUMNS", "300")
    return bool(request.param)


@pytest.fixture
def hostile(data_dir: Path, queues: redis.Redis) -> None:
    """A library, queues and logs in which every name is hostile."""
    settings.prepare_data_dir()
    open_sqlite()
    add_tracks(60)
    hear(EntityType.TRACK, new_model(), 1, 60)
    gmm.train_model("track")
    Cluster.update(name=HOSTILE).execute()
    add_artist(1, HOSTILE, 1)
    for number in (2, 3):
        Artist.create(id=number, name=f"Twins{' ' * number}{HOSTILE}")
    album = Album.create(key="a", title=FORMULA, album_artist=HOSTILE)
    Track.update(title=HOSTILE, album=album, path=Track.path.concat(HOSTILE)).execute()
    Track.update(title=f"Twin {HOSTILE}").where(Track.id > 50).execute()
    Problem.create(path=f"/{HOSTILE}", stage="read", code="damaged", message=HOSTILE)
    Scan.create(root=f"/{HOSTILE}", finished_at=utc_now())
    queue_named(HOSTILE).enqueue_job(stale(f"{HOSTILE}.{HOSTILE}"))
    of_others = HOSTILE.replace("\r\n", " ")  # as an entry of other programs may be
    (settings.run_dir() / "covers.log").write_text(f"12:00 {of_others}\n", encoding="utf-8")


@pytest.mark.usefixtures("hostile")
def test_no_name_commands_the_terminal_or_looks_like_another_line(
    stdout: bool, capsys: Output
) -> None:
    shown = 0
    for command in COMMANDS:
        code = run(command)
        out, err = capsys.readouterr()
        assert code != ExitCode.UNFORESEEN, (command, err)
        for line in (out + err).split("\n"):
            assert not line.startswith(FAKE), command
            assert visible(line.replace("\t", "")) == line.replace("\t", ""), command
        shown += FAKE in out + err
    assert shown > 15  # it is escaped, and not left out


@pytest.mark.usefixtures("hostile")
def test_json_has_every_name_exactly_and_commands_no_terminal(capsys: Output) -> None:
    assert run(["cluster", "list", "--json"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert json.loads(out)["clusters"][0]["name"] == HOSTILE
    assert visible(out.rstrip("\n")) == out.rstrip("\n")


@pytest.mark.usefixtures("hostile")
def test_no_cell_for_spreadsheets_is_a_formula(capsys: Output) -> None:
    Album.update(album_artist="Émile, +1").execute()
    for name in (FORMULA, "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"):
        Album.update(title=name).execute()
        assert run(["missing-tags", "--csv"]) == ExitCode.OK
        row = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))[-1]
        assert row["album artist"] == "Émile, +1"
        assert row["album"][0] in "'\\", name
        assert row["tracks"] == "60"


def test_an_entry_of_a_log_is_one_line_and_what_belongs_to_it_is_indented(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    log_to_stderr("covers-1")
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        root.exception("%s failed", HOSTILE)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].partition(" ERROR covers-1: ")[2].startswith(r"[/]\x1b]0;owned")
    assert all(line.startswith("    ") for line in lines[1:])
    assert all(visible(line) == line for line in lines)


def test_every_command_prints_through_the_one_place() -> None:
    folder = Path(__file__).parents[1] / "worker" / "cli"
    direct = [
        f"{file.name}:{node.lineno}"
        for file in folder.glob("*.py")
        if file.name != "output.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"print", "click.echo", "click.secho", "sys.stdout.write"}
    ]
    assert direct == []


_ARGUMENTS = {
    "cluster show": ["1"],
    "cover why": ["artist:1"],
    "similar": ["1"],
    "tempo": ["1"],
    "path": ["1", "2"],
    "queue jobs": ["insert"],
}
_ARGUMENTS |= {"show": ["artist:1"], "settings get": ["watch"]}
_ARGUMENTS |= {f"export {kind}": ["--dry-run"] for kind in ("art", "tags")}
_ARGUMENTS |= {f"export {kind}": ["/var", "--dry-run"] for kind in ("csv", "json", "playlists")}
_NEED_MORE = {"scan", "queue show", "export mirror", "export parquet", "export undo"}
_NEED_MORE |= {"import", "service", "server push", "server show"}
"""A fleet, a job, a folder of its own, an extra, a file, systemd, or a music server."""


def _with_json(command: click.Command, name: str) -> Iterator[list[str]]:
    """Each command below this one that has `--json`, with what it must be given."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            yield from _with_json(below, f"{name} {each}".strip())
    elif _NEED_MORE.isdisjoint({name, name.partition(" ")[0]}) and any(
        "--json" in each.opts for each in command.params
    ):
        yield [*name.split(), *_ARGUMENTS.get(name, []), "--json"]


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("is_empty", [False, True], ids=["library", "nothing"])
def test_every_command_prints_one_json_object_with_its_version(
    is_empty: bool, capsys: Output
) -> None:
    commands = list(_with_json(fleet, ""))
    if is_empty:
        for table in reversed(TABLES):
            table.delete().execute()
    assert len(commands) > 15
    for command in commands:
        code = run(command)
        out = capsys.readouterr().out
        is_found = code in {ExitCode.OK, ExitCode.PROBLEMS, ExitCode.UNSOUND}
        if is_found:
            assert json.loads(out)["version"] == 1, command
        else:
            assert (is_empty, out) == (True, ""), command
