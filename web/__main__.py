"""The web UI as a program, `python -m web`: its port, its threads, how it starts and ends.

supervisord runs it, and so does `fleet web`.
"""

import worker.host.light  # noqa: F401  # first: see there

import errno
import logging
import math
import os
import re
import signal
import socket
import sys
import threading
import time
from contextlib import nullcontext
from copy import copy
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from weakref import WeakSet

import click
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from db import settings
from db.errors import DatabaseError
from db.sql.connection import close_database
from web.app import create_app
from web.pages import covers
from worker import dispatch
from worker.cli.fleet import explained
from worker.cli.output import print_error
from worker.errors import BadInputError, WorkerError
from worker.host.lifeline import SUPERVISED, die_with_supervisord
from worker.host.locks import hold_slot, open_library
from worker.host.log import log_to_stderr
from worker.host.memory import give_back_memory
from worker.supervisor import web_address
from worker.supervisor.web_address import WebAddress

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 12
"""Requests at a time; each open stream of events holds one, see `web.pages.scans`."""
_BACKLOG = 64
_RETRY = 2.0
_MOST_BODY = 64 * 1024
_MOST_UPLOAD = covers.MOST_BYTES + 64 * 1024
_UPLOADS = 4
"""Requests at a time that may be as large as a picture."""
_UPLOAD = re.compile(r"/(albums|artists)/\d{1,10}/covers/upload")
_MOST_FORM = 400 * 1024
"""Of a request of a player, which may name all songs of a play queue."""
_MOST_HEADERS = 16 * 1024
_CONNECTIONS = 200
"""Open connections in all; half of them may be from one address."""
_FILES = 100
"""What is open beside them at most: the database in each thread, Redis, sockets."""
_COMPLETE = 10.0
"""Seconds for a request to arrive, from the first connection or the first byte on."""
_COMPLETE_UPLOAD = 120.0
"""Seconds for one that is as large as a picture."""
_IDLE = 75.0
"""Seconds for which a connection is kept between two requests: longer than proxies do."""
_UNREAD = 60.0
"""Seconds for which an answer is kept that the other side does not read on."""

log = logging.getLogger("web")


def serve(address: WebAddress, *, supervised: bool) -> None:
    """Listen until SIGTERM.

    A supervised web UI waits for a port that another program has. Otherwise a port in use raises
    BadInputError.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it has nothing to reload
    die_with_supervisord()
    settings.prepare_data_dir()
    _open_files()
    log_to_stderr("web")
    log.setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with hold_slot("web", 1) if supervised else nullcontext():
        listener = _wait_for_port(address) if supervised else _listen(address)
        open_library()
        give_back_memory()
        close_database()
        _run(listener, address._replace(port=listener.getsockname()[1]), supervised)


def _open_files() -> None:
    """Be allowed as many open files as the connections need, where the system lets this user."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _FILES
    most = wanted if hard == RLIM_INFINITY else min(wanted, hard)
    if soft != RLIM_INFINITY and soft < most:
        setrlimit(RLIMIT_NOFILE, (most, hard))


class _Request(HTTPRequestParser):
    """A request; what is no URL in it is a bad request, and not a fault of the server."""

    path = ""
    """Asked for even of a request that names none."""
    _uploads: ClassVar[WeakSet["_Request"]] = WeakSet()
    """Those that may be as large as a picture."""

    @property
    def is_upload(self) -> bool:
        """Whether it may be as large as a picture."""
        return self in self._uploads

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError(str(error)) from error
        if _UPLOAD.fullmatch(self.path) and len(self._uploads) < _UPLOADS:
            self._uploads.add(self)
            self.adj = copy(self.adj)
            self.adj.max_request_body_size = _MOST_UPLOAD
        elif self.path.startswith("/rest/"):
            self.adj = copy(self.adj)
            self.adj.max_request_body_size = _MOST_FORM


