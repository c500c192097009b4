"""The rendered supervisord.conf, as supervisor itself reads it."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from worker.errors import BadInputError
from worker.supervisor.config import render
from worker.supervisor.instance import COMMITTED, this_instance
from worker.supervisor.socket_path import socket_file
from worker.topology import Program, Queue, Topology

Read = Callable[[str], Any]

TOPOLOGY = Topology(
    path=Path("/etc/queues.toml"),
    queues={
        "a": Queue("a", "first", ("x.a",), 600, 3, 30, 900),
        "b": Queue("b", "second", ("x.b",), 60, 3, 30, 900),
    },
    programs={
        "both": Program("both", ("b", "a"), 2, 660),
        "one": Program("one", ("a",), 1, 700),
    },
    schedules={},
    routes={"x.a": "a", "x.b": "b"},
)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """What supervisord makes of a configuration."""

    def read_(text: str) -> Any:
        file = tmp_path / "supervisord.conf"
        file.write_text(text)
        options = ServerOptions()
        options.realize(["-c", str(file), "-n"])
        return options

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".local/share/musicfleet/run").mkdir(parents=True)
    return read_


def processes(options: Any) -> dict[str, Any]:
    return {
        process.name: process
        for group in options.process_group_configs
        for process in group.process_configs
    }


def test_each_program_has_its_processes_on_its_queues_in_order(read: Read) -> None:
    commands = {
        name: each.command for name, each in processes(read(render(TOPOLOGY, COMMITTED))).items()
    }
    assert sorted(commands) == ["both-1", "both-2", "one-1", "redis", "scheduler"]
    assert commands["both-2"].endswith(" -m worker.process both 2 --queues b,a")
    assert commands["one-1"].endswith(" -m worker.process one 1 --queues a")


def test_no_process_is_killed_before_its_stop_time(read: Read) -> None:
    found = processes(read(render(TOPOLOGY, COMMITTED)))
    assert found["both-1"].stopwaitsecs == 660
    assert found["one-1"].stopwaitsecs == 700


def test_redis_starts_first_and_ends_last(read: Read) -> None:
    groups = sorted(read(render(TOPOLOGY, COMMITTED)).process_group_configs)
    assert groups[0].name == "redis"


def test_supervisord_listens_on_a_socket_for_its_owner_alone(read: Read, tmp_path: Path) -> None:
    (server,) = read(render(TOPOLOGY, COMMITTED)).server_configs
    assert server["section"] == "unix_http_server"
    assert server["chmod"] == 0o700
    assert server["file"] == str(tmp_path / ".local/share/musicfleet/run/supervisor.sock")


def test_the_committed_file_runs_the_default_instance_whatever_is_exported(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FLEET_DATA_DIR", "FLEET_REDIS_URL", "FLEET_QUEUES"):
        monkeypatch.setenv(name, "/elsewhere")
    environment = processes(read(render(TOPOLOGY, COMMITTED)))["one-1"].environment
    assert environment["FLEET_DATA_DIR"] == str(tmp_path / ".local/share/musicfleet")
    assert environment["FLEET_QUEUES"] == str(tmp_path / "queues.toml")
    assert environment["FLEET_REDIS_URL"] == ""


def test_the_committed_file_names_no_path_of_this_machine() -> None:
    paths = re.findall(r"""(?<![\w)])/\w+""", render(TOPOLOGY, COMMITTED).replace("unix://", ""))
    assert paths == []


def test_numeric_libraries_run_one_thread(read: Read) -> None:
    environment = processes(read(render(TOPOLOGY, COMMITTED)))["both-1"].environment
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        assert environment[name] == "1"


def test_logs_are_rotated(read: Read) -> None:
    for process in processes(read(render(TOPOLOGY, COMMITTED))).values():
        assert process.redirect_stderr
        assert process.stdout_logfile_maxbytes * (process.stdout_logfile_backups + 1) == 15 * 2**20


def test_any_usual_path_survives(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = Path(tmp_path, "d é (50), a=b")
    (data_dir / "run").mkdir(parents=True)
    monkeypatch.setenv("FLEET_DATA_DIR", str(data_dir))
    monkeypatch.setattr("sys.executable", str(data_dir / "python"))
    options = read(render(TOPOLOGY, this_instance(TOPOLOGY)))
    process = processes(options)["both-1"]
    assert options.pidfile == str(data_dir / "run/supervisord.pid")
    assert process.environment["FLEET_DATA_DIR"] == str(data_dir)
    assert process.stdout_logfile == str(data_dir / "run/both-1.log")
    assert shlex.split(process.command)[0] == str(data_dir / "python")


@pytest.mark.parametrize("name", ["a;b", "50%", "a #b", 'a"b', "a'b", "a\\b", "a\nb"])
def test_a_path_that_would_end_a_value_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_DATA_DIR", f"/srv/{name}")
    with pytest.raises(BadInputError, match=r"cannot stand in supervisord\.conf — use one without"):
        this_instance(TOPOLOGY)


def test_a_path_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # supervisord first binds run/supervisor.sock.4194304, which may have 107 bytes.
    longest = "/srv/" + "x" * (107 - len("/srv/" + "/run/supervisor.sock" + ".4194304"))
    monkeypatch.setenv("FLEET_DATA_DIR", longest)
    assert str(socket_file()).startswith(longest)
    monkeypatch.setenv("FLEET_DATA_DIR", longest + "x")
    with pytest.raises(BadInputError, match=r"by 1 bytes .* set FLEET_DATA_DIR to a shorter one"):
        socket_file()


def test_a_redis_of_ones_own_is_left_out_and_its_password_is_not_written(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("FLEET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FLEET_REDIS_URL", "redis://:secret@db:6379/0")
    monkeypatch.setenv("FLEET_DATABASE_URL", "postgresql://me:hidden@db/music")
    text = render(TOPOLOGY, this_instance(TOPOLOGY))
    assert "secret" not in text
    assert "hidden" not in text
    found = processes(read(text))
    assert "redis" not in found
    assert "FLEET_REDIS_URL" not in found["one-1"].environment
