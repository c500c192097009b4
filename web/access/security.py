"""Access control: which requests are served, and the security headers of the answers.

Without a password whoever reaches the web UI may do everything, so only the user may send requests:
the web UI listens on loopback alone, and answers only to the name of this machine, not to a name
that a stranger's DNS points to it (DNS rebinding). With one, the session's cookie goes to no other
name.
"""

import logging
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from worker.supervisor import web_address
from worker.supervisor.web_address import Network, WebAddress

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("web")

FOR_PROGRAMS = ("/api/", "/rest/")
"""Paths where each request brings the key or password of a user, and where no cookie counts: so
another site's page, which has none, can do nothing there."""
_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
_STRANGERS = {"cross-site", "same-site"}
_POLICY = {
    "default-src": "'none'",
    "img-src": "'self'",
    "media-src": "'self'",
    "style-src": "'self'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_LABEL = "[a-z0-9_-]{1,63}"
_HOST = re.compile(rf"(?:(?:{_LABEL}\.)*{_LABEL}\.?|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?", re.I)
_LONGEST_HOST = 259
"""A name of 253 characters and a port."""
_MOST_PROXIES = 20


def init_app(app: Flask) -> None:
    """Check every request, and add the security headers to every answer.

    Raises BadInputError when the proxies that are to be believed are none.
    """
    address: WebAddress = app.extensions["address"]
    password: str = app.extensions["password"]
    names = {*_LOCAL_NAMES, address.host}

    def check() -> None:
        g.nonce = secrets.token_urlsafe(16)
        if not (password or request.path.startswith(FOR_PROGRAMS)):
            _refuse_others(names)
        _refuse_strangers()

    app.before_request(check)
    app.after_request(_add_headers)
    app.wsgi_app = _Door(app.wsgi_app, web_address.trusted_proxies())  # type: ignore[method-assign]


class _Door:
    """Sets right what a request says of its sender and of the web UI, before the app reads it."""

    def __init__(self, app: "WSGIApplication", proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = proxies
        self._has_warned = False

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        self._believe_proxies(environ)
        host = environ.get("HTTP_HOST", "")
        if host and not _is_host(host):
            answer = AnyResponse("The header Host names no host.", 400, mimetype="text/plain")
            answer.headers.update(_HEADERS | {"Content-Security-Policy": policy()})
            return answer(environ, start_response)
        return self._app(environ, start_response)

    def _believe_proxies(self, environ: "WSGIEnvironment") -> None:
        """Take the sender and the scheme from the headers of a trusted proxy, and of no other."""
        sender = environ.get("REMOTE_ADDR", "")
        if self._is_trusted(sender):
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
            if scheme in {"http", "https"}:
                environ["wsgi.url_scheme"] = scheme
            sender = self._sender(environ.get("HTTP_X_FORWARDED_FOR", ""), sender)
        elif "HTTP_X_FORWARDED_FOR" in environ and not self._has_warned:
            self._has_warned = True
            log.warning(
                "%s says that it sends on requests of others, and is not believed: if it is your "
                "proxy, name it in FLEET_WEB_TRUSTED_PROXIES",
                sender,
            )
        environ["REMOTE_ADDR"] = str(web_address.plain_address(sender) or sender)

    def _sender(self, forwarded: str, proxy: str) -> str:
        """Who sent it to the trusted proxies; one of them when that is not known."""
        sender = proxy
        for each in reversed(forwarded.rsplit(",", _MOST_PROXIES)[-_MOST_PROXIES:]):
            address = _without_port(each.strip())
            if web_address.plain_address(address) is None:
                break
            sender = address
            if not self._is_trusted(sender):
                break
        return sender

    def _is_trusted(self, address: str) -> bool:
        known = web_address.plain_address(address)
        return known is not None and any(known in network for network in self._proxies)


def _is_host(text: str) -> bool:
    if len(text) > _LONGEST_HOST or not _HOST.fullmatch(text):
        return False
    return text[0] != "[" or web_address.plain_address(_without_port(text)) is not None


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def client() -> str:
    """Who sent the request: an address, or the network of 64 bits that an IPv6 one belongs to."""
    address = web_address.plain_address(request.remote_addr or "")
    if address is None or address.version == 4:
        return str(address)
    return ":".join(address.exploded.split(":")[:4])


def _refuse_others(names: set[str]) -> None:
    """Refuse whoever is not on this machine; for a web UI without a password."""
    if (urlsplit(f"//{request.host}").hostname or "") not in names:
        abort(421, "The web UI answers only to the name of this machine: open it at localhost.")
    if not web_address.is_loopback(request.remote_addr or ""):
        abort(403, "Only this machine has access: set FLEET_WEB_PASSWORD to let others in.")


def policy(**changes: str) -> str:
    """A Content-Security-Policy; a change is named with _ in place of -."""
    sources = _POLICY | {name.replace("_", "-"): source for name, source in changes.items()}
    return "; ".join(f"{name} {source}" for name, source in sources.items())


def _refuse_strangers() -> None:
    """Refuse what another site's page sends, and every change that a page of ours did not send.

    A browser says so itself: by Origin with whatever changes something, and newer ones by
    Sec-Fetch-Site with everything. Links from other sites may lead here.
    """
    if request.path.startswith(FOR_PROGRAMS):
        return
    changes = request.method not in _SAFE
    follows_link = not changes and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if request.headers.get("Sec-Fetch-Site") in _STRANGERS and not follows_link:
        abort(403, "Another site sent this request.")
    own, given = f"{request.scheme}://{request.host}", request.headers.get("Origin", "")
    if changes and given.lower() == f"https://{request.host}".lower() != own.lower():
        abort(
            403,
            "A proxy with TLS sent this request on, and the web UI does not know it: "
            "name its address in FLEET_WEB_TRUSTED_PROXIES.",
        )
    if changes and given.lower() != own.lower():
        abort(403, "Requests that change something must come from the web UI: send its Origin.")


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", policy())
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
