"""What every `fleet` command shares: exit codes, one line for an error, help, completion."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from worker.cli.fleet import COMMANDS, fleet, run
from worker.errors import ExitCode
from worker.supervisor.conf_file import render
from worker.supervisor.instance import COMMITTED
from worker.topology import load

Fleet = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).parents[2]
QUEUES = """\
[queues.all]
use = "every job there is"
jobs = ["*"]
timeout = "5m"
retries = 0

[programs.work]
queues = ["all"]
processes = 1
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there(name: str) -> None:
    command = fleet.get_command(click.Context(fleet), name)
    assert command is not None
    assert command.name == name


def all_commands() -> list[tuple[str, click.Command]]:
    found = []
    for name in COMMANDS:
        command = fleet.get_command(click.Context(fleet), name)
        if isinstance(command, click.Group):
            found += [(f"{name} {each}", command.commands[each]) for each in command.commands]
        elif command:
            found.append((name, command))
    return found


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_every_help_ends_with_examples(name: str, command: click.Command) -> None:
    assert "Examples:\n  " in (command.epilog or "")
    assert f"fleet {name}" in (command.epilog or "")


def test_the_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    told = capsys.readouterr().out
    for name, row in COMMANDS.items():
        assert name in told
        assert row.help in told
    for code in ExitCode:
        assert f"{code:>3}  {code.meaning}" in told


OF_THE_HELP = {
    *("db", "db.errors", "db.files", "db.settings", "db.settings.declarations"),
    *("db.settings.providers",),
    *("db.sql", "db.sql.path_text", "worker", "worker.cli", "worker.cli.fleet"),
    *("worker.cli.output", "worker.errors", "worker.host", "worker.host.light", "worker.phrases"),
    # Their names alone: worker.host.light keeps them from being imported.
    *("arrow", "redis.asyncio"),
}


