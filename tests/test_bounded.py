"""One item costs only itself, and nothing of the child stays behind."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db.ledger import Cause
from jobs.bounded import ATTEMPTS, FailureKind, ItemFailure, Value, run_bounded

MEGABYTE = 1024 * 1024


def _run(function: Callable[[Any], Any], items: list[Any], seconds: float = 20.0) -> list[Any]:
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
    outcomes = run_bounded(_fail, items, extra_memory=64 * MEGABYTE, seconds=20.0)
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
    assert _run(_misbehave, ["a", item, "b"], seconds=1.0) == ["a", kind, "b"]


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
    outcomes = run_bounded(_child_pid, [1, 2], extra_memory=64 * MEGABYTE, seconds=20)
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
    """The process ends by itself within seconds; it may stay a zombie of init's."""
    for _ in range(500):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as status:
                if status.read().rpartition(")")[2].split()[0] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} is still running")


def test_an_item_whose_process_was_killed_is_tried_again(tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    def dies_once(item: int) -> int:
        if item == 1 and not begun.exists():
            begun.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    outcomes = run_bounded(dies_once, [0, 1, 2], extra_memory=64 * MEGABYTE, seconds=5)
    assert list(outcomes) == [Value(0), Value(1), Value(2)]


def test_an_item_has_three_processes_and_no_more(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    def dies(item: int) -> int:
        if item == 1:
            with trace.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    outcomes = list(run_bounded(dies, [0, 1, 2], extra_memory=64 * MEGABYTE, seconds=5))
    assert outcomes[0::2] == [Value(0), Value(2)]
    assert isinstance(outcomes[1], ItemFailure)
    assert outcomes[1].signal == "SIGKILL"
    assert trace.read_text() == "x" * ATTEMPTS