class _Connection(HTTPChannel):
    """A connection that has a deadline whenever the other side has to do something."""

    parser_class = _Request

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.began: float | None = time.monotonic()
        """When the request began that has not arrived as a whole; None between two requests."""
        self.served_at = 0.0
        """When the last request ended; 0 when there was none, infinite while one is served."""
        super().__init__(*arguments, **more)

    @property
    def is_free(self) -> bool:
        """Whether no request of it is being served."""
        return not self.requests

    def received(self, data: bytes) -> bool:
        if self.began is None:
            self.began = time.monotonic()
        result = super().received(data)
        if self.request is None:
            self.began, self.served_at = None, math.inf
        return result

    def service(self) -> None:
        super().service()
        self.served_at = time.monotonic()

    def is_late(self, now: float) -> bool:
        """Whether the other side let a deadline pass."""
        if self.total_outbufs_len:
            return time.time() - self.last_activity > _UNREAD
        if not self.is_free:
            return False
        if self.began is not None:
            is_upload = isinstance(self.request, _Request) and self.request.is_upload
            return now - self.began > (_COMPLETE_UPLOAD if is_upload else _COMPLETE)
        return now - self.served_at > _IDLE


class _Server(TcpWSGIServer):
    """Waitress, which idle and slow connections cannot make deaf: for a new one an old one goes."""

    channel_class = _Connection
    active_channels: dict[int, _Connection]  # type: ignore[assignment]  # the stub is wrong
    _most = max(_CONNECTIONS // 10, min(_CONNECTIONS, getrlimit(RLIMIT_NOFILE)[0] - _FILES))

    def handle_accept(self) -> None:
        """Take a connection; with too many, end the one that has waited longest for a request."""
        super().handle_accept()
        open_ones = [each for each in self.active_channels.values() if not each.will_close]
        if open_ones:
            host = open_ones[-1].addr[0]
            self._end_one([each for each in open_ones if each.addr[0] == host], self._most // 2)
            self._end_one(open_ones, self._most)

    @staticmethod
    def _end_one(among: list[_Connection], most: int) -> None:
        """Prefer one that never sent a request. When all the others are served, it is the new."""
        *others, new = among
        if len(among) > most:
            free = [each for each in others if each.is_free] or [new]
            min(free, key=lambda each: (each.served_at, each.creation_time)).will_close = True

    def maintenance(self, now: float) -> None:  # waitress passes the time of day
        """End connections that are late."""
        moment = time.monotonic()
        for each in [*self.active_channels.values()]:
            if each.is_late(moment):
                each.will_close = True
                if each.total_outbufs_len:  # waitress would wait until more can be sent
                    each.handle_close()


def _server(app: "WSGIApplication", listener: socket.socket) -> _Server:
    """Waitress's own `create_server`, but for the class."""
    adjustments = Adjustments(
        sockets=[listener],
        threads=THREADS,
        connection_limit=2 * _CONNECTIONS,  # some of them are on their way out
        cleanup_interval=1,
        asyncore_use_poll=True,
        max_request_body_size=_MOST_BODY,
        max_request_header_size=_MOST_HEADERS,
        channel_request_lookahead=1,  # so that it notices a client that is gone
        clear_untrusted_proxy_headers=False,  # `web.access.security` knows whom to believe
        ident=None,
    )
    threads = ThreadedTaskDispatcher()
    threads.set_thread_count(THREADS)
    sockinfo = (listener.family, listener.type, listener.proto, listener.getsockname())
    return _Server(
        app,
        {},
        _sock=listener,
        dispatcher=threads,
        adj=adjustments,
        sockinfo=sockinfo,
        bind_socket=False,
    )


def _run(listener: socket.socket, address: WebAddress, supervised: bool) -> None:
    closing = threading.Event()
    server = _server(create_app(address, web_address.password(), closing), listener)

    def stop(*_: object) -> NoReturn:
        closing.set()
        raise SystemExit

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, lambda *_: dispatch.reload_topology())
    log.info("listening at %s", address.url)
    if not web_address.password():
        log.info("%s", web_address.OPEN_TO_USERS)
    if supervised:
        web_address.STATE_FILE.publish([address.url, ""])
    try:
        server.run()
    finally:
        if supervised:
            web_address.STATE_FILE.withdraw()


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
@click.option(SUPERVISED, is_flag=True, expose_value=False, help="End with supervisord.")
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
