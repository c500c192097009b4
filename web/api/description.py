"""The description of the API: its operations, the checks of what they are given, its document.

An operation is a function with what it takes and gives as JSON Schema; `document` makes of all of
them the OpenAPI 3.1 document, and `checked` holds requests to the same schemas. Libraries for this
were weighed: pydantic would take 15 MiB of the web program, marshmallow 4, and apispec checks
nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from web.api import MEDIA_TYPE, Fault, ProblemError, refuse
from web.api.schemas import LARGEST_ID, PROBLEM, SCHEMAS, Schema, object_of, refer
from worker import __version__

MOST = 500
"""Entries of a page."""
_USUAL = 100

Answer = Mapping[str, Any] | Sequence[Any]


@dataclass(frozen=True)
class Parameter:
    """What a request may give by its path or query."""

    name: str
    schema: Schema
    help: str
    is_required: bool = False
    is_in_path: bool = False

    def as_json(self) -> dict[str, Any]:
        """For the document."""
        return {
            "name": self.name,
            "in": "path" if self.is_in_path else "query",
            "required": self.is_required or self.is_in_path,
            "description": self.help,
            "schema": self.schema,
        }


def text(longest: int = 100) -> Schema:
    """The schema of a text without control characters."""
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": _PLAIN}


def whole(least: int, most: int, default: int | None = None) -> Schema:
    """The schema of a whole number."""
    usual = {} if default is None else {"default": default}
    return {"type": "integer", "minimum": least, "maximum": most, **usual}


_PLAIN = r"^[^\u0000-\u001f\u007f]*$"
ID = Parameter("id", whole(1, LARGEST_ID), "The id.", is_in_path=True)
AFTER = Parameter("after", whole(0, LARGEST_ID, 0), "The `next` of the page before.")
LIMIT = Parameter("limit", whole(1, MOST, _USUAL), "How many at most.")
PAGE = (AFTER, LIMIT)


def flag(name: str, help_: str) -> Parameter:
    """A parameter that is true or false."""
    return Parameter(name, {"type": "boolean", "default": False}, help_)


@dataclass(frozen=True)
class Operation:
    """What can be asked for."""

    method: str
    path: str
    """With parameters in braces, below /api."""
    answer: Schema | None
    """None for bytes of a picture."""
    call: Callable[..., Any]
    parameters: Sequence[Parameter] = ()
    body: Schema | None = None
    tag: str = "Library"
    status: int = 200
    is_strict: bool = field(default=True)
    """Whether parameters that it does not know are refused."""

    @property
    def is_for_admins(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"

    @property
    def name(self) -> str:
        """Its id."""
        return self.call.__name__

    @property
    def rule(self) -> str:
        """The path as werkzeug has it."""
        return self.path.replace("{", "<").replace("}", ">")


OPERATIONS: list[Operation] = []
Function = Callable[..., Any]


def operation(
    method: str, path: str, answer: Schema | None, **more: Any
) -> Callable[[Function], Function]:
    """Have a function answer an operation; its docstring is the operation's."""

    def add(function: Function) -> Function:
        OPERATIONS.append(Operation(method, path, answer, function, **more))
        return function

    return add


