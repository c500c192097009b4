"""Celery that keeps results in the same Valkey, as its first steps advise."""

from dataclasses import replace

from bench.queue_contenders import celery_prefork

app = celery_prefork.new_app(backend=celery_prefork.URL)

CONTENDER = replace(
    celery_prefork.CONTENDER,
    keeps="result 1 day",
    commands=celery_prefork.commands(__name__),
    enqueue=celery_prefork.enqueue_by(app),
)
