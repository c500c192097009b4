"""The program: hears of exits from supervisord and looks around every five seconds.

It speaks the protocol of supervisor's event listeners on stdin and stdout, so nothing else may be
printed there.
"""

import logging
import signal
import sys
from contextlib import suppress

import peewee
import redis
from supervisor.childutils import listener

from db.connection import close_database, open_database
from db.errors import DatabaseError
from worker import dispatch
from worker.errors import WorkerError
from worker.holders import (
    beat,
    beats,
    forget_place,
    holders,
    register,
    this_process,
    unregister,
)
from worker.lifeline import die_with_supervisord
from worker.recovery.due import enqueue_due
from worker.recovery.exits import cause_of_exit
from worker.recovery.putting_back import recover, settle_leftovers
from worker.recovery.silence import Silence
from worker.redis import connect, endure
from worker.slot_lock import hold_slot
from worker.slots import process_name_of, registered_name

NAME = "recovery"
_REDIS_STARTS = 60.0
_GONE = "host"

log = logging.getLogger("rq.worker")


class Recovery:
    """Puts back what dead processes hold, here and, when they are silent, elsewhere."""

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection
        self._own = this_process(registered_name(NAME))
        self._silence = Silence()

    def of_this_place(self) -> None:
        """Put back what the dead of this place hold, and nothing of who lives."""
        for each in holders(self._connection):
            if each.is_alive() is False:
                cause = cause_of_exit(process_name_of(each.worker), each.pid)
                recover(self._connection, each, self._own, cause)

    def look_around(self) -> None:
        """Every few seconds: who is dead, which places are silent, which jobs are due."""
        register(self._connection, self._own)
        beat(self._connection)
        settle_leftovers(self._connection, self._own)
        self.of_this_place()
        self._of_silent_places()
        enqueue_due(self._connection)

    def leave(self) -> None:
        """The program is told to stop. Redis may have gone before, and is not waited for."""
        endure(self._connection, 0)
        with suppress(redis.RedisError):
            unregister(self._connection, self._own)

    def _of_silent_places(self) -> None:
        silent = self._silence.look(beats(self._connection))
        for each in holders(self._connection):
            if each.place in silent and each.is_alive() is not True:
                recover(self._connection, each, self._own, _GONE)
        for place in silent:
            forget_place(self._connection, place)


def main() -> None:
    """Listen until told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: dispatch.reload_topology())
    die_with_supervisord()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    try:
        with hold_slot(NAME, 1):
            connect(wait=_REDIS_STARTS).close()
            endure(dispatch.connection())  # without Redis there is nothing to put back
            _listen(Recovery(dispatch.connection()))
    except WorkerError as error:
        sys.exit(f"{NAME}: {error}")


def _listen(recovery: Recovery) -> None:
    is_tick = True
    try:
        while True:
            _attend(recovery, is_tick)
            headers, _ = listener.wait(sys.stdin, sys.stdout)
            is_tick = headers["eventname"].startswith("TICK")
            listener.ok(sys.stdout)
    finally:
        recovery.leave()


def _attend(recovery: Recovery, is_tick: bool) -> None:
    """Do what an event asks for. What cannot be done now is done at the next tick."""
    try:
        open_database()
        if is_tick:
            recovery.look_around()
        else:
            recovery.of_this_place()
    except (redis.RedisError, peewee.PeeweeException, WorkerError, DatabaseError) as error:
        log.error("%s; again in five seconds", error)
    finally:
        close_database()


if __name__ == "__main__":
    main()
