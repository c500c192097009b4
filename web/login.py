"""Access control: the login where a password is set, and a limit on attempts."""

import hashlib
import hmac
import math
import os
import secrets
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from db import settings
from worker.supervisor.web_address import WebAddress

FREE = 5
"""How many wrong passwords in a row cost nothing."""
LONGEST = 300.0
"""Seconds: the longest wait; the first is one second, and each further one twice as long."""
_ADDRESSES = 1000
"""How many are remembered; of more the oldest is forgotten."""
_ALL = ""
_FREE_OF_ALL = 50
"""The same for all addresses together: whoever has many of them waits too."""


class Throttle:
    """Counts wrong passwords by address. What is right while one has to wait counts for nothing."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_for(self, address: str) -> int:
        """For how many whole seconds this address has to wait; 0 for not at all."""
        with self._lock:
            longest = max(self._left(address, FREE), self._left(_ALL, _FREE_OF_ALL))
        return math.ceil(longest)

    def note_failure(self, address: str) -> None:
        """Take note of a wrong password."""
        with self._lock:
            for each in (address, _ALL):
                count, last = self._failures.pop(each, (0, 0.0))
                if time.monotonic() - last > 2 * LONGEST:
                    count = 0
                self._failures[each] = (count + 1, time.monotonic())
            while len(self._failures) > _ADDRESSES:
                self._failures.popitem(last=False)

    def _left(self, address: str, free: int) -> float:
        count, last = self._failures.get(address, (0, 0.0))
        if count < free:
            return 0.0
        wait = min(LONGEST, 2.0 ** min(count - free, 20))
        return max(0.0, last + wait - time.monotonic())


bp = Blueprint("login", __name__)
_OPEN = {"static", "login.form", "login.enter", "health.healthz"}
"""Endpoints without login; `web.health` shows strangers only that the web UI is up."""
_MACHINES = {"health.metrics", "health.healthz"}
"""Endpoints for programs, which may send the password with each request (HTTP Basic)."""
_IN = "in"
_KEY_BYTES = 32
_SESSION = timedelta(days=30)


def init_app(app: Flask) -> None:
    """Ask for the password, if there is one, before anything is shown."""
    address: WebAddress = app.extensions["address"]
    password: str = app.extensions["password"]
    app.config.update(
        SESSION_COOKIE_NAME=f"musicfleet-{address.port}",  # cookies know no ports
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=_SESSION,
    )
    app.extensions["throttle"] = Throttle()
    if password:
        app.secret_key = _key(password)
        app.before_request(_ask)
    app.register_blueprint(bp)


def is_in() -> bool:
    """Whether this request may see everything."""
    return not _password() or bool(session.get(_IN)) or _has_basic_password()


@bp.get("/login")
def form() -> str | AnyResponse:
    """The form; whoever needs none is sent on."""
    if is_in():
        return redirect(_onward())
    return render_template("login.html", next=_onward(), wrong=False)


@bp.post("/login")
def enter() -> str | AnyResponse | tuple[str, int]:
    """Take the password."""
    throttle: Throttle = current_app.extensions["throttle"]
    wait = throttle.wait_for(request.remote_addr or "")
    if wait:
        text = f"Too many wrong passwords. Try again in {wait} seconds."
        return Response(text, 429, {"Retry-After": str(wait)}, mimetype="text/plain")
    if not _is_password(request.form.get("password", "")):
        throttle.note_failure(request.remote_addr or "")
        return render_template("login.html", next=_onward(), wrong=True), 401
    session.clear()
    session[_IN] = True
    session.permanent = True
    return redirect(_onward(), 303)


@bp.post("/logout")
def leave() -> AnyResponse:
    """End the session of this browser."""
    session.clear()
    return redirect(url_for("login.form"), 303)


def _ask() -> AnyResponse | None:
    if request.endpoint in _OPEN or is_in():
        return None
    if request.endpoint in _MACHINES:
        return Response("A password is needed.", 401, {"WWW-Authenticate": "Basic"})
    if request.method != "GET" or not request.accept_mimetypes.accept_html:
        abort(401, "Log in first.")
    return redirect(url_for("login.form", next=request.full_path.rstrip("?")))


def _has_basic_password() -> bool:
    """Whether a program gave the password. A wrong one counts as a failed login."""
    given = request.authorization
    if request.endpoint not in _MACHINES or given is None or given.type != "basic":
        return False
    throttle: Throttle = current_app.extensions["throttle"]
    address = request.remote_addr or ""
    if throttle.wait_for(address):
        return False
    right = _is_password(given.password or "")
    if not right:
        throttle.note_failure(address)
    return right


def _onward() -> str:
    """Where to go after the login: a path of this page, and never another site."""
    path = request.values.get("next", "")
    parts = urlsplit(path)
    is_own = path.startswith("/") and not path.startswith(("//", "/\\"))
    is_plain = path.isprintable() and not parts.scheme and not parts.netloc
    return path if is_own and is_plain else url_for("library.gallery_page")


def _password() -> str:
    return str(current_app.extensions["password"])


def _is_password(given: str) -> bool:
    """Compared by digests, in a time that does not depend on where they differ."""
    return hmac.compare_digest(_digest(given), _digest(_password()))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _key(password: str) -> bytes:
    """What cookies are signed with: another password makes another key, and ends every session."""
    file = settings.run_dir() / "web.key"
    if not file.exists():
        new = file.with_suffix(f".{os.getpid()}")
        new.touch(mode=0o600)
        new.write_bytes(secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):  # another page was faster
            os.link(new, file)
        new.unlink()
    return hmac.digest(file.read_bytes(), _digest(password), "sha256")
