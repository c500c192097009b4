"""A web server on loopback that answers as a test says, with real sockets."""

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Handler = Callable[["Request"], None]
"""Writes an answer."""


class Request(BaseHTTPRequestHandler):
    """One request; what a handler answers by."""

    protocol_version = "HTTP/1.1"
    timeout = 5
    server: "_Server"

    @property
    def query(self) -> dict[str, str]:
        """The parameters."""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def do_GET(self) -> None:
        """Answer as the test says; 404 for what it says nothing of."""
        path = urlsplit(self.path).path
        self.server.owner.asked.append((path, self.query))
        self.server.owner.headers.append(dict(self.headers.items()))
        self.server.owner.routes.get(path, status(404, b"not found"))(self)

    def do_POST(self) -> None:
        """The same, with a body."""
        self.server.owner.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def answer(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        """A whole answer."""
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test's output is its failures."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: "WebServer"

    def get_request(self) -> Any:
        self.owner.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that goes away in the middle is what many tests are about."""


@dataclass
class WebServer:
    """A running server. `routes` say how each path is answered."""

    routes: dict[str, Handler] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """The path and parameters of each request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    """What was posted."""
    connections: int = 0
    tls: ssl.SSLContext | None = None
    """With the certificate that it shows, when it is asked by https."""

    def __post_init__(self) -> None:
        """Start it."""
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.owner = self
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        place = "http://127.0.0.1" if self.tls is None else "https://localhost"
        return f"{place}:{self._server.server_port}"

    def paths(self) -> list[str]:
        """What was asked for."""
        return [path for path, _ in self.asked]


def status(code: int, body: bytes = b"", **headers: str) -> Handler:
    """An answer of this status; the `_` of header names stand for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: request.answer(code, body, named)


def page(value: Any, code: int = 200) -> Handler:
    """JSON."""
    return status(code, json.dumps(value).encode(), Content_Type="application/json")


def picture(data: bytes, kind: str = "image/jpeg") -> Handler:
    """A picture."""
    return status(200, data, Content_Type=kind)


def redirect(url: str, code: int = 302) -> Handler:
    """Leads elsewhere."""
    return status(code, Location=url)


def one_after_the_other(*handlers: Handler) -> Handler:
    """Answers in this order, and by the last one ever after."""
    left = list(handlers)

    def answer(request: Request) -> None:
        handler = left.pop(0) if len(left) > 1 else left[0]
        handler(request)

    return answer


def unstoppable(piece: bytes, pause: Callable[[], object], **headers: str) -> Handler:
    """A body without an end, a piece at a time, until the client goes away."""

    def answer(request: Request) -> None:
        request.send_response(200)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.close_connection = True
        while True:
            request.wfile.write(piece)
            request.wfile.flush()
            pause()

    return answer
