"""The Flask app: its blueprints, template filters, error pages, and the hooks of every request."""

import gzip
import hashlib
import logging
import threading
import zlib
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path

import peewee
from flask import Flask, Response, current_app, jsonify, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, IntegerConverter
from werkzeug.utils import find_modules

from db.artwork import image_files
from db.artwork.covers import Picture
from db.library.artists import Credit
from db.models import Guesses, database, utc_now
from db.sql.connection import is_sqlite, open_database
from db.sql.path_text import shown
from web import dashboard
from web.access import login, security
from web.access.login import is_in
from web.access.users import Logins
from web.api import PREFIX, problem
from web.pages import clusters, health, is_json_wanted
from web.pages.scans import Streams
from web.rest import door
from worker.doctor import FAULTS, fact_and_remedy
from worker.phrases import counted, graded, time_span
from worker.supervisor.web_address import WebAddress

log = logging.getLogger("web")

_API = f"{PREFIX}/"
Answer = tuple[str | Response, int]


def _handle_faults(app: Flask) -> None:
    """Have every error end in a page."""
    app.register_error_handler(HTTPException, _of_request)
    app.register_error_handler(Exception, _unforeseen)
    for fault in FAULTS:
        app.register_error_handler(fault, _of_fleet)


def _of_request(error: HTTPException) -> Answer:
    """The request cannot be served."""
    code, says = error.code or 500, error.description or ""
    if not request.path.startswith(_API):
        return _render_fault(code, error.name, says, "")
    response = problem(code, says)
    for name, value in error.get_headers():
        if name in _KEPT_HEADERS:
            response.headers[name] = value
    return response, code


_KEPT_HEADERS = {"Allow", "Retry-After"}


def _of_fleet(error: Exception) -> Answer:
    """Redis, the database or supervisord fails."""
    log.error("%s: %s", type(error).__name__, error)
    if isinstance(error, peewee.PeeweeException) and not database.is_closed():
        database.close()  # the next request makes a new one
    fact, remedy = fact_and_remedy(error)
    return _render_fault(503, "The fleet does not answer", fact, remedy or "Run `fleet doctor`.")


def _unforeseen(error: Exception) -> Answer:
    log.error("unforeseen", exc_info=error)
    return _render_fault(
        500, "An error in musicfleet itself", "It is in the log.", "See `fleet logs web`."
    )


def _render_fault(code: int, name: str, says: str, remedy: str) -> Answer:
    """A page for people; for programs one line, or JSON where they asked for it."""
    if request.path.startswith(_API):
        return problem(code, says, remedy), code
    if request.path.endswith(".json") or is_json_wanted():
        return jsonify(error=name, says=says, remedy=remedy), code
    if request.endpoint == "health.metrics" or not request.accept_mimetypes.accept_html:
        line = " — ".join(filter(None, (f"{name}: {says}", remedy)))
        return Response(f"{line}\n", mimetype="text/plain"), code
    return render_template("fault.html", code=code, name=name, says=says, remedy=remedy), code


_HUES = 12
_INITIALS = 2
_UNITS = ("bytes", "KB", "MB", "GB")


def _add_filters(app: Flask) -> None:
    """Add the filters and globals to the templates."""
    app.jinja_env.filters.update(
        ago=_ago,
        bytes=_size,
        clock=_clock,
        count=lambda number: f"{number:,}",
        counted=counted,
        credited=_credited,
        graded=graded,
        guesses=_guesses,
        hue=_hue,
        initials=_initials,
        path=shown,
        span=time_span,
        srcset=_srcset,
        suits=_suits,
    )
    versions: dict[str, str] = {}

    def asset(name: str) -> str:
        """The URL of a static file, which changes with its content."""
        if name not in versions:
            content = Path(str(app.static_folder), name).read_bytes()
            versions[name] = hashlib.sha256(content).hexdigest()[:12]
        return url_for("static", filename=name, v=versions[name])

    app.jinja_env.globals["asset"] = asset
    app.context_processor(lambda: {"has_session": _has_session()})


_Pieces = list[tuple[str, int | None]]
"""Text in pieces, those that are an artist's name with the id."""


def _credited(artists: Sequence[Credit], credit: str | None) -> _Pieces:
    """A credit in pieces; behind it the artists, where it does not have them all."""
    listed: _Pieces = []
    for each in artists:
        listed += [(", ", None), (each.name, each.artist_id)]
    if not credit or credit == "; ".join(each.name for each in artists):
        return listed[1:]
    return _linked(credit, artists) or [(f"{credit} (", None), *listed[1:], (")", None)]


def _linked(credit: str, artists: Sequence[Credit]) -> _Pieces:
    pieces: _Pieces = []
    end = 0
    for each in artists:
        begin = credit.lower().find(each.name.lower(), end)
        if begin < 0:
            return []
        pieces.append((credit[end:begin], None))
        end = begin + len(each.name)
        pieces.append((credit[begin:end], each.artist_id))
    return [*pieces, (credit[end:], None)]


_FIELDS = {"track": "number", "album_title": "album"}
"""What a page calls a field, where that is not its name."""


def _guesses(guessed: Guesses) -> str:
    """What was guessed, and from what: "title, number from the file name; disc from the folder"."""
    by_source: dict[str, list[str]] = {}
    for field, source in guessed.items():
        by_source.setdefault(source, []).append(_FIELDS.get(field, field).replace("_", " "))
    return "; ".join(f"{', '.join(each)} from the {source}" for source, each in by_source.items())


