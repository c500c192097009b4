"""Puts jobs into a contender's queue: `python -m bench.queue_contenders MODULE JOB NUMBER`."""

import sys

from bench.queue_contenders.registry import contender

if __name__ == "__main__":
    name, job, number = sys.argv[1:]
    contender(name).enqueue(job, int(number))
