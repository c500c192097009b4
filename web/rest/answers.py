"""Answers as XML, JSON and JSONP, all from one description, and errors.

A description is a dict. In XML what is text, a number or a boolean is an attribute, a dict a child,
and each item of a list a child of that name; under VALUE is the text of the element itself.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any

from flask import Response

from worker import __version__

VERSION = "1.16.1"
"""Of Subsonic's protocol."""
VALUE = "value"
Body = dict[str, Any]
"""A description."""


class Code(IntEnum):
    """The codes of errors."""

    GENERIC = 0
    MISSING = 10
    CLIENT_TOO_OLD = 20
    SERVER_TOO_OLD = 30
    WRONG = 40
    NO_TOKEN = 41
    NO_MECHANISM = 42
    CONFLICT = 43
    BAD_KEY = 44
    NOT_ALLOWED = 50
    NOT_FOUND = 70


class AnswerError(Exception):
    """A request that is not served, and why."""

    def __init__(self, code: Code, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    def body(self) -> Body:
        """The description of the answer."""
        return {"error": {"code": int(self.code), "message": str(self)}}


class Form(IntEnum):
    """The form of an answer."""

    XML = 0
    JSON = 1
    JSONP = 2


_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,99}", re.ASCII)


def form_of(wanted: str, callback: str) -> Form:
    """The form that a request wants. Raises AnswerError for JSONP without a callback."""
    if wanted == "json":
        return Form.JSON
    if wanted != "jsonp":
        return Form.XML
    if not _CALLBACK.fullmatch(callback):
        says = "is no name of a function" if callback else "is missing"
        raise AnswerError(Code.MISSING, f"jsonp takes the parameter callback, which {says}.")
    return Form.JSONP


def answer(body: Body, form: Form, callback: str = "", status: int = 200) -> Response:
    """The answer with this description."""
    head = {
        "status": "failed" if "error" in body else "ok",
        "version": VERSION,
        "type": "musicfleet",
        "serverVersion": __version__,
        "openSubsonic": True,
    }
    whole = head | body
    if form is Form.XML:
        return Response(_xml(whole), status, mimetype="application/xml")
    text = json.dumps({"subsonic-response": whole}, ensure_ascii=False, separators=(",", ":"))
    if form is Form.JSONP:
        # What JavaScript of old takes for the end of a line.
        text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        return Response(f"{callback}({text})", status, mimetype="application/javascript")
    return Response(text, status, mimetype="application/json")


def moment(given: datetime | str) -> str:
    """A time of the tables, or the database's text of one, as ISO 8601."""
    text = given if isinstance(given, str) else given.isoformat(" ")
    return f"{text[:10]}T{text[11:23]}Z"


_NAMESPACE = ' xmlns="http://subsonic.org/restapi"'


def _xml(whole: Mapping[str, Any]) -> str:
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    _write(parts, "subsonic-response", whole, _NAMESPACE)
    return "".join(parts)


def _write(parts: list[str], name: str, content: Any, more: str = "") -> None:
    """Add an element to the parts of a document."""
    if not isinstance(content, dict):
        parts.append(f"<{name}>{_escaped(content)}</{name}>")
        return
    parts.append(f"<{name}{more}")
    inside: list[tuple[str, Any]] = []
    text = ""
    for key, value in content.items():
        if key == VALUE:
            text = _escaped(value)
        elif isinstance(value, dict | list):
            inside.append((key, value))
        else:
            parts.append(f' {key}="{_escaped(value)}"')
    if not (inside or text):
        parts.append("/>")
        return
    parts.append(f">{text}")
    for key, value in inside:
        for each in value if isinstance(value, list) else (value,):
            _write(parts, key, each)
    parts.append(f"</{name}>")


_SPECIAL = re.compile("[^\t\n\r !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\t\n\r]")
"""What an attribute cannot hold as it is, with the characters that XML has none of."""
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_ESCAPES |= {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def _escaped(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], ""), str(value))
