"""The requests of players: the login, the parameters, and the function that answers each.

A function that answers is registered under its name by `method`, takes the `Request`, and returns
the description of its answer (`web.rest.answers`), or an answer that is none, such as a file. The
modules that hold them are imported with the first request.
"""

import hmac
import logging
import re
import threading
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

import peewee
from flask import Blueprint, Response, current_app, request, url_for
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from werkzeug.exceptions import HTTPException, RequestedRangeNotSatisfiable
from werkzeug.wrappers import Response as AnyResponse

from db import settings
from db.errors import AccountError, SettingError
from db.models import database
from db.users.accounts import Account
from web.access.users import NobodyError, TooManyError, logins
from web.rest.answers import VERSION, AnswerError, Body, Code, Form, answer, form_of
from worker.doctor import FAULTS, fact_and_remedy

log = logging.getLogger("web")
T = TypeVar("T")
bp = Blueprint("rest", __name__)

_MODULES = ("system", "browsing", "lists", "media", "annotations", "playlists", "similar")
_LARGEST = 2**31 - 1
_LARGEST_ID = 10
"""Digits."""
_LONGEST = 4_096
"""Characters of a parameter."""
MOST_IDS = 10_000
"""Of a parameter that may be there several times."""
_ON = {"true", "1", "yes", "on"}
_OFF = {"false", "0", "no", "off"}
_OF_OTHERS = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9A-Za-z]{22}")
"""Ids as other servers give them, which players ask for after a change of the server."""


class Request:
    """A request of a player: who sent it, and its parameters, of the URL and of the form."""

    def __init__(self, name: str, values: MultiDict[str, str]) -> None:
        self.name = name
        """What is asked for."""
        self._values = values
        self.user: Account
        """Who sent it; unset where no login is needed."""

    def has(self, name: str) -> bool:
        """Whether a parameter is there."""
        return name in self._values

    def text(self, name: str, default: str | None = None) -> str:
        """A parameter; without a default it has to be there. Raises AnswerError, as all here."""
        found = self._values.get(name, default)
        if found is None:
            raise AnswerError(Code.MISSING, f"The parameter {name} is missing.")
        return _checked(name, found)

    def texts(self, name: str) -> list[str]:
        """All values of a parameter."""
        found = self._values.getlist(name)
        if len(found) > MOST_IDS:
            raise AnswerError(Code.GENERIC, f"{name} is there more than {MOST_IDS:,} times.")
        return [_checked(name, each) for each in found]

    def number(self, name: str, default: int | None = None, most: int = _LARGEST) -> int:
        """A whole number from 0 to `most`."""
        return self.numbers(name, self.text(name, None if default is None else str(default)), most)

    @staticmethod
    def numbers(name: str, text: str, most: int = _LARGEST, least: int = 0) -> int:
        """A text as a whole number."""
        try:
            found = int(text) if len(text) < 20 and text.isascii() else least - 1
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            says = f"{name} is {text[:50]!r}; write a whole number from {least:,} to {most:,}."
            raise AnswerError(Code.GENERIC, says)
        return found

    def flag(self, name: str, default: bool | None = None) -> bool | None:
        """A parameter that is true or false; the default when it is not there."""
        if not self.has(name):
            return default
        text = self.text(name).lower()
        if text not in _ON | _OFF:
            raise AnswerError(Code.GENERIC, f"{name} is {text[:50]!r}; write true or false.")
        return text in _ON

    def id(self, name: str = "id", *kinds: str) -> "Id":
        """An id, of one of these kinds."""
        return parsed(self.text(name), *kinds)

    def tracks(self, name: str) -> list[int]:
        """The tracks that a parameter names, which may be there several times."""
        return [parsed(text, "tr").number for text in self.texts(name)]


def _checked(name: str, text: str) -> str:
    """A text that a database can hold. Raises AnswerError."""
    if len(text) > _LONGEST or "\0" in text:
        says = f"{name} has more than {_LONGEST:,} characters, or NUL in it."
        raise AnswerError(Code.GENERIC, says)
    return text


class Id(NamedTuple):
    """What an id says: a kind and a number."""

    kind: str
    number: int
    rest: str = ""
    """What follows a number, for the kinds that have more."""


