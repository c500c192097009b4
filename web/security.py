"""Access control: which requests are served, and the security headers of the answers.

Without a password whoever reaches the web UI may do everything, so only the user may send requests:
the web UI listens on loopback alone, and answers only to the name of this machine, not to a name
that a stranger's DNS points to it (DNS rebinding). With one, the session's cookie goes to no other
name.
"""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, request

from worker.supervisor.web_address import WebAddress

_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
_STRANGERS = {"cross-site", "same-site"}
_POLICY = {
    "default-src": "'none'",
    "img-src": "'self'",
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


def init_app(app: Flask) -> None:
    """Check every request, and add the security headers to every answer."""
    address: WebAddress = app.extensions["address"]
    password: str = app.extensions["password"]
    names = {*_LOCAL_NAMES, address.host}

    def check() -> None:
        g.nonce = secrets.token_urlsafe(16)
        if not password and (urlsplit(f"//{request.host}").hostname or "") not in names:
            abort(421, "The web UI answers only to the name of this machine: open it at localhost.")
        _refuse_strangers()

    app.before_request(check)
    app.after_request(_add_headers)


def policy(**changes: str) -> str:
    """A Content-Security-Policy; a change is named with _ in place of -."""
    sources = _POLICY | {name.replace("_", "-"): source for name, source in changes.items()}
    return "; ".join(f"{name} {source}" for name, source in sources.items())


def _refuse_strangers() -> None:
    """Refuse what another site's page sends, and every change that a page of ours did not send.

    A browser says so itself: by Origin with whatever changes something, and newer ones by
    Sec-Fetch-Site with everything. Links from other sites may lead here.
    """
    changes = request.method not in _SAFE
    follows_link = not changes and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if request.headers.get("Sec-Fetch-Site") in _STRANGERS and not follows_link:
        abort(403, "Another site sent this request.")
    if changes and urlsplit(request.headers.get("Origin", "")).netloc != request.host:
        abort(403, "Requests that change something must come from the web UI: send its Origin.")


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", policy())
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
