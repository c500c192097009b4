"""Runs `fleet` in forks of a process that has imported what its commands need.

To import that takes ten times as long as most commands. A fork is all that the command is for its
user: a process with its own environment, folder and files.
"""

import atexit
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from select import select
from typing import NoReturn

from tests.waiting import PATIENCE

REPOSITORY = Path(__file__).parents[2]
_LONGEST_REQUEST = 1 << 17
_LAZILY_IMPORTED = ("peewee_migrate", "rq", "supervisor.xmlrpc", "worker.supervisor.control")


def _is_of_machine(name: str) -> bool:
    """Whether a variable is that of all tests: the first one's fleet may have others."""
    return not name.startswith("FLEET_") and name != "PYTHONPATH"


class ForkingServer:
    """A process of which each command is a fork; it ends with this one."""

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fleet.forking", str(number)],
                cwd=REPOSITORY,
                env={name: os.environ[name] for name in os.environ if _is_of_machine(name)},
                pass_fds=[number],
            )

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """`fleet` with these arguments, from its begin to its end."""
        request = json.dumps({"arguments": arguments, "environment": dict(environment)}).encode()
        report, theirs = os.pipe()
        with (
            open(report, encoding="utf-8") as answer,
            open(os.devnull, encoding="utf-8") as nothing,
            tempfile.TemporaryFile("w+", encoding="utf-8") as output,
            tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        ):
            files = [nothing.fileno(), output.fileno(), errors.fileno(), theirs]
            socket.send_fds(self._link, [request], files)
            os.close(theirs)
            pid = int(answer.readline())
            if not select([answer], [], [], timeout)[0]:
                os.kill(pid, 9)
                raise subprocess.TimeoutExpired(list(arguments), timeout)
            code = int(answer.readline())
            output.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(list(arguments), code, output.read(), errors.read())

    def close(self) -> None:
        """End it."""
        self._link.close()
        self._process.wait(PATIENCE)


@cache
def forking_server() -> ForkingServer:
    """The one of this process."""
    server = ForkingServer()
    atexit.register(server.close)
    return server


def _serve(link: socket.socket) -> None:
    """Fork for each request until the other end is closed; returns in the forks."""
    while True:
        request, files, *_ = socket.recv_fds(link, _LONGEST_REQUEST, 4)
        if not request:
            sys.exit()
        if os.fork() == 0:
            link.close()
            _watch(json.loads(request), files)
            return
        for each in files:
            os.close(each)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def _watch(request: dict[str, object], files: list[int]) -> None:
    """Have a fork do the request, and tell its process id and how it ends; returns in the fork."""
    *standard, report = files
    pid = os.fork()
    if pid == 0:
        for number, each in enumerate(standard):
            os.dup2(each, number)
            os.close(each)
        os.close(report)
        _become(request)
        return
    for each in standard:
        os.close(each)
    os.write(report, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: dict[str, object]) -> None:
    environment, arguments = request["environment"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["fleet", *arguments]


def _main() -> NoReturn:
    from worker.cli import main  # noqa: PLC0415
    from worker.cli.fleet import COMMANDS  # noqa: PLC0415

    for command in COMMANDS.values():
        import_module(f"worker.cli.{command.module}")
    for name in _LAZILY_IMPORTED:
        import_module(name)
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    code = [1]
    atexit.register(_leave, code)  # the first, so that it comes last
    try:
        main()
    except SystemExit as end:
        code[0] = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    sys.exit()


def _leave(code: Sequence[int]) -> NoReturn:
    """End a fork, and leave its memory to the kernel.

    To give it back object by object copies all that the server has imported, which takes longer
    than most commands.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code[0])


if __name__ == "__main__":
    _main()
