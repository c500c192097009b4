"""The library and its analysis as data for programs, at /api.

Operations are described once, by `web.api.description`, beside the functions that answer them: from
that follow their routes, the checks of what they are given, and the OpenAPI document. All of it is
imported when the first request comes: it would be a MiB of a program at rest.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from flask import Response
from werkzeug.http import HTTP_STATUS_CODES

PREFIX = "/api"
MEDIA_TYPE = "application/problem+json"


class Fault(NamedTuple):
    """What is wrong with one part of a request."""

    where: str
    """The name of the parameter, or of the field of the body."""
    detail: str


class ProblemError(Exception):
    """What is answered in place of a result; RFC 9457."""

    def __init__(self, status: int, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = faults


def problem(status: int, detail: str, remedy: str = "", errors: Sequence[Any] = ()) -> Response:
    """The answer for a problem; `error` is where AudioMuse-AI's clients look for the detail."""
    title = HTTP_STATUS_CODES.get(status, "Problem")
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    fields = {"detail": detail or title, "error": detail, "remedy": remedy, "errors": errors}
    body |= {name: value for name, value in fields.items() if value}
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype=MEDIA_TYPE)


def refuse(status: int, detail: str) -> NoReturn:
    """End a request with a problem."""
    raise ProblemError(status, detail)