def checked(
    asked: Operation, query: Mapping[str, Sequence[str]], path: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of an operation's parameters. Raises ProblemError for what they may not be."""
    faults, values = [], {}
    for each in (each for each in asked.parameters if each.is_in_path):
        values[each.name] = value = _read(str(path[each.name]), each.schema)
        if fault := _fault(value, each.schema):
            refuse(404, f"There is nothing here: of {each.name}, {fault}.")
    known = {each.name: each for each in asked.parameters if not each.is_in_path}
    if asked.is_strict:
        faults += [Fault(name, "there is no such parameter") for name in query if name not in known]
    for name, parameter in known.items():
        given = query.get(name, ())
        if not given:
            if parameter.is_required:
                faults.append(Fault(name, "it is required"))
            values[name] = parameter.schema.get("default")
            continue
        value = _read(given[0], parameter.schema)
        fault = "it is given twice" if len(given) > 1 else _fault(value, parameter.schema)
        if fault:
            faults.append(Fault(name, fault))
        values[name] = value
    if faults:
        raise ProblemError(400, "The request has parameters that it cannot have.", faults)
    return values


def checked_body(asked: Operation, body: Any) -> dict[str, Any]:
    """The fields of the body of a request. Raises ProblemError for what they may not be."""
    schema = asked.body or {}
    if not isinstance(body, dict):
        refuse(400, "The body of the request is no JSON object.")
    known: Mapping[str, Schema] = schema["properties"]
    faults = [Fault(name, "there is no such field") for name in body if name not in known]
    faults += [Fault(name, "it is required") for name in schema["required"] if name not in body]
    values = {name: each.get("default") for name, each in known.items()} | body
    for name, each in known.items():
        if name in body and (fault := _fault(body[name], each)):
            faults.append(Fault(name, fault))
    if faults:
        raise ProblemError(400, "The body of the request has fields that it cannot have.", faults)
    return values


def _read(given: str, schema: Schema) -> Any:
    """A text of a query as its type; as it is where it is no such thing."""
    match schema["type"]:
        case "integer" if re.fullmatch(r"-?[0-9]{1,18}", given):
            return int(given)
        case "number" if _NUMBER.fullmatch(given):
            return float(given)
        case "boolean":
            return {"true": True, "false": False}.get(given, given)
    return given


_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?")
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    "number": lambda value: type(value) in {int, float} and isfinite(value),
    "boolean": lambda value: type(value) is bool,
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def _fault(value: Any, schema: Schema) -> str:
    """What is wrong with a value; empty when nothing is."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_TYPES[each](value) for each in types):
        return f"it is no {' or '.join(types)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"it is none of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str):
        return _text_fault(value, schema)
    if type(value) in {int, float}:
        least, most = schema.get("minimum", value), schema.get("maximum", value)
        return "" if least <= value <= most else f"it is not from {least} to {most}"
    return ""


def _text_fault(value: str, schema: Schema) -> str:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return f"it has {len(value)} characters, and may have 1 to {schema.get('maxLength')}"
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        return "it is no text of Unicode"
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        return f"it does not match {schema['pattern']}"
    return ""


_RESPONSES = {
    "400": "What was asked for cannot be: `errors` has what is wrong, one by one.",
    "401": "No API key, or a wrong one.",
    "403": "The user of the key is no administrator.",
    "404": "There is no such thing.",
    "409": "It does not fit the library, which lacks a similarity model, or the job.",
    "503": "The database, Redis or a program of the fleet does not answer.",
}


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(f"/api{each.path}", {})[each.method.lower()] = _described(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "musicfleet",
            "version": __version__,
            "description": "A music library and its analysis as data. Each request needs an API "
            "key, which `fleet user key NAME` makes, in the header `Authorization: Bearer KEY`; "
            "what changes something that of an administrator. Lists come in pages: `next` is the "
            "`after` of the next page, null on the last. Ids last as long as what they name. "
            "Problems are those of RFC 9457.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": SCHEMAS,
            "responses": {"Problem": _response("A problem.", PROBLEM, MEDIA_TYPE)},
        },
    }


def _described(each: Operation) -> dict[str, Any]:
    summary, _, more = (each.call.__doc__ or "").partition("\n\n")
    found: dict[str, Any] = {
        "operationId": each.name,
        "summary": summary.rstrip("."),
        "tags": [each.tag],
        "parameters": [parameter.as_json() for parameter in each.parameters],
        "responses": {
            str(each.status): _response("The answer.", each.answer),
            **{
                status: {"description": says, "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
                for status, says in _RESPONSES.items()
                if status != "403" or each.is_for_admins
            },
            "default": refer("Problem", "responses"),
        },
    }
    if more:
        found["description"] = " ".join(more.split())
    if each.body is not None:
        content = {"application/json": {"schema": each.body}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _response(
    says: str, schema: Schema | None, media_type: str = "application/json"
) -> dict[str, Any]:
    if schema is None:
        return {"description": says, "content": {"image/*": {"schema": {}}}}
    return {"description": says, "content": {media_type: {"schema": schema}}}


def page_of(items: Sequence[Mapping[str, Any]], limit: int) -> dict[str, Any]:
    """A page of a list that is sorted by id."""
    return {"items": items, "next": items[-1]["id"] if len(items) == limit else None}


def body_of(required: Sequence[str] = (), **fields: Schema) -> Schema:
    """The schema of a body with these fields."""
    return {**object_of(**fields), "required": list(required)}