_ID = re.compile(r"([a-z]{2})-([1-9]\d{0,9})((?:-[0-9A-Za-z%._~-]{1,200})?)(?:_[0-9a-f]{8})?")


def is_of_others(text: str) -> bool:
    """Whether an id is as other servers give them."""
    return _OF_OTHERS.fullmatch(text) is not None


def parsed(text: str, *kinds: str) -> Id:
    """The id that a text is. Raises AnswerError for one of another kind, and for what is none."""
    match = _ID.fullmatch(text)
    if match is not None and int(match[2]) <= _LARGEST:
        if not kinds or match[1] in kinds:
            return Id(match[1], int(match[2]), match[3].removeprefix("-"))
        raise AnswerError(Code.NOT_FOUND, f"{text[:50]!r} is no id of what is asked for.")
    if is_of_others(text):
        raise AnswerError(Code.NOT_FOUND, f"{text!r} is an id of another server.")
    raise AnswerError(Code.GENERIC, f"{text[:50]!r} is no id of this server.")


Answerer = Callable[[Request], Body | AnyResponse]
_METHODS: dict[str, Answerer] = {}
_OPEN: set[str] = set()
"""Those that need no login."""


A = TypeVar("A", bound=Answerer)


def method(*names: str, is_open: bool = False) -> Callable[[A], A]:
    """Have a function answer requests of these names; one that `is_open` without a login."""

    def register(function: A) -> A:
        _METHODS.update(dict.fromkeys(names, function))
        if is_open:
            _OPEN.update(names)
        return function

    return register


@cache
def methods() -> dict[str, Answerer]:
    """What answers, by name."""
    for name in _MODULES:
        import_module(f"web.rest.{name}")
    return _METHODS


def values() -> MultiDict[str, str]:
    """The parameters of the URL and of the form."""
    return MultiDict(CombinedMultiDict([request.form, request.args]))


@bp.route("/rest/<path:name>", methods=["GET", "POST"])
def enter(name: str) -> AnyResponse:
    """Answer a request."""
    given = values()
    form, callback = Form.JSON, given.get("callback", "")
    try:
        form = form_of(given.get("f", "xml"), callback)
        found = _answered(Request(name.removesuffix(".view"), given))
    except RequestedRangeNotSatisfiable as error:
        return error.get_response()
    except (AnswerError, TooManyError, HTTPException, AccountError, SettingError, *FAULTS) as error:
        refusal = _refusal(error)
        return answer(refusal.body(), form, callback, refusal.status)
    return answer(found, form, callback) if isinstance(found, dict) else found


def _refusal(error: Exception) -> AnswerError:
    """An error as it is answered."""
    match error:
        case AnswerError():
            return error
        case TooManyError():
            return AnswerError(Code.WRONG, str(error))
        case HTTPException():
            return AnswerError(Code.NOT_FOUND, error.description or error.name)
        case AccountError() | SettingError():
            return AnswerError(Code.GENERIC, str(error))
    log.error("%s: %s", type(error).__name__, error)
    if isinstance(error, peewee.PeeweeException) and not database.is_closed():
        database.close()
    says = ". ".join(filter(None, fact_and_remedy(error)))
    return AnswerError(Code.GENERIC, says, 503)


def _answered(asked: Request) -> Body | AnyResponse:
    name = asked.name
    answers = methods().get(name)
    if answers is None:
        says = f"There is no method {name[:50]!r}: see getOpenSubsonicExtensions and the docs."
        raise AnswerError(Code.GENERIC, says, 404)
    if name not in _OPEN and not _is_signed(asked):
        asked.user = _user(asked)
        _check_version(asked)
    return answers(asked)


def _check_version(asked: Request) -> None:
    asked.text("c")
    version = re.match(r"(\d{1,3})\.", asked.text("v", VERSION))
    if version is None:
        raise AnswerError(
            Code.GENERIC, f"v is {asked.text('v')[:50]!r}; write a version as {VERSION}."
        )
    if int(version[1]) > 1:
        raise AnswerError(Code.SERVER_TOO_OLD, f"The player speaks a protocol after {VERSION}.")
    if int(version[1]) < 1:
        raise AnswerError(Code.CLIENT_TOO_OLD, f"The player speaks a protocol before {VERSION}.")


