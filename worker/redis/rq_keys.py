"""The names of RQ's keys in Redis, for whoever reads them without running jobs.

RQ takes as long to import as half of `fleet status` to run. A test compares these with RQ's own.
"""

from db.settings import redis_key

PREFIX = redis_key("rq")
QUEUES = f"{PREFIX}:queues"
QUEUE = f"{PREFIX}:queue:"
JOB = f"{PREFIX}:job:"
WORKERS = f"{PREFIX}:workers"
WORKER = f"{PREFIX}:worker:"
WORKERS_BY_QUEUE = f"{PREFIX}:workers:%s"
CANCELLED = f"{PREFIX}:canceled:%s"
FINISHED = f"{PREFIX}:finished:%s"
SUSPENDED = f"{PREFIX}:suspended"
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
"""How RQ writes a time, in UTC."""
