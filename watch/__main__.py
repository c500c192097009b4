"""The watcher as a program: `python -m watch`. supervisord runs it."""

import logging
import os
import signal
import sys
import threading

import click

from db import settings
from db.connection import close_database
from db.models import database
from watch.looking_after import Caretaker
from worker import dispatch, watching
from worker.cli.fleet import explained
from worker.database import open_migrated
from worker.errors import TopologyError
from worker.exit_codes import ExitCode
from worker.lifeline import die_with_supervisord
from worker.redis import connect
from worker.slot_lock import hold_slot

_EVERY = 1.0
"""Seconds between two looks at how it goes."""
_ROOTS_EVERY = 10
"""So many looks between two questions for the roots."""

log = logging.getLogger("watch")


def main() -> None:
    """Watch until told to stop."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to load anew
    die_with_supervisord()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    try:
        settings.prepare_data_dir()
        connect(wait=60).close()  # Valkey may be starting beside this
        open_migrated()
        close_database()
        with hold_slot("watch", 1):
            _watch()
    except Exception as error:
        told = explained(error)
        if told.exit_code is ExitCode.UNFORESEEN:
            log.exception("this is a fault of musicfleet")
        click.echo(f"watch: {told}", err=True)
        sys.stderr.flush()
        os._exit(told.exit_code)  # a thread may wait for a share that does not answer


def _watch() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, _reload)
    caretakers: dict[str, Caretaker] = {}
    told: list[watching.WatchedRoot] | None = None
    looks = 0
    while not stop.is_set():
        if looks % _ROOTS_EVERY == 0:
            _take_care(caretakers)
        looks += 1
        for each in caretakers.values():
            if each.fault is not None:
                raise each.fault
        standing = [each.standing for each in caretakers.values()]
        if standing != told:
            told = standing
            watching.publish(standing)
        stop.wait(_EVERY)
    for each in caretakers.values():
        each.stop()
    watching.withdraw()


def _take_care(caretakers: dict[str, Caretaker]) -> None:
    """Have every root looked after, and no other."""
    with database.connection_context():
        roots = watching.roots()
    for root in caretakers.keys() - roots:
        caretakers.pop(root).stop()
    for root in roots:
        if root not in caretakers:
            caretakers[root] = Caretaker(root)
            caretakers[root].start()


def _reload(*_: object) -> None:
    try:
        dispatch.reload_topology()
    except TopologyError as error:
        log.error("going on as before: %s", error)


if __name__ == "__main__":
    main()
