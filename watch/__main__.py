"""The watcher as a program: `python -m watch`. supervisord runs it."""

import worker.host.light  # noqa: F401  # first: see there

import logging
import os
import signal
import sys
import threading

from db import settings
from db.models import database
from db.sql.connection import close_database
from watch.root_watcher import RootWatcher
from worker import dispatch
from worker.cli.fleet import explained
from worker.cli.output import print_error
from worker.errors import ExitCode
from worker.host.lifeline import die_with_supervisord, show_life
from worker.host.locks import hold_slot, open_library
from worker.host.log import log_to_stderr
from worker.redis.connection import connect
from worker.supervisor import watch_state

_EVERY = 1.0
"""Seconds between two polls of the state."""
_ROOTS_EVERY = 10
"""Polls between two queries for the roots."""

log = logging.getLogger("watch")


def main() -> None:
    """Watch until SIGTERM."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it has nothing to reload
    die_with_supervisord()
    log_to_stderr("watch")
    log.setLevel(logging.INFO)
    try:
        settings.prepare_data_dir()
        with hold_slot("watch", 1):
            connect(wait=60).close()  # Valkey may be starting beside this
            open_library()
            close_database()
            _watch()
    except Exception as error:
        failure = explained(error)
        if failure.exit_code is ExitCode.UNFORESEEN:
            log.exception("this is a fault of musicfleet")
        print_error(f"watch: {failure}")
        sys.stderr.flush()
        os._exit(failure.exit_code)  # a thread may wait for a share that does not answer


def _watch() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: dispatch.reload_topology())
    watchers: dict[str, RootWatcher] = {}
    published: list[watch_state.WatchedRoot] | None = None
    polls = 0
    while not stop.is_set():
        if polls % _ROOTS_EVERY == 0:
            _update_watchers(watchers)
        polls += 1
        show_life()
        for each in watchers.values():
            if each.fault is not None:
                raise each.fault
        states = [each.state for each in watchers.values()]
        if states != published:
            published = states
            watch_state.STATE_FILE.publish(states)
        stop.wait(_EVERY)
    for each in watchers.values():
        each.stop()
    watch_state.STATE_FILE.withdraw()


def _update_watchers(watchers: dict[str, RootWatcher]) -> None:
    """Watch every root, and no other."""
    with database.connection_context():
        roots = watch_state.roots()
    for root in watchers.keys() - roots:
        watchers.pop(root).stop()
    for root in roots:
        if root not in watchers:
            watchers[root] = RootWatcher(root)
            watchers[root].start()


if __name__ == "__main__":
    main()
