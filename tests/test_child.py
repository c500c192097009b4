"""A forked child reports whole messages, has its limits, and leaves nothing behind."""

import ctypes
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE
from worker.host.log import at_work, log_to_stderr
from worker.process.child import Child, Send, Work, cause_of_end
from worker.supervisor.shutdown import wait_for

MEGABYTE = 1024 * 1024
_PR_GET_PDEATHSIG = 2


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child(64 * MEGABYTE)
    yield child
    child.stop()


def _fails(send: Send) -> None:
    raise ValueError("no such thing")


def _sleeps(send: Send) -> None:
    send(b"ready")
    time.sleep(60)


def test_messages_come_whole_and_in_order(child: Child) -> None:
    messages = [b"", b"first", b"x" * 3 * MEGABYTE, b"last"]

    def work(send: Send) -> None:
        for message in messages:
            send(message)

    child.start(work)
    assert [child.receive(PATIENCE) for _ in messages] == messages
    assert child.receive(PATIENCE) is None


def test_a_message_may_come_after_a_timeout(child: Child, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"

    def work(send: Send) -> None:
        while not go_on.exists():
            time.sleep(0.01)
        send(b"late")

    child.start(work)
    with pytest.raises(TimeoutError):
        child.receive(0.1)
    go_on.touch()
    assert child.receive(PATIENCE) == b"late"


@pytest.mark.parametrize(
    ("ends", "cause"),
    [
        (lambda _: None, "exit 0"),
        (lambda _: os._exit(3), "exit 3"),
        (lambda _: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
        (_fails, "exit 1"),
    ],
)
def test_how_it_ended_is_told(child: Child, ends: Work, cause: str) -> None:
    child.start(ends)
    assert child.receive(PATIENCE) is None
    exit_code = child.stop()
    assert exit_code is not None
    assert cause_of_end(exit_code) == cause


def test_what_it_lets_pass_is_written_to_the_log(
    child: Child, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log_to_stderr("covers-1")
    with at_work({"job": "J1"}):
        child.start(_fails)
    assert child.receive(PATIENCE) is None
    said = capfd.readouterr().err
    assert " ERROR covers-1 [job=J1]: a child process failed\n" in said
    assert "    ValueError: no such thing" in said


def test_stopping_leaves_no_process_and_no_descriptor(child: Child) -> None:
    before = os.listdir("/proc/self/fd")
    child.start(_sleeps)
    pid = child.pid
    assert child.receive(PATIENCE) == b"ready"
    assert child.stop() == -signal.SIGKILL
    assert child.pid == 0
    assert not Path(f"/proc/{pid}").exists()
    assert os.listdir("/proc/self/fd") == before
    assert child.stop() is None


def test_a_stopped_child_may_be_started_again(child: Child) -> None:
    child.start(lambda send: send(b"half read"))
    child.stop()
    child.start(lambda send: send(b"whole"))
    assert child.receive(PATIENCE) == b"whole"


def test_the_kernel_is_to_end_it_with_its_parent(child: Child) -> None:
    def work(send: Send) -> None:
        number = ctypes.c_int()
        ctypes.CDLL(None).prctl(_PR_GET_PDEATHSIG, ctypes.byref(number))
        send(str(number.value).encode())

    child.start(work)
    assert child.receive(PATIENCE) == str(int(signal.SIGKILL)).encode()


def test_signals_of_the_parent_mean_nothing_special_to_it() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    child = Child(None, ignored=[signal.SIGHUP])
    try:
        child.start(_sleeps)
        assert child.receive(PATIENCE) == b"ready"
        os.kill(child.pid, signal.SIGHUP)
        with pytest.raises(TimeoutError):
            child.receive(0.2)
        os.kill(child.pid, signal.SIGTERM)
        assert child.receive(PATIENCE) is None
        assert child.stop() == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
        child.stop()


def test_it_has_no_more_memory_than_allowed(child: Child) -> None:
    def work(send: Send) -> None:
        try:
            bytearray(256 * MEGABYTE)
        except MemoryError:
            send(b"refused")

    child.start(work)
    assert child.receive(PATIENCE) == b"refused"


def test_what_it_has_forked_into_its_group_ends_with_it() -> None:
    def work(send: Send) -> None:
        grandchild = os.fork()
        if grandchild:
            send(str(grandchild).encode())
        time.sleep(60)

    child = Child(None, own_group=True)
    child.start(work)
    try:
        grandchild = int(child.receive(PATIENCE) or 0)
    finally:
        child.stop()
    assert grandchild
    assert not wait_for([grandchild], 10)
