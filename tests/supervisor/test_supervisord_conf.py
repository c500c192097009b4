"""The rendered supervisord.conf, as supervisor itself reads it."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from supervisor.datatypes import RestartWhenExitUnexpected
from supervisor.events import getEventNameByType
from supervisor.options import EventListenerPoolConfig, ServerOptions

from worker.errors import BadInputError
from worker.supervisor.conf_file import is_of, render
from worker.supervisor.instance import COMMITTED, this_instance
from worker.supervisor.restarts import LONG_PAUSE
from worker.supervisor.rpc import socket_file
from worker.topology import Execution, Program, Queue, Schedule, Topology

Read = Callable[[str], Any]

TOPOLOGY = Topology(
    path=Path("/etc/queues.toml"),
    queues={
        "a": Queue("a", "first", ("x.a",), 600, 3, 30, 900, 0),
        "b": Queue("b", "second", ("x.b",), 60, 3, 30, 900, 0),
    },
    programs={
        "both": Program("both", ("b", "a"), 2, 1, 3, 660, Execution.IN_PROCESS, None),
        "one": Program("one", ("a",), 1, 1, 1, 700, Execution.FORKED, 2**29),
    },
    schedules={"often": Schedule("often", "x.a", "* * * * *", {})},
    routes={"x.a": "a", "x.b": "b"},
)
"""Two programs, of two processes and of one, and a schedule."""


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


def test_supervisord_demands_no_more_files_and_processes_than_the_fleet_needs(read: Read) -> None:
    options = read(render(TOPOLOGY, COMMITTED))
    assert 4 * len(options.process_group_configs) < options.minfds < 100
    assert 2 * len(options.process_group_configs) < options.minprocs < 60


def test_each_process_is_a_group_of_its_own_and_consumes_its_queues_in_order(read: Read) -> None:
    options = read(render(TOPOLOGY, COMMITTED))
    commands = {name: each.command for name, each in processes(options).items()}
    names = ["both-1", "both-2", "one-1", "recovery", "redis", "scheduler", "web"]
    assert sorted(commands) == names
    assert sorted(group.name for group in options.process_group_configs) == names
    assert commands["both-2"].endswith(" -m worker.process both 2 --queues b,a --supervised")
    assert commands["one-1"].endswith(" -m worker.process one 1 --queues a --supervised")


def test_a_program_has_as_many_processes_as_are_asked_for(read: Read) -> None:
    text = render(TOPOLOGY, COMMITTED, {"both": 3, "one": 0})
    assert [name for name in processes(read(text)) if "-" in name] == ["both-1", "both-2", "both-3"]


def test_what_starts_on_demand_is_started_by_nobody_at_first_and_again_after_a_bad_end(
    read: Read,
) -> None:
    topology = with_program(with_program(TOPOLOGY, "one", idle=300), "both", idle=2)
    found = processes(read(render(topology, COMMITTED)))
    assert not found["one-1"].autostart
    assert found["one-1"].autorestart is RestartWhenExitUnexpected
    assert found["one-1"].exitcodes == [0]
    # One that was idle for so long has not failed to start.
    standing = with_program(topology, "both", idle=2, standing=1)
    both = processes(read(render(standing, COMMITTED)))
    assert [both[name].autostart for name in ("both-1", "both-2")] == [True, False]
    assert [found[name].startsecs for name in ("one-1", "both-1", "both-2")] == [5, 2, 2]


def test_where_no_worker_runs_at_rest_the_recovery_meets_the_schedules(read: Read) -> None:
    small = with_program(with_program(TOPOLOGY, "one", idle=300), "both", idle=2)
    found = processes(read(render(small, COMMITTED)))
    assert "scheduler" not in found
    assert found["recovery"].command.endswith(" -m worker.recovery --schedules --supervised")
    edited = processes(read(render(replace(small, schedules={}), COMMITTED)))
    assert found["recovery"] != edited["recovery"]
    standing = processes(read(render(with_program(small, "both", standing=1), COMMITTED)))
    assert "--schedules" not in standing["recovery"].command
    assert standing["scheduler"].autostart


Edit = Callable[[Topology], Topology]


def with_program(topology: Topology, name: str, **changes: Any) -> Topology:
    edited = replace(topology.programs[name], **changes)
    return replace(topology, programs={**topology.programs, name: edited})


def with_queue(topology: Topology, name: str, **changes: Any) -> Topology:
    edited = replace(topology.queues[name], **changes)
    return replace(topology, queues={**topology.queues, name: edited})


EDITS: dict[str, tuple[Edit, set[str]]] = {
    "the use of a queue": (lambda t: with_queue(t, "a", use="other"), set()),
    "how a queue's jobs are tried": (lambda t: with_queue(t, "b", retries=9), set()),
    "how a scheduled job is tried": (lambda t: with_queue(t, "a", retries=9), {"scheduler"}),
    "how many processes": (lambda t: with_program(t, "both", processes=3), {"both-3"}),
    "how few and many processes": (
        lambda t: with_program(t, "both", least=2, most=2),
        set(),
    ),
    "how a program runs": (lambda t: with_program(t, "one", memory=2**30), {"one-1"}),
    "what a program consumes": (
        lambda t: with_program(t, "both", queues=("a", "b")),
        {"both-1", "both-2"},
    ),
    "the schedules": (lambda t: replace(t, schedules={}), {"scheduler"}),
}


@pytest.mark.parametrize(("edit", "concerned"), EDITS.values(), ids=EDITS)
def test_supervisord_sees_a_change_in_exactly_the_processes_that_an_edit_concerns(
    edit: Edit, concerned: set[str], read: Read
) -> None:
    before = processes(read(render(TOPOLOGY, COMMITTED)))
    after = processes(read(render(edit(TOPOLOGY), COMMITTED)))
    assert {name for name, each in after.items() if each != before.get(name)} == concerned


def test_the_file_tells_which_queues_toml_it_was_rendered_from() -> None:
    text = render(TOPOLOGY, COMMITTED)
    assert is_of(text, TOPOLOGY)
    assert not is_of(text, with_queue(TOPOLOGY, "b", retries=9))


def test_recovery_starts_before_the_workers_and_hears_of_every_end(read: Read) -> None:
    (pool,) = [
        group
        for group in read(render(TOPOLOGY, COMMITTED)).process_group_configs
        if isinstance(group, EventListenerPoolConfig)
    ]
    assert pool.name == "recovery"
    assert pool.priority < processes(read(render(TOPOLOGY, COMMITTED)))["both-1"].priority
    heard = {getEventNameByType(event) for event in pool.pool_events}
    ends = {f"PROCESS_STATE_{state}" for state in ("EXITED", "BACKOFF", "FATAL", "STOPPED")}
    assert heard == ends | {"TICK_5"}


def test_nothing_is_given_up_for_good(read: Read) -> None:
    for process in processes(read(render(TOPOLOGY, COMMITTED))).values():
        assert process.startretries > 365 * 24 * 3600 / LONG_PAUSE


def test_no_process_is_killed_before_its_stop_time(read: Read) -> None:
    found = processes(read(render(TOPOLOGY, COMMITTED)))
    assert found["both-1"].stopwaitsecs == 660
    assert found["one-1"].stopwaitsecs == 700


def test_redis_starts_first_and_ends_last(read: Read) -> None:
    groups = sorted(read(render(TOPOLOGY, COMMITTED)).process_group_configs)
    assert [group.name for group in groups[:2]] == ["redis", "recovery"]


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
    assert environment["NUMBA_CACHE_DIR"] == f"{environment['FLEET_DATA_DIR']}/numba"


def test_logs_are_rotated(read: Read) -> None:
    found = processes(read(render(TOPOLOGY, COMMITTED)))
    recovery = found.pop("recovery")
    for process in found.values():
        assert process.redirect_stderr
        assert process.stdout_logfile_maxbytes * (process.stdout_logfile_backups + 1) == 15 * 2**20
    assert recovery.stderr_logfile_maxbytes * (recovery.stderr_logfile_backups + 1) == 15 * 2**20


def test_the_log_of_the_recovery_is_its_stderr_for_stdout_is_what_it_answers(
    read: Read, tmp_path: Path
) -> None:
    recovery = processes(read(render(TOPOLOGY, COMMITTED)))["recovery"]
    assert recovery.stdout_logfile is None
    assert recovery.stderr_logfile == str(tmp_path / ".local/share/musicfleet/run/recovery.log")


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


def test_the_page_listens_where_the_setting_says_and_is_left_out_when_it_is_off(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("FLEET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FLEET_WEB", "127.0.0.1:9123")
    page = processes(read(render(TOPOLOGY, this_instance(TOPOLOGY))))["web"]
    assert page.environment["FLEET_WEB"] == "127.0.0.1:9123"
    monkeypatch.setenv("FLEET_WEB", "off")
    assert "web" not in processes(read(render(TOPOLOGY, this_instance(TOPOLOGY))))


def test_the_password_of_the_page_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_WEB", "0.0.0.0:0")
    monkeypatch.setenv("FLEET_WEB_PASSWORD", "correct horse")
    assert "correct horse" not in render(TOPOLOGY, this_instance(TOPOLOGY))