class Kept:
    """What was counted, for some time."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, object, Any]] = {}

    def of(self, name: str, seconds: float, make: Callable[[], Any], since: object) -> Any:
        """What `make` made so many seconds ago at most, when `since` was the same."""
        at, before, found = self._found.get(name, (0.0, None, None))
        if not at or before != since or time.monotonic() - at > seconds:
            found = make()
            self._found[name] = time.monotonic(), since, found
        return found


def kept(name: str, seconds: float, make: Callable[[], T], since: object = None) -> T:
    """What `make` made so many seconds ago at most, in this app, when `since` was the same."""
    memory: Kept = current_app.extensions["kept"]
    found: T = memory.of(name, seconds, make, since)
    return found


class NowPlaying(NamedTuple):
    """What a user plays just now."""

    user: str
    client: str
    track_id: int
    since: float
    """By `time.monotonic`."""
    position: int = 0
    """Milliseconds."""
    state: str = "playing"


class Listening:
    """What users play just now, as players report it: kept while this process lives."""

    _MOST = 200

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], NowPlaying] = {}

    def note(self, found: NowPlaying) -> None:
        """Take note; what the user played before by this player is over."""
        with self._lock:
            self._found.pop((found.user, found.client), None)
            self._found[found.user, found.client] = found
            while len(self._found) > self._MOST:
                self._found.pop(next(iter(self._found)))

    def end(self, user: str, client: str) -> None:
        """The player plays nothing more."""
        with self._lock:
            self._found.pop((user, client), None)

    def all(self) -> list[NowPlaying]:
        """What was reported last."""
        with self._lock:
            return list(self._found.values())


def art_url(art: str, size: int) -> str:
    """A URL of a picture that needs no login, for players that take no other.

    It holds a digest of the picture's id that only this server can make.
    """
    base = url_for("rest.enter", name="getCoverArt", _external=True)
    return f"{base}?id={art}&size={size}&pass={_signature(art)}"


def _signature(art: str) -> str:
    key = settings.secret_key("users.key")
    return hmac.digest(key, f"art {art}".encode(), "sha256").hex()[:32]


def _is_signed(asked: Request) -> bool:
    """Whether a request of a picture has a URL of `art_url`."""
    if asked.name != "getCoverArt" or not asked.has("pass"):
        return False
    given = asked.text("pass").encode()
    return hmac.compare_digest(given, _signature(asked.text("id")).encode())


_WRONG = "Wrong username or password."


def _user(asked: Request) -> Account:
    """Who sent the request. Raises AnswerError."""
    has_key = asked.has("apiKey")
    has_token = asked.has("t") or asked.has("s")
    if has_key and (has_token or asked.has("u") or asked.has("p")):
        raise AnswerError(Code.CONFLICT, "Send apiKey, or u with p or t and s, and not both.")
    if has_token and asked.has("p"):
        raise AnswerError(Code.CONFLICT, "Send p, or t and s, and not both.")
    try:
        if has_key:
            return logins().by_key(asked.text("apiKey"))
        basic = request.authorization
        if basic is not None and basic.type == "basic" and not asked.has("u"):
            name, password = basic.username or "", basic.password or ""
            return logins().by_password(_checked("u", name), _checked("p", password))
        name = asked.text("u")
        if not has_token:
            return logins().by_password(name, plain(asked.text("p")))
        if not logins().takes_tokens():
            says = "Tokens are off (FLEET_TOKEN_LOGIN): log in by password or API key."
            raise AnswerError(Code.NO_TOKEN, says)
        return logins().by_token(name, asked.text("t"), asked.text("s"))
    except NobodyError:
        if has_key:
            raise AnswerError(Code.BAD_KEY, "Invalid API key.") from None
        raise AnswerError(Code.WRONG, _WRONG) from None


def plain(password: str) -> str:
    """A password as it was typed: it may come in hexadecimal digits after enc:."""
    if not password.startswith("enc:"):
        return password
    try:
        return bytes.fromhex(password.removeprefix("enc:")).decode()
    except ValueError:
        return password


@bp.after_request
def let_other_sites(response: Response) -> Response:
    """Let players in a browser read the answers, whose requests bring the user's own login."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
