"""One item costs only itself, and nothing of the child stays behind."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from db.ledger import Cause
from jobs.bounded import ATTEMPTS, FailureKind, ItemFailure, Value, run_bounded
from tests.waiting import PATIENCE, until
from worker.host import log
from worker.process.child import Child, end_resting

MEGABYTE = 1024 * 1024


def _run(function: Callable[[Any], Any], items: list[Any], seconds: float = PATIENCE) -> list[Any]:
    """The values, and for what failed its kind."""
    outcomes = run_bounded(function, items, extra_memory=64 * MEGABYTE, seconds=seconds)
    return [each.json if isinstance(each, Value) else each.kind for each in outcomes]


def _misbehave(item: str) -> str:
    """Does what the item says, and gives it back if it lives."""
    if item == "allocate":
        return str(len(bytearray(256 * MEGABYTE)))
    if item == "hang":
        time.sleep(60)
    if item == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "exit":
        sys.exit(3)
    if item == "raise":
        raise ValueError("no such thing")
    return item


def _fail(item: tuple[type[Exception], int]) -> None:
    """Fail as the item says."""
    kind, number = item
    raise kind(number, os.strerror(number))


def test_what_the_surroundings_made_an_item_fail_of_is_named() -> None:
    items = [(OSError, errno.ENFILE), (ImportError, 0), (OSError, errno.EINVAL), (ValueError, 5)]
    outcomes = run_bounded(_fail, items, extra_memory=64 * MEGABYTE, seconds=PATIENCE)
    found = [each.obstacle for each in outcomes if isinstance(each, ItemFailure)]
    causes = [Cause.LIMIT_REACHED, Cause.LIBRARY_AWAY, None, None]
    assert [each and each.cause for each in found] == causes


def test_values_come_in_order() -> None:
    assert _run(lambda item: [item, item * 2], list(range(200))) == [[n, 2 * n] for n in range(200)]


def test_no_items_give_no_outcomes() -> None:
    assert _run(_misbehave, []) == []


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ("allocate", FailureKind.MEMORY),
        ("hang", FailureKind.TIME),
        ("crash", FailureKind.CRASH),
        ("exit", FailureKind.CRASH),
        ("raise", FailureKind.ERROR),
    ],
)
def test_a_bad_item_costs_only_itself(item: str, kind: FailureKind) -> None:
    assert _run(_misbehave, ["a", item, "b"], seconds=3.0) == ["a", kind, "b"]


def test_bad_items_may_follow_each_other_and_stand_last() -> None:
    items = ["crash", "allocate", "a", "raise", "crash"]
    kinds = [FailureKind.CRASH, FailureKind.MEMORY, "a", FailureKind.ERROR, FailureKind.CRASH]
    assert _run(_misbehave, items) == kinds


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("allocate", "needs more than 64 MiB of memory"),
        ("hang", "not done after 0.5 s"),
        ("crash", "the process at work on it was killed by SIGKILL"),
        ("exit", "the process at work on it ended with exit code 1"),
        ("raise", "ValueError: no such thing"),
    ],
)
def test_the_failure_is_told(item: str, message: str) -> None:
    [outcome] = run_bounded(_misbehave, [item], extra_memory=64 * MEGABYTE, seconds=0.5)
    assert isinstance(outcome, ItemFailure)
    assert outcome.message == message


def test_a_value_larger_than_a_pipe_arrives_whole() -> None:
    assert _run(lambda size: "x" * size, [3 * MEGABYTE, 1]) == ["x" * 3 * MEGABYTE, "x"]


def test_what_is_no_json_is_an_error_of_the_item() -> None:
    assert _run(lambda _: object(), [1]) == [FailureKind.ERROR]


def test_memory_is_given_back_between_items() -> None:
    assert _run(lambda size: len(bytearray(size)), [40 * MEGABYTE] * 5) == [40 * MEGABYTE] * 5


def test_no_child_is_left_when_the_iterator_is_closed() -> None:
    outcomes = run_bounded(_child_pid, [1, 2], extra_memory=64 * MEGABYTE, seconds=PATIENCE)
    first = next(outcomes)
    assert isinstance(first, Value)
    outcomes.close()
    _assert_gone(first.json)


def test_no_child_is_left_when_an_exception_comes_in_between() -> None:
    class AlarmError(Exception):
        pass

    def ring(_number: int, _frame: object) -> None:
        raise AlarmError

    others = _children()
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(AlarmError):
            _run(_misbehave, ["hang"])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert _children() == others


def _children() -> set[str]:
    """The process ids of this process's children, zombies too."""
    process = os.getpid()
    return set(Path(f"/proc/{process}/task/{process}/children").read_text().split())


def test_the_child_takes_signals_plainly() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert _run(lambda _: os.kill(os.getpid(), signal.SIGTERM), [1]) == [FailureKind.CRASH]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_process_with_threads_may_fork() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert _run(_misbehave, ["a"]) == ["a"]
    finally:
        stop.set()
        thread.join()


