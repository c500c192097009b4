"""Loaded by every Python of a fleet under test, which gets it through PYTHONPATH: stops workers.

A test writes an order, a JSON file, into the folder CHAOS_DIR. The first worker process that comes
to the point that it names carries it out. The points are those of third-party functions, so nothing
of the product is changed:

    taken       a job was taken from its queue, and nothing was done for it
    started     its function is about to be called
    committing  its transaction is written and about to be committed
    committed   it was committed, and nothing is enqueued yet
    ended       its function has returned, and Redis does not know it yet

A file whose name says so makes trouble for whoever opens it, see `_TROUBLE`.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

_FOLDER = Path(os.environ.get("CHAOS_DIR", "/nonexistent"))
_FILE_SECONDS = os.environ.get("CHAOS_FILE_SECONDS")


def _come_to(point: str, job: Any, nth: int = 1) -> None:
    """Carry out the first order for this point in this job."""
    for file in sorted(_FOLDER.glob("order-*.json")):
        try:
            order = json.loads(file.read_text())
            if _is_meant(order, point, job, nth):
                if not order["again"]:
                    file.unlink()
                _ACTS[order["act"]](file.name.removeprefix("order-"), job)
        except FileNotFoundError:  # another process has it
            continue


def _is_meant(order: dict[str, Any], point: str, job: Any, nth: int) -> bool:
    if (order["point"], order["nth"]) != (point, nth) or job.func_name != f"jobs.{order['job']}":
        return False
    item = order["item"]
    if isinstance(item, str):
        return json.dumps(item) in json.dumps(job.kwargs)
    return item is None or any(item in each for each in job.kwargs.values())


def _halt(name: str, job: Any) -> None:
    """Report who has halted where, and sleep until the test releases it."""
    told = {"pid": os.getpid(), "parent": os.getppid(), "job": job.id}
    draft = _FOLDER / f"draft-{name}"
    draft.write_text(json.dumps(told))
    draft.rename(_FOLDER / f"halted-{name}")
    while not (_FOLDER / f"released-{name}").exists():
        time.sleep(0.005)


def _hang(_name: str, _job: Any) -> None:
    """Wait for ever in C, with the interpreter's lock, for a mutex that this thread has itself."""
    mutex = ctypes.create_string_buffer(256)  # PTHREAD_MUTEX_INITIALIZER
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)


def _eat(_name: str = "", _job: Any = None) -> None:
    """Use memory until there is no more; it would be too much for the machine at four gigabytes."""
    eaten = []
    for _ in range(64):
        eaten.append(bytearray(64 * 1024 * 1024))


def _die(_name: str, _job: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_ACTS = {"halt": _halt, "hang": _hang, "eat": _eat, "die": _die}

_TROUBLE: dict[str, Callable[[], Any]] = {
    "crashes": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "eats": _eat,
    "hangs": lambda: time.sleep(600),
    "kills the worker": lambda: os.kill(os.getppid(), signal.SIGKILL),
}
"""What a file called `This one X.mp3` does to the child of a worker that opens it."""


def _on_open(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | bytes):
        name = os.path.basename(os.fsdecode(arguments[0]))
        what = name.removeprefix("This one ").removesuffix(".mp3")
        if what in _TROUBLE and name.startswith("This one "):
            _TROUBLE[what]()


class _Current:
    """The job that this process performs, and how many commits of it there were."""

    job: Any = None
    commits = 0


def _patch() -> None:
    from peewee import Database  # noqa: PLC0415  # only a worker is to pay for these
    from rq.executions import Execution  # noqa: PLC0415  # as above
    from rq.job import Job  # noqa: PLC0415  # as above
    from rq.serializers import JSONSerializer  # noqa: PLC0415  # as above
    from rq.worker.base import BaseWorker  # noqa: PLC0415  # as above

    begin, perform, succeed = Execution.__init__, Job.perform, BaseWorker._finalize_success
    commit = Database.commit

    @wraps(begin)
    def beginning(execution: Any, *arguments: Any, **named: Any) -> None:
        begin(execution, *arguments, **named)
        if any(_FOLDER.glob("order-*.json")):
            job = Job.fetch(execution.job_id, execution.connection, JSONSerializer)
            _come_to("taken", job)

    @wraps(perform)
    def performing(job: Any) -> Any:
        if _FILE_SECONDS:
            vars(importlib.import_module("jobs.metadata.reader"))["SECONDS"] = float(_FILE_SECONDS)
        _Current.job, _Current.commits = job, 0
        try:
            _come_to("started", job)
            return perform(job)
        finally:
            _Current.job = None

    @wraps(commit)
    def committing(database: Any) -> None:
        _Current.commits += 1
        if _Current.job is not None:
            _come_to("committing", _Current.job, _Current.commits)
        commit(database)
        if _Current.job is not None:
            _come_to("committed", _Current.job, _Current.commits)

    @wraps(succeed)
    def succeeding(worker: Any, job: Any, *arguments: Any, **named: Any) -> None:
        _come_to("ended", job)
        succeed(worker, job, *arguments, **named)

    for owner, name, function in (
        (Execution, "__init__", beginning),
        (Job, "perform", performing),
        (BaseWorker, "_finalize_success", succeeding),
        (Database, "commit", committing),
    ):
        setattr(owner, name, function)
    sys.addaudithook(_on_open)


if "worker.process" in sys.orig_argv:
    _patch()
