"""The web UI as a program, `python -m web`: its port, its threads, how it starts and ends.

supervisord runs it, and so does `fleet web`.
"""

import errno
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import NoReturn

import click
from waitress.server import create_server

from db import settings
from db.errors import DatabaseError
from db.sql.connection import close_database
from web.app import create_app
from worker import dispatch
from worker.cli.fleet import explained
from worker.cli.output import print_error
from worker.errors import BadInputError, TopologyError, WorkerError
from worker.host.lifeline import die_with_supervisord
from worker.host.locks import open_migrated
from worker.host.log import log_to_stderr
from worker.supervisor import web_address
from worker.supervisor.web_address import WebAddress

THREADS = 12
"""Requests at a time; each open stream of events holds one, see `web.scans`."""
_BACKLOG = 64
_RETRY = 2.0
_MOST_BODY = 64 * 1024
_MOST_HEADERS = 16 * 1024
_CONNECTIONS = 200

log = logging.getLogger("web")


def serve(address: WebAddress, *, supervised: bool) -> None:
    """Listen until SIGTERM.

    A supervised web UI waits for a port that another program has. Otherwise a port in use raises
    BadInputError.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it has nothing to reload
    die_with_supervisord()
    settings.prepare_data_dir()
    log_to_stderr()
    log.setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    listener = _wait_for_port(address) if supervised else _listen(address)
    open_migrated()
    close_database()
    _run(listener, address._replace(port=listener.getsockname()[1]), supervised)


def _run(listener: socket.socket, address: WebAddress, supervised: bool) -> None:
    closing = threading.Event()
    server = create_server(
        create_app(address, web_address.password(), closing),
        sockets=[listener],
        threads=THREADS,
        connection_limit=_CONNECTIONS,
        max_request_body_size=_MOST_BODY,
        max_request_header_size=_MOST_HEADERS,
        channel_request_lookahead=1,  # so that it notices a client that is gone
        ident=None,
    )

    def stop(*_: object) -> NoReturn:
        closing.set()
        raise SystemExit

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, _reload)
    log.info("listening at %s", address.url)
    if supervised:
        web_address.STATE_FILE.publish([address.url, ""])
    try:
        server.run()
    finally:
        if supervised:
            web_address.STATE_FILE.withdraw()


def _reload(*_: object) -> None:
    try:
        dispatch.reload_topology()
    except TopologyError as error:
        log.error("going on as before: %s", error)


def _wait_for_port(address: WebAddress) -> socket.socket:
    reported = ""
    while True:
        try:
            return _listen(address)
        except BadInputError as error:
            if reported != str(error):
                reported = str(error)
                log.warning("%s; trying again every %.0f s", reported, _RETRY)
            web_address.STATE_FILE.publish(["", reported])
            time.sleep(_RETRY)


def _listen(address: WebAddress) -> socket.socket:
    """A socket that listens there. Raises BadInputError when that is not possible."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        reason = "another program has it" if taken else error.strerror or os.strerror(0)
        raise BadInputError(
            f"the web UI cannot listen at {address.text}: {reason} — "
            "set FLEET_WEB to another HOST:PORT, or to off"
        ) from error
    return listener


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Instead of what FLEET_WEB says.")
def main(listen: str | None) -> None:
    """Serve the web UI until SIGTERM."""
    try:
        if listen is None:
            serve(web_address.configured() or web_address.default(), supervised=True)
        else:
            address = web_address.parsed(listen)
            web_address.refuse_open(address)
            serve(address, supervised=False)
    except (WorkerError, DatabaseError, OSError) as error:
        failure = explained(error)
        print_error(f"web: {failure}")
        sys.exit(failure.exit_code)


if __name__ == "__main__":
    main()
