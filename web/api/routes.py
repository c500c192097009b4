"""The routes of the API: who may ask, and how it is answered; see `web.api.description`."""

import json
import logging
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Blueprint, Response, jsonify, request
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Response as AnyResponse

from db.users import accounts
from db.users.accounts import Account
from web.access.login import is_in
from web.api import PREFIX, ProblemError, problem, refuse

if TYPE_CHECKING:
    from web.api.description import Operation

log = logging.getLogger("web")

bp = Blueprint("api", __name__, url_prefix=PREFIX)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]
"""Each operation has one of them; of the others it says so itself."""


@cache
def _operations() -> "tuple[Map, dict[str, Operation]]":
    """The operations by name, and what finds the one of a path."""
    from web.api import fleet, library, similarity  # noqa: F401, PLC0415  # a MiB
    from web.api.description import OPERATIONS  # noqa: PLC0415  # as above

    found = {each.name: each for each in OPERATIONS}
    rules = [
        Rule(f"{PREFIX}{each.rule}", endpoint=name, methods=[each.method])
        for name, each in found.items()
    ]
    return Map(rules), found


@bp.get("/openapi.json")
def openapi() -> Response:
    """The description of the API, for whoever is logged in, or has a key."""
    if not is_in():
        _account()
    _operations()
    from web.api.description import document  # noqa: PLC0415  # as above

    return Response(json.dumps(document(), ensure_ascii=False), mimetype="application/json")


@bp.route("/<path:path>", methods=_METHODS, provide_automatic_options=False)
def answer(path: str) -> AnyResponse:  # noqa: ARG001  # of the URL, which werkzeug matches
    """The answer of the operation at a path."""
    rules, operations = _operations()
    if request.method == "OPTIONS":
        allowed = rules.bind_to_environ(request.environ).allowed_methods()
        return Response(headers={"Allow": ", ".join(sorted({*allowed, "OPTIONS"}))})
    account = _account()
    from web.api.description import checked, checked_body  # noqa: PLC0415  # as above

    name, given = rules.bind_to_environ(request.environ).match()
    asked = operations[name]
    if asked.is_for_admins and not account.is_admin:
        refuse(403, f"{account.name} is no administrator, and may change nothing.")
    values = checked(asked, request.args.to_dict(flat=False), given)
    if asked.body is not None:
        values |= checked_body(asked, _body())
    found = asked.call(**values)
    if isinstance(found, AnyResponse):
        return found
    response = jsonify(found)
    response.status_code = asked.status
    return response


def _account() -> Account:
    """The user whose key the request brings.

    Nobody has to wait after wrong ones: a key of 192 random bits is not guessed, and a program that
    has an old one would keep out those that have a right one.
    """
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise ProblemError(401, "An API key is required: `fleet user key NAME` makes one.")
    found = accounts.user_of_key(given.token)
    if found is None:
        log.warning("wrong API key from %s", request.remote_addr)
        raise ProblemError(401, "No user has this API key.")
    return found


def _body() -> Any:
    """The JSON that was sent. Raises ProblemError for what is none."""
    if request.mimetype != "application/json":
        refuse(415, "The body of the request is no application/json.")
    try:
        found = json.loads(request.get_data(), parse_constant=_no_number)
        text = json.dumps(found, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        refuse(400, "The body of the request is no JSON of Unicode text and finite numbers.")
    if _NUL.search(text):
        refuse(409, "The body of the request has a text with a NUL, which no database takes.")
    return found


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


@bp.errorhandler(ProblemError)
def _of_operation(error: ProblemError) -> Response:
    response = problem(error.status, error.detail, errors=[each._asdict() for each in error.faults])
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="musicfleet"'
    return response
