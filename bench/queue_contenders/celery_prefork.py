"""Celery with its default pool, prefork: one process more that hands out the jobs."""

from collections.abc import Callable

from celery import Celery

from bench.queue_contenders.contender import PROCESSES, Contender
from bench.queue_contenders.trial import JOBS
from worker.redis import socket_path

URL = f"redis+socket://{socket_path()}"


def new_app(backend: str | None) -> Celery:
    """An application with the jobs; results are kept where `backend` says."""
    application = Celery("bench", broker=URL, backend=backend)
    for name, function in JOBS.items():
        application.task(name=name)(function)
    return application


def enqueue_by(application: Celery) -> Callable[[str, int], None]:
    """What puts jobs into its queue, one by one."""

    def enqueue(job: str, number: int) -> None:
        for _ in range(number):
            application.tasks[job].delay()

    return enqueue


def commands(module: str) -> tuple[tuple[str, ...], ...]:
    """What starts the application of a module with its workers."""
    return (("-m", "celery", "-A", module, "worker", "--concurrency", str(PROCESSES)),)


app = new_app(backend=None)

CONTENDER = Contender(
    distribution="celery",
    keeps="nothing",
    commands=commands(__name__),
    enqueue=enqueue_by(app),
)