def test_the_child_dies_with_its_parent() -> None:
    script = (
        "import os, time\n"
        "from jobs.bounded import run_bounded\n"
        "def work(item):\n"
        "    if item:\n"
        "        time.sleep(60)\n"
        "    return os.getpid()\n"
        "for outcome in run_bounded(work, [0, 1], extra_memory=2**26, seconds=60):\n"
        "    print(outcome.json, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    _assert_gone(child)


def _child_pid(_item: int) -> int:
    return os.getpid()


def _assert_gone(pid: int) -> None:
    """The process ends by itself soon; it may stay a zombie of init's."""

    def is_gone() -> bool:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as status:
                return status.read().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    until(is_gone, f"the end of process {pid}")


def test_an_item_whose_process_was_killed_is_tried_again(tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    def dies_once(item: int) -> int:
        if item == 1 and not begun.exists():
            begun.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    outcomes = run_bounded(dies_once, [0, 1, 2], extra_memory=64 * MEGABYTE, seconds=PATIENCE)
    assert list(outcomes) == [Value(0), Value(1), Value(2)]


def test_an_item_has_three_processes_and_no_more(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    def dies(item: int) -> int:
        if item == 1:
            with trace.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    outcomes = list(run_bounded(dies, [0, 1, 2], extra_memory=64 * MEGABYTE, seconds=PATIENCE))
    assert outcomes[0::2] == [Value(0), Value(2)]
    assert isinstance(outcomes[1], ItemFailure)
    assert outcomes[1].signal == "SIGKILL"
    assert trace.read_text() == "x" * ATTEMPTS


def _pids(count: int = 1, memory: int = 64 * MEGABYTE) -> set[int]:
    """The processes that serve a call of so many items."""
    return _served(_child_pid, [1] * count, memory)


def _served(function: Callable[[int], int], items: list[int], memory: int) -> set[int]:
    outcomes = run_bounded(function, items, extra_memory=memory, seconds=PATIENCE)
    return {each.json for each in outcomes if isinstance(each, Value)}


def test_one_child_serves_many_items_and_calls() -> None:
    first = _pids(100)
    assert len(first) == 1
    assert _pids() == first
    assert _run(_misbehave, ["a", "raise"]) == ["a", FailureKind.ERROR]
    assert _pids(memory=128 * MEGABYTE) == first


@pytest.mark.parametrize("item", ["allocate", "hang", "crash"])
def test_what_ended_a_child_is_followed_by_another(item: str) -> None:
    before = _pids()
    _run(_misbehave, [item], seconds=1.0)
    assert not _pids() & before


_kept: list[bytearray] = []


def _keep(size: int) -> int:
    _kept.append(bytearray(size))
    return os.getpid()


def test_a_child_that_has_grown_is_replaced() -> None:
    before = _served(_keep, [8 * MEGABYTE], 256 * MEGABYTE)
    assert _pids() == before
    assert _served(_keep, [80 * MEGABYTE], 256 * MEGABYTE) == before
    assert not _pids() & before


def test_an_old_child_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _pids()
    monkeypatch.setattr("jobs.bounded._OLD_SECONDS", 0.0)
    assert _pids() == before  # it is not kept any longer
    assert not _pids() & before


def _setting(name: str) -> str | None:
    return os.environ.get(name)


def test_a_child_knows_the_environment_of_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("one", "two"):
        monkeypatch.setenv("SOME_SETTING", value)
        assert _run(_setting, ["SOME_SETTING"]) == [value]


def test_a_limit_of_the_caller_is_that_of_the_child() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert _run(_open_files_limit, [0]) == [before[0]]
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] - 1, before[1]))
    try:
        assert _run(_open_files_limit, [0]) == [before[0] - 1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _open_files_limit(_item: int) -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_forked_process_leaves_the_child_of_its_parent_alone() -> None:
    mine = _pids()
    other = Child(None)
    other.start(lambda send: send(str(_pids().pop()).encode()))
    try:
        theirs = int(other.receive(20) or 0)
    finally:
        other.stop()
    assert theirs
    assert theirs not in mine
    assert _pids() == mine


@pytest.mark.parametrize(
    ("item", "kind"), [("hang", FailureKind.TIME), ("crash", FailureKind.CRASH)]
)
def test_of_many_items_the_one_at_work_is_blamed(item: str, kind: FailureKind) -> None:
    items = [*map(str, range(20)), item, *map(str, range(20))]
    expected = [kind if each == item else each for each in items]
    assert _run(_misbehave, items, seconds=3.0) == expected


def _nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_the_time_is_each_items_own() -> None:
    assert _run(_nap, [1.0] * 5, seconds=4) == [1.0] * 5


def test_the_first_outcome_does_not_wait_for_the_others() -> None:
    outcomes = run_bounded(_nap, [0.0, 60.0], extra_memory=64 * MEGABYTE, seconds=PATIENCE)
    assert next(outcomes) == Value(0.0)
    outcomes.close()


def _descriptors(_item: int) -> list[str]:
    held = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            held.append(str(Path(f"/proc/self/fd/{name}").readlink()))
    return held


def test_a_child_that_stays_holds_nothing_open_of_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "open"
    with path.open("w"):
        (before,) = _pids()
        os.kill(before, signal.SIGKILL)  # the next child inherits the file
        (held,) = _run(_descriptors, [0])
    assert str(path) not in held


def test_a_child_that_was_killed_while_it_waited_costs_nothing() -> None:
    (pid,) = _pids()
    os.kill(pid, signal.SIGKILL)
    _assert_gone(pid)
    assert len(_pids(3)) == 1


def test_a_child_that_nothing_is_asked_of_goes() -> None:
    (pid,) = _pids()
    end_resting(60.0)
    assert _pids() == {pid}
    end_resting(0.0)
    assert not Path(f"/proc/{pid}").exists()
    assert pid not in _pids()


def _job_of_the_log(_: object) -> dict[str, str]:
    return log.fields_now()


def test_what_a_child_logs_names_the_job_of_its_call_and_not_that_of_the_one_before() -> None:
    for job in ("J1", "J2"):
        with log.at_work({"job": job}):
            assert list(run_bounded(_job_of_the_log, [1], extra_memory=2**28, seconds=10)) == [
                Value({"job": job})
            ]
