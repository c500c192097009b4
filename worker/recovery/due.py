"""Jobs that wait for a time: a retry after a pause, or what somebody enqueued for later.

RQ leaves them in a registry until some scheduler comes. Here every host's recovery looks; a script
moves what is due, so that two that look at the same time move each job once.
"""

import time

import redis
from rq.defaults import RQ_KEY_PREFIX
from rq.utils import now, utcformat

from worker import dispatch

_MOVE_DUE = """
-- KEYS: the registry, the queue. ARGV: now as a number, now as text, prefix of job keys
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1000)
for _, id in ipairs(ids) do
    redis.call('ZREM', KEYS[1], id)
    local job = ARGV[3] .. id
    if redis.call('EXISTS', job) == 1 then
        redis.call('HSET', job, 'status', 'queued', 'enqueued_at', ARGV[2])
        redis.call('RPUSH', KEYS[2], id)
    end
end
return #ids
"""


def enqueue_due(connection: redis.Redis) -> None:
    """Put the jobs whose time has come at the end of their queues."""
    move = connection.register_script(_MOVE_DUE)
    arguments: list[float | str] = [time.time(), utcformat(now()), f"{RQ_KEY_PREFIX}:job:"]
    for queue in dispatch.queues():
        move(keys=[queue.scheduled_job_registry.key, queue.key], args=arguments)
