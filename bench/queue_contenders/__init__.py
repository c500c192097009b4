"""Who runs in `python -m bench queue`: a file each, with its jobs and how they are run.

`python -m bench.queue_contenders MODULE JOB NUMBER` puts jobs into a contender's queue; it and the
workers find Valkey by FLEET_DATA_DIR, and the file that jobs report to by BENCH_STAMPS.
"""
