"""Starting what a measurement needs; whatever was started ends with it, however that ends."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

import redis

from bench.command import UnusableRunError
from worker.host.lifeline import die_with_parent
from worker.redis.connection import connect

_REPOSITORY = Path(__file__).parents[2]
_PATIENCE = 10.0
"""Seconds that a process is given to end in order."""
_SHOWN_LINES = 15


class Running:
    """The processes of one command each, with one log for all."""

    def __init__(self, commands: Iterable[tuple[str, ...]], log: Path) -> None:
        self.log = log
        self._processes: list[subprocess.Popen[bytes]] = []
        self._commands = list(commands)

    def start(self, environment: Mapping[str, str]) -> None:
        """Start all of them at once, each in a session of its own."""
        bench = os.getpid()

        def follow_the_bench() -> None:
            die_with_parent(signal.SIGTERM, bench)

        with self.log.open("wb") as log:
            for command in self._commands:
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, *command],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env=os.environ | environment,
                        start_new_session=True,
                        # Sound: the bench has no threads.
                        preexec_fn=follow_the_bench,  # noqa: PLW1509
                    )
                )

    def check(self) -> None:
        """Raise UnusableRunError when one has ended."""
        for process, command in zip(self._processes, self._commands, strict=True):
            if process.poll() is not None:
                raise self.fault(f"`python {' '.join(command)}` ended with {process.returncode}")

    def fault(self, fact: str) -> UnusableRunError:
        """An error that shows the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:]
        return UnusableRunError("\n  ".join([f"{fact}; the last it said:", *lines]))

    def end(self) -> None:
        """Send SIGTERM to all, and kill what is left of them and of what they started."""
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + _PATIENCE
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def running(
    commands: Iterable[tuple[str, ...]], log: Path, environment: Mapping[str, str]
) -> Iterator[Running]:
    """Processes that run meanwhile."""
    processes = Running(commands, log)
    try:
        processes.start(environment)
        yield processes
    finally:
        processes.end()


@contextmanager
def valkey() -> Iterator[tuple[Path, redis.Redis]]:
    """A Valkey of the fleet's own kind with a data folder of its own, and a client of it.

    The settings of this process, and so of its children, are of that folder meanwhile; what they
    were is not restored.
    """
    folder = Path(tempfile.mkdtemp(prefix="mfbench"))
    for name in ("FLEET_REDIS_URL", "FLEET_DATABASE_URL", "FLEET_QUEUES"):
        os.environ.pop(name, None)
    os.environ |= {
        "FLEET_DATA_DIR": str(folder),
        "PYTHONPATH": str(_REPOSITORY),
        "PYTHONSAFEPATH": "1",
    }
    try:
        with running([("-m", "worker.redis.valkey")], folder / "valkey.log", {}):
            yield folder, connect(wait=20)
    finally:
        rmtree(folder, ignore_errors=True)
