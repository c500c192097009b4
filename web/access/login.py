"""Access control: the login where a password is set, its sessions, and a limit on attempts."""

import hashlib
import hmac
import logging
import math
import os
import secrets
import threading
import time
from collections import OrderedDict
from datetime import timedelta
from pathlib import Path
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
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from db import settings
from web.access.security import FOR_PROGRAMS, client
from worker.supervisor.web_address import WebAddress

FREE = 5
"""How many wrong passwords in a row cost nothing."""
LONGEST = 300.0
"""Seconds: the longest wait; the first is one second, and each further one twice as long."""
_SOURCES = 1000
"""How many are remembered; of more the oldest is forgotten."""
_FREE_OF_ALL = 200
_PACE = 2.0
"""How many wrong passwords of strangers from anywhere cost nothing, and in how many seconds one
more of these is given: whoever has many addresses waits too, and locks nobody out for long."""


class Throttle:
    """Counts wrong passwords by who sends them: a browser that was logged in once, or an address.

    What is right while one has to wait counts for nothing. Such a browser waits only for its own
    mistakes, so nobody else can lock its owner out.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._of_all = 0.0
        self._of_all_at = 0.0
        self._lock = threading.Lock()

    def wait_for(self, source: str, *, is_known: bool = False) -> int:
        """For how many whole seconds this one has to wait; 0 for not at all."""
        with self._lock:
            left = self._left(source)
            if not is_known:
                left = max(left, (self._strangers() - _FREE_OF_ALL) * _PACE)
        return math.ceil(left)

    def note_failure(self, source: str, *, is_known: bool = False) -> None:
        """Take note of a wrong password."""
        with self._lock:
            count, last = self._failures.pop(source, (0, 0.0))
            if time.monotonic() - last > 2 * LONGEST:
                count = 0
            self._failures[source] = (count + 1, time.monotonic())
            if not is_known:
                self._of_all, self._of_all_at = self._strangers() + 1, time.monotonic()
            while len(self._failures) > _SOURCES:
                self._failures.popitem(last=False)

    def _strangers(self) -> float:
        """The wrong passwords of strangers, less those that time has forgiven."""
        return max(0.0, self._of_all - (time.monotonic() - self._of_all_at) / _PACE)

    def _left(self, source: str) -> float:
        count, last = self._failures.get(source, (0, 0.0))
        if count < FREE:
            return 0.0
        wait = min(LONGEST, 2.0 ** min(count - FREE, 20))
        return max(0.0, last + wait - time.monotonic())


class Sessions:
    """The sessions that are open: an empty file each, which goes when the session is ended.

    So it stays ended for every web UI of this data folder, and after a restart.
    """

    def begin(self) -> str:
        """The id of a new session. Beyond the most, the one that was used last ends."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        used = sorted(self._folder.iterdir(), key=_used_at, reverse=True)
        for number, file in enumerate(used):
            if number >= _SESSIONS - 1 or time.time() - _used_at(file) > _SESSION.total_seconds():
                file.unlink(missing_ok=True)
        name = secrets.token_urlsafe(16)
        self._file(name).touch(mode=0o600)
        return name

    def is_open(self, name: str) -> bool:
        """Whether the session was begun and not ended."""
        file = self._file(name)
        try:
            if time.time() - file.stat().st_mtime > _TOUCH:
                os.utime(file)
        except FileNotFoundError:
            return False
        return True

    def end(self, name: str) -> None:
        """End the session, wherever its cookie is."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / hashlib.sha256(name.encode()).hexdigest()

    @property
    def _folder(self) -> Path:
        return settings.run_dir() / "web.sessions"


def _used_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:  # it was ended a moment ago
        return 0.0


class _Cookies(SecureCookieSessionInterface):
    """The cookie of a session that began behind TLS is sent on by TLS alone."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


bp = Blueprint("login", __name__)
_OPEN = {"static", "login.form", "login.enter", "health.healthz"}
"""Endpoints without login; `web.pages.health` shows strangers only that the web UI is up."""
_MACHINES = {"health.metrics", "health.healthz"}
"""Endpoints for programs, which may send the password with each request (HTTP Basic)."""
_IN = "in"
_SESSION = timedelta(days=30)
_SESSIONS = 100
_TOUCH = 3600.0
"""Seconds: how exactly it is known when a session was last used."""
_KNOWN = timedelta(days=400)
"""For how long a browser is known that was logged in: the longest that browsers keep a cookie."""

