"""Our worker for heavy jobs, which gives each a process of its own."""

from dataclasses import replace

from bench.queue_contenders import ours

CONTENDER = replace(ours.CONTENDER, commands=ours.commands("heavy"), forks=True, jobs_in=10)