def _clock(seconds: float | None) -> str:
    """A duration: 3:07, 1:02:45."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _ago(moment: datetime | None) -> str:
    """How long ago a moment of the tables was: 3 h ago."""
    if moment is None:
        return ""
    return f"{time_span(max(0.0, (utc_now() - moment).total_seconds()))} ago"


def _size(count: float) -> str:
    """A size: 43 KB."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}"


def _hue(name: str | None) -> int:
    """One of the colours that stand in for pictures; the same for the same name."""
    return zlib.crc32((name or "").encode("utf-8", "replace")) % _HUES


def _initials(name: str | None) -> str:
    """The placeholder of a missing picture: the first letters of the first words."""
    words = [word for word in (name or "?").split() if word[0].isalnum()] or [name or "?"]
    return "".join(word[0] for word in words[:_INITIALS]).upper()


def _suits(picture: Picture, size: int) -> str:
    """The URL of a thumbnail of that size, or of the smallest that shows as much."""
    longer = max(picture.width, picture.height)
    enough = next((each for each in image_files.SIZES if each >= longer), size)
    return url_for("images.thumbnail", digest=picture.digest, size=min(size, enough))


def _srcset(picture: Picture, *sizes: int) -> str:
    """Thumbnails of which a browser takes the one that suits its screen."""
    longer = max(picture.width, picture.height)
    useful = [each for each in sizes if each < longer] or [sizes[0]]
    useful += [each for each in sizes if each >= longer][:1] if useful[-1] < longer else []
    return ", ".join(
        f"{url_for('images.thumbnail', digest=picture.digest, size=each)} {each}w"
        for each in dict.fromkeys(useful)
    )


def _has_session() -> bool:
    """Whether there is a session that could be ended."""
    return bool(current_app.extensions["password"]) and is_in()


_LARGEST_ID = 2**31 - 1
_ASSETS_SECONDS = 365 * 24 * 3600
_PARTS = (security, login, dashboard)
"""What adds hooks to the app, in the order of the hooks of a request."""
_NO_DATABASE = {
    *(None, "static", "rq_dashboard.static", "rq_dashboard.favicon"),
    *("login.form", "login.enter", "login.leave", "health.healthz"),
    *("logs.page", "logs.events"),
}
"""What needs none, so that a database that does not answer holds up no thread for strangers, and
hides no log."""


class IdConverter(IntegerConverter):
    """The id of a row, as large as a database has any; a longer number is no page."""

    regex = r"[1-9][0-9]{0,9}"

    def __init__(self, *arguments: object) -> None:
        super().__init__(arguments[0], min=1, max=_LARGEST_ID)  # type: ignore[arg-type]


class SizeConverter(BaseConverter):
    """The size of a thumbnail; there is no page for any other."""

    regex = "|".join(map(str, image_files.SIZES))

    def to_python(self, value: str) -> int:
        """The size as a number."""
        return int(value)


_STATIC = {"static", "rq_dashboard.static"}
_COMPRESSED = {"text/html", "application/json", "text/css", "text/javascript", "image/svg+xml"}
_WORTH_IT = 1000
_FAST = 5
"""Of nine levels; higher ones make a page a hundredth smaller, in twice the time."""


def _compress(response: Response) -> Response:
    """Compress a page for a browser that takes gzip, and what belongs to it.

    Music, pictures and streams stay as they are.
    """
    response.vary.add("Accept-Encoding")
    if request.endpoint in _STATIC and response.status_code == 200:
        response.direct_passthrough = False
        response.make_sequence()
    if (
        not (response.is_streamed or response.direct_passthrough)
        and response.mimetype in _COMPRESSED
        and request.accept_encodings["gzip"]
        and "Content-Encoding" not in response.headers
        and len(response.get_data()) > _WORTH_IT
    ):
        response.set_data(gzip.compress(response.get_data(), _FAST))
        response.headers["Content-Encoding"] = "gzip"
    return response


class _App(Flask):
    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """A year when the URL changes with the content; else the browser revalidates."""
        return _ASSETS_SECONDS if "v" in request.args else None


def create_app(address: WebAddress, password: str, closing: threading.Event) -> Flask:
    """The app that listens at `address`; with an empty password it has no login.

    `closing` is set when the process is to end, so that streams of events end. Raises
    db.errors.DatabaseError.
    """
    app = _App("web")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.url_map.converters |= {"id": IdConverter, "size": SizeConverter}
    app.extensions |= {"address": address, "password": password, **kept(closing)}
    open_database().close()
    for part in _PARTS:
        part.init_app(app)
    app.before_request(_connect)
    app.teardown_request(_disconnect)
    app.after_request(_compress)
    _add_filters(app)
    _handle_faults(app)
    for name in (*find_modules("web.pages"), "web.api.routes"):
        if bp := getattr(import_module(name), "bp", None):
            app.register_blueprint(bp)
    app.register_blueprint(door.bp)
    return app


def kept(closing: threading.Event) -> dict[str, object]:
    """What an app keeps of the library and of its visitors, from one request to the next."""
    return {
        "streams": Streams(closing),
        "atlas": clusters.Atlas(),
        "examination": health.Examination(),
        "logins": Logins(),
        "listening": door.Listening(),
        "kept": door.Kept(),
    }


def _connect() -> Response | None:
    if request.endpoint not in _NO_DATABASE:
        database.connect(reuse_if_open=True)
    return None


def _disconnect(error: BaseException | None) -> None:
    """End the connection of this thread: SQLite's caches are large, and a failed one is of no use.

    A sound connection to PostgreSQL stays, for it takes long to make.
    """
    if not database.is_closed() and (is_sqlite() or error is not None):
        database.close()
