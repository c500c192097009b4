"""Every command and query of README.md and docs/ does what a reader expects: it works.

What reads, enqueues or counts is run on a fleet. What starts or stops one, and what is not ours, is
checked as far as that goes: commands and options exist, and so do programs, modules and verbs.
"""

import configparser
import importlib.util
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.__main__ import BENCHES
from db.settings.declarations import SETTINGS
from db.sql.connection import close_database
from tests.docs.conftest import DocumentedFleet
from tests.docs.pages import PAGES, ROOT, Block, Command, blocks, commands, inline_codes
from worker import dispatch
from worker.cli.fleet import COMMANDS, run
from worker.errors import ExitCode

FOREIGN = {"curl", "docker", "echo", "sudo", "tee", "sysctl", "cd", "mkdir", "openssl", "pipx"}
"""Programs of others; that the shell can parse the line is all that is checked."""
SWITCHES = {
    *("up", "down", "reload", "scale", "web", "root", "restore", "db", "user", "import", "server"),
}
"""Commands of `fleet` that start, stop or move something, or ask for a password or what lies
elsewhere, unless they only say what there is."""
HARMLESS = {"--dry-run", "--where", "list"}
ENDS = {ExitCode.OK, ExitCode.PROBLEMS}
BASH = shutil.which("bash") or "bash"

SHELL = blocks("sh")


@pytest.fixture
def reader(
    documented_fleet: DocumentedFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DocumentedFleet]:
    """The fleet, and this process in the place of somebody who uses it."""
    for name in [setting.name for setting in SETTINGS]:
        monkeypatch.delenv(name, raising=False)
    for name, value in documented_fleet.command.environment.items():
        if name.startswith("FLEET_") or name == "HOME":
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    dispatch.connection.cache_clear()
    dispatch.topology.cache_clear()
    yield documented_fleet
    close_database()
    dispatch.connection.cache_clear()
    dispatch.topology.cache_clear()


def test_the_documentation_has_commands() -> None:
    assert len(SHELL) > 30
    assert len(TABLES) > 2
    assert len({command.words[1] for command in _fleet_commands()}) > 12


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_block_of_commands_works(
    block: Block, reader: DocumentedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert subprocess.run([BASH, "-n"], input=block.text, text=True, check=False).returncode == 0
    for command in commands(block):
        assert set(command.settings) - {"CORPUS", "MUSIC"} <= {each.name for each in SETTINGS}
        _check(command, reader, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_in_the_prose_exists(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for code in inline_codes(page):
        words = [word for word in code.removeprefix(".venv/bin/").split() if word != "…"]
        if words[0] == "fleet" and len(words) > 1 and words[1] in COMMANDS:
            assert run([*words[1:], "--help"]) == ExitCode.OK, code
        elif words[0] == "fleet" and len(words) > 1:
            assert words[1].startswith("-"), f"{code}: there is no such command"


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_a_query_works(block: Block, documented_fleet: DocumentedFleet) -> None:
    database = documented_fleet.command.data_dir / "library.db"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute(block.text).description


def test_the_scan_ends_as_the_readme_shows(documented_fleet: DocumentedFleet) -> None:
    shown = [line for block in blocks("text") for line in block.text.splitlines()]
    for word in ("files", "library"):
        (line,) = re.findall(rf"^  {word} .*$", documented_fleet.first_scan, re.MULTILINE)
        assert line in shown


def _heading(shown: Block) -> list[str]:
    """The columns of the table in a block, if there is one."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in shown.text.splitlines()]
    return next((row for row in rows if len(row) > 4), [])


TABLES = [block for block in blocks("text") if _heading(block)]


@pytest.mark.parametrize("shown", TABLES, ids=str)
def test_a_table_that_is_shown_has_the_columns_of_the_real_one(
    shown: Block, reader: DocumentedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    above = [each for each in SHELL if each.page == shown.page and each.line < shown.line]
    run(list(next(commands(above[-1])).words[1:]))
    printed = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert any(set(_heading(shown)) <= set(line) for line in printed)


def _fleet_commands() -> list[Command]:
    everything = [command for block in SHELL for command in commands(block)]
    return [each for each in everything if each.program == "fleet"]


def _check(command: Command, reader: DocumentedFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [word.replace("~", str(reader.home), 1) for word in command.words[1:]]
    match command.program:
        case "fleet":
            _check_fleet(words, runs=not command.settings)
        case "export":
            for name, _, value in (word.partition("=") for word in words):
                assert name in {each.name for each in SETTINGS}
                monkeypatch.setenv(name, value)
        case "sqlite3" | "supervisorctl":
            assert _end_of([command.program, *words]) in {0, 3}  # 3: a process is down
        case "supervisord" | "rq-dashboard" as program:
            _check_options([program, "--help"], words)
        case "bash":
            assert _end_of(["bash", "-n", str(ROOT / words[0])]) == 0
        case "source":
            assert words == [".venv/bin/activate"]
        case "make" | "python" | "pip" as program:
            {"make": _check_verbs, "python": _check_module, "pip": _check_extra}[program](words)
        case program:
            assert program in FOREIGN


def _check_fleet(words: list[str], *, runs: bool) -> None:
    assert run([*words, "--help"]) == ExitCode.OK
    asks_elsewhere = words[:2] == ["server", "push"]
    if runs and not asks_elsewhere and (words[0] not in SWITCHES or HARMLESS & set(words)):
        assert run(words) in ENDS


def _check_options(help_: list[str], words: list[str]) -> None:
    """Compare options with what a program says that it has."""
    text = subprocess.run(_ours(help_), check=True, capture_output=True, text=True).stdout
    assert [word for word in words if word.startswith("--") and word not in text] == []


def _check_verbs(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for verb in (word for word in words if "=" not in word):
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE)


def _check_extra(words: list[str]) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    (extra,) = re.findall(r"\[(\w+)\]", words[-1])
    assert extra in config["options.extras_require"]


def _check_module(words: list[str]) -> None:
    assert words[0] == "-m"
    is_bench = words[1] == "bench" and len(words) > 2
    spec = importlib.util.find_spec(f"bench.{BENCHES[words[2]].module}" if is_bench else words[1])
    assert spec is not None
    file = Path(str(spec.origin))
    if spec.submodule_search_locations:
        file = file.with_name("__main__.py")
    source = file.read_text(encoding="utf-8")
    assert [word for word in words if word[:2] == "--" and f'"{word}"' not in source] == []


def _end_of(words: list[str]) -> int:
    """Run a program that is not `fleet`; its exit code."""
    if words[0] == "sqlite3":
        with closing(sqlite3.connect(words[1])) as connection:
            return 0 if connection.execute(words[2]).fetchone() == (40,) else 1
    known = [BASH, *words[1:]] if words[0] == "bash" else _ours(words)
    return subprocess.run(known, check=False).returncode


def _ours(words: list[str]) -> list[str]:
    """The same with the program that pip installed beside this Python."""
    found = shutil.which(words[0], path=str(Path(sys.executable).parent))
    assert found is not None
    return [found, *words[1:]]