log = logging.getLogger("web")


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
    app.session_interface = _Cookies()
    app.extensions |= {"throttle": Throttle(), "sessions": Sessions()}
    if password:
        app.secret_key = _key(password)
        app.before_request(_ask)
    app.register_blueprint(bp)


def is_in() -> bool:
    """Whether this request may see everything."""
    return not _password() or _has_session() or _has_basic_password()


@bp.get("/login")
def form() -> str | AnyResponse:
    """The form; whoever needs none is sent on."""
    if is_in():
        return redirect(_onward())
    return render_template("login.html", next=_onward(), wrong=False)


@bp.post("/login")
def enter() -> str | AnyResponse | tuple[str, int]:
    """Take the password."""
    _require_login()
    known = _known_browser()
    wait = _throttle().wait_for(known or client(), is_known=bool(known))
    if wait:
        return _refused(wait)
    if not _is_password(request.form.get("password", "")):
        _note_failure(known)
        return render_template("login.html", next=_onward(), wrong=True), 401
    _end_session()
    session[_IN] = _sessions().begin()
    session.permanent = True
    response = redirect(_onward(), 303)
    response.set_cookie(
        _browser_cookie(),
        _signed().dumps(secrets.token_urlsafe(8)),
        max_age=_KNOWN,
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


@bp.post("/logout")
def leave() -> AnyResponse:
    """End the session of this browser."""
    _require_login()
    _end_session()
    return redirect(url_for("login.form"), 303)


def _require_login() -> None:
    if not _password():
        abort(404, "The web UI has no password, so there is no login: see FLEET_WEB_PASSWORD.")


def _has_session() -> bool:
    name = session.get(_IN)
    return isinstance(name, str) and _sessions().is_open(name)


def _end_session() -> None:
    name = session.get(_IN)
    if isinstance(name, str):
        _sessions().end(name)
    session.clear()


def _known_browser() -> str:
    """What a browser that was logged in once is called; empty for every other."""
    try:
        name = _signed().loads(
            request.cookies.get(_browser_cookie(), ""), int(_KNOWN.total_seconds())
        )
    except BadSignature:
        return ""
    return f"browser {name}"


def _browser_cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-browser"


def _signed() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="a browser that was logged in")


def _throttle() -> Throttle:
    throttle: Throttle = current_app.extensions["throttle"]
    return throttle


def _sessions() -> Sessions:
    sessions: Sessions = current_app.extensions["sessions"]
    return sessions


def _note_failure(known: str) -> None:
    log.warning("wrong password from %s", request.remote_addr)
    _throttle().note_failure(known or client(), is_known=bool(known))


def _refused(wait: int) -> Response:
    text = f"Too many wrong passwords. Try again in {wait} seconds."
    return Response(text, 429, {"Retry-After": str(wait)}, mimetype="text/plain")


def _ask() -> AnyResponse | None:
    if request.endpoint in _OPEN or request.path.startswith(FOR_PROGRAMS) or is_in():
        return None
    if request.endpoint in _MACHINES:
        wait = _throttle().wait_for(client()) if request.authorization else 0
        if wait:
            return _refused(wait)
        return Response("A password is needed.", 401, {"WWW-Authenticate": "Basic"})
    if request.method != "GET" or not request.accept_mimetypes.accept_html:
        abort(401, "Log in first.")
    return redirect(url_for("login.form", next=request.full_path.rstrip("?")))


def _has_basic_password() -> bool:
    """Whether a program gave the password. A wrong one counts as a failed login."""
    given = request.authorization
    if request.endpoint not in _MACHINES or given is None or given.type != "basic":
        return False
    if _throttle().wait_for(client()):
        return False
    right = _is_password(given.password or "")
    if not right:
        _note_failure("")
    return right


def _onward() -> str:
    """Where to go after the login: a path of this page, and never another site."""
    path = request.values.get("next", "")
    try:
        parts = urlsplit(path)
    except ValueError:  # such as a bracket without its end
        return url_for("library.gallery_page")
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
    return hmac.digest(settings.secret_key("web.key"), _digest(password), "sha256")