def imported_by(code: str, *arguments: str) -> set[str]:
    """The modules that a process imports with this code, but those of Python and of click."""
    whole = (
        "import sys, click; before = set(sys.modules)\n"
        f"try: {code}\n"
        "finally: print(*{name for name, module in sys.modules.items() if module} - before,"
        " file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", whole, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    names = ended.stderr.splitlines()[-1].split()
    known = sys.stdlib_module_names | {"click"}
    return {each for each in names if each.partition(".")[0] not in known}


def test_the_help_imports_nothing_but_click_and_what_prints_it() -> None:
    assert imported_by("from worker.cli import main; main()", "--help") <= OF_THE_HELP


def test_the_status_imports_no_library_but_those_of_the_database_and_of_redis() -> None:
    code = "import worker.host.light, worker.cli.status; worker.topology.load()"
    libraries = {each.partition(".")[0] for each in imported_by(code)}
    assert libraries > {"db", "worker", "peewee", "redis"}
    assert libraries.isdisjoint({"rq", "rich", "croniter", "psycopg", "flask", "supervisor"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stauts"], "there is no command 'stauts'"),
        (["dwon"], "there is no command 'dwon': did you mean down?"),
        (["up", "--forground"], "--foreground"),
        (["cover", "why"], "Missing argument 'ALBUM|ARTIST'. — see `fleet cover why --help`"),
        (["logs", "x", "-n", "many"], "'many' is not a valid integer"),
    ],
)
def test_a_wrong_command_line_is_one_line_with_the_way_to_the_help(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("fleet: ")
    assert message in told.err
    assert told.err.count("\n") == 1


BAD_INPUT = {
    "no such queues.toml": (
        {"FLEET_QUEUES": "/nowhere"},
        ExitCode.BAD_TOPOLOGY,
        "FLEET_QUEUES: cannot be read",
    ),
    "a Redis that is not there": (
        {"FLEET_REDIS_URL": "redis://me:secret@127.0.0.1:1/0"},
        ExitCode.REDIS_UNREACHABLE,
        "Redis at redis://me:***@127.0.0.1:1/0 does not answer",
    ),
    "no URL of a Redis": (
        {"FLEET_REDIS_URL": "localhost"},
        ExitCode.REDIS_UNREACHABLE,
        "write redis://:PASSWORD@HOST:PORT/NUMBER, rediss://… or unix:///PATH",
    ),
    "no URL of a database": (
        {"FLEET_DATABASE_URL": "mysql://me:secret@db/x"},
        ExitCode.DATABASE,
        "write postgresql://",
    ),
    "a data folder that cannot be made": (
        {"FLEET_DATA_DIR": "/proc/fleet"},
        ExitCode.FILES,
        "/proc/fleet: No such file or directory — check the path",
    ),
    "a data folder that is a file": (
        {"FLEET_DATA_DIR": __file__},
        ExitCode.FILES,
        "exists",
    ),
    "a data folder with a long path": (
        {"FLEET_DATA_DIR": "{data}/" + "x" * 100},
        ExitCode.BAD_INPUT,
        "set FLEET_DATA_DIR to a shorter one",
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT.values(), ids=BAD_INPUT)
@pytest.mark.usefixtures("in_environment")
def test_bad_input_is_told_without_a_traceback_and_starts_nothing(
    case: tuple[dict[str, str], ExitCode, str],
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings, code, message = case
    for name, value in settings.items():
        monkeypatch.setenv(name, value.format(data=data_dir))
    assert run(["up"]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("fleet: ")
    assert message in told.err
    assert "Traceback" not in told.err
    assert "secret" not in told.err
    assert not (data_dir / "run/supervisord.pid").exists()


def test_a_broken_queues_toml_starts_renders_and_writes_nothing(
    fleet: Fleet, tmp_path: Path
) -> None:
    broken = tmp_path / "queues.toml"
    broken.write_text("[queues.a]\n")
    data_dir = tmp_path / "data"
    for command in (["up"], ["config", "check"], ["config", "write"], ["config", "show"]):
        result = fleet(*command, FLEET_QUEUES=str(broken), FLEET_DATA_DIR=str(data_dir))
        assert result.returncode == ExitCode.BAD_TOPOLOGY
        assert "queues.a.use: is missing — add use to [queues.a]" in result.stderr
    assert not data_dir.exists()
    assert os.listdir(tmp_path) == ["queues.toml"]


def test_debug_shows_where_an_error_comes_from(fleet: Fleet) -> None:
    result = fleet("--debug", "config", "check", "/nowhere")
    assert result.returncode == ExitCode.BAD_TOPOLOGY
    assert "Traceback" in result.stderr
    assert "fleet: /nowhere has a fault" in result.stderr


def test_a_reader_that_goes_away_is_no_error(environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "worker.cli", "config", "show", "--json"],
        cwd=REPOSITORY,
        env=environment | {"FLEET_QUEUES": "queues.toml", "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # a third of what it writes
        assert process.stdout.read(1) == b"{"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1  # as click has it: not all was written


def test_completion_offers_commands(fleet: Fleet) -> None:
    result = fleet(_FLEET_COMPLETE="bash_complete", COMP_WORDS="fleet co", COMP_CWORD="1")
    assert result.stdout == "plain,cover\nplain,config\n"


def test_the_committed_supervisord_conf_is_what_queues_toml_says() -> None:
    topology = load(REPOSITORY / "queues.toml")
    assert (REPOSITORY / "supervisord.conf").read_text() == render(topology, COMMITTED)


def test_write_renders_and_check_notices_what_was_edited(
    fleet: Fleet, environment: dict[str, str]
) -> None:
    conf = Path(environment["FLEET_QUEUES"]).with_name("supervisord.conf")
    assert fleet("config", "write", "--check").returncode == ExitCode.DRIFT
    assert not conf.exists()
    assert fleet("config", "write").returncode == 0
    assert fleet("config", "write", "--check").returncode == 0
    conf.write_text(conf.read_text().replace("stopwaitsecs = 360", "stopwaitsecs = 1", 1))
    result = fleet("config", "write", "--check")
    assert result.returncode == ExitCode.DRIFT
    assert "\n-stopwaitsecs = 1\n+stopwaitsecs = 360\n" in result.stdout
    result = fleet("config", "check")
    assert result.returncode == ExitCode.DRIFT
    assert "run `fleet config write`" in result.stderr
    conf.unlink()


def test_show_tells_every_queue_in_each_form(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLEET_QUEUES", raising=False)
    for form in ([], ["--json"], ["--markdown"]):
        assert run(["config", "show", *form]) == 0
        told = capsys.readouterr().out
        for name, queue in load().queues.items():
            assert name in told
            assert queue.use in told
            assert all(job in told for job in load().jobs_of(name))


def test_before_the_first_scan_every_way_in_says_how_it_begins(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    for name in ("FLEET_REDIS_URL", "FLEET_DATABASE_URL", "FLEET_QUEUES", "FLEET_WEB"):
        monkeypatch.delenv(name, raising=False)
    data = tmp_path_factory.mktemp("d") / "data"  # short enough for a socket
    monkeypatch.setenv("FLEET_DATA_DIR", str(data))
    line = "Nothing is scanned yet: `fleet scan PATH` takes in a folder of music, or add one at "
    line += "http://127.0.0.1:8310/ after `fleet up`\n"
    assert run(["status"]) == ExitCode.OK
    assert capsys.readouterr().out == line
    assert run(["status", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["library"]["tracks"] == 0
    assert run([]) == ExitCode.USAGE
    assert capsys.readouterr().out.endswith(f"\n\n{line}")
    assert not data.exists()


def test_show_tells_machines_how_jobs_run_and_wait(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "queues.toml"
    file.write_text(
        QUEUES.replace("retries = 0", 'retries = 2\nbackoff = "30s"')
        + 'execution = "forked"\nmemory = "512M"\nnice = 7\n'
    )
    monkeypatch.setenv("FLEET_QUEUES", str(file))
    assert run(["config", "show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["queues"]["all"]["backoff"] == 30
    assert told["programs"]["work"]["execution"] == "forked"
    assert told["programs"]["work"]["memory"] == 512 * 2**20
    assert told["programs"]["work"]["nice"] == 7
