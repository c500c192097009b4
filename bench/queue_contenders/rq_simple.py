"""RQ's worker that runs jobs in its own process."""

from dataclasses import replace

from bench.queue_contenders import rq_fork

CONTENDER = replace(
    rq_fork.CONTENDER,
    commands=rq_fork.commands("rq.worker.SimpleWorker"),
    forks=False,
    jobs_in=1,
)
