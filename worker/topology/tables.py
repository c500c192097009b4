"""Reading the tables of queues.toml: which keys there are, what each holds, what is wrong."""

import posixpath
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import pairwise
from math import isfinite
from typing import Any, NamedTuple

from worker.phrases import did_you_mean
from worker.topology.model import Execution, Fault, Start, as_toml

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(r"([0-9]+)([smhd])")


def parse_duration(text: str) -> int:
    """The seconds that `text` says. Raises ValueError."""
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no duration")
    return int(match[1]) * _SECONDS[match[2]]


def shown_duration(length: int) -> str:
    """A number of seconds in the largest unit that divides it."""
    for unit, size in _SECONDS.items():
        if length and length % size == 0:
            return f"{length // size}{unit}"
    return f"{length}s"


Entries = dict[str, dict[str, Any]]
"""The entries of one kind (queues, programs, …) by name: the keys that could be read."""


_MEMORY = re.compile("([1-9][0-9]*)([MG])")
_BYTES = {"M": 2**20, "G": 2**30}


class UnfitError(Exception):
    """A value that a key cannot hold: the reason, the remedy, and what it names nevertheless.

    With that the rules go on, so that its fault hides no other.
    """


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UnfitError("is no text", "write it in quotes")
    return value


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        raise UnfitError("is no list of names", 'write ["one", "two"]', (value,))
    if not isinstance(value, list):
        raise UnfitError("is no list of names", 'write ["one", "two"]')
    known = tuple(dict.fromkeys(each for each in value if isinstance(each, str)))
    if not all(isinstance(each, str) for each in value):
        raise UnfitError("is no list of names", 'write ["one", "two"]', known)
    if not value:
        raise UnfitError("is empty", "name at least one", known)
    twice = sorted({each for each in value if value.count(each) > 1})
    if twice:
        raise UnfitError(f"names {', '.join(twice)} twice", "name each once", known)
    return known


_MOST_NICE = 19
"""As Linux has it."""


def _whole(least: int, most: int | None = None) -> Callable[[object], int]:
    up = "up" if most is None else f"to {most}"
    remedy = f"write {least} or more" if most is None else f"write {least} to {most}"

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UnfitError(f"is no whole number from {least} {up}", remedy)
        if most is not None and value > most:
            raise UnfitError(f"is more than {most}", remedy)
        return value

    return read


def _duration(least: int) -> Callable[[object], int]:
    remedy = 'write a number and s, m, h or d, such as "10m"'

    def read(value: object) -> int:
        try:
            length = parse_duration(value) if isinstance(value, str) else -1
        except ValueError:
            length = -1
        if length < 0:
            raise UnfitError("is no duration", remedy)
        if length < least:
            raise UnfitError("is too short", f"write at least {least}s")
        return length

    return read


def _choice(choices: type[StrEnum], reason: str) -> Callable[[object], StrEnum]:
    def read(value: object) -> StrEnum:
        try:
            return choices(value)  # type: ignore[arg-type]  # whatever it is
        except ValueError:
            remedy = " or ".join(as_toml(each) for each in choices)
            raise UnfitError(reason, f"write {remedy}", None) from None

    return read


def _memory(value: object) -> int:
    match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise UnfitError("is no amount of memory", 'write a number and M or G, such as "512M"')
    return int(match[1]) * _BYTES[match[2]]


_MINUTE, _HOUR = "[1-5]?[0-9]", "1?[0-9]|2[0-3]"
_PLAIN = re.compile(
    rf"(\*|\*/[1-9]|({_MINUTE})(,({_MINUTE}))*) (\*|\*/[1-9]|({_HOUR})(,({_HOUR}))*) \* \* [*0-6]"
)
"""Minutes and hours of each day, or of a day of the week."""


def _is_valid_cron(text: str) -> bool:
    if _PLAIN.fullmatch(text):
        return True
    # What few schedules need takes as long to import as the rest of the topology to check.
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415  # it ships no types

    return bool(croniter.is_valid(text))


def _cron(value: object) -> str:
    fields = 5  # a sixth would be seconds, at the end, where nobody expects them
    if not isinstance(value, str) or len(value.split()) != fields or not _is_valid_cron(value):
        raise UnfitError(
            "is no cron expression",
            'write minute, hour, day of month, month, day of week, such as "0 */4 * * *"',
        )
    return value


def _arguments(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnfitError("is no table", "write { name = value }")
    strange = sorted(name for name, each in value.items() if not _is_json(each))
    if strange:
        raise UnfitError(f"holds a date or time in {', '.join(strange)}", "write it in quotes")
    return value


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))


def _folders(value: object) -> dict[str, str]:
    """Paths of the fleet, and where a host has them."""
    remedy = 'write { "/music" = "/mnt/nas/music" }'
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise UnfitError("is no table of paths", remedy)
    found = {posixpath.normpath(path): posixpath.normpath(each) for path, each in value.items()}
    paths = [*found, *found.values()]
    unfit = sorted(each for each in paths if not _FOLDER.fullmatch(each))
    if unfit:
        raise UnfitError(f"has {as_toml(unfit[0])}, which is no absolute path of a folder", remedy)
    for side in (found, found.values()):
        # By their parts, for "-" comes before "/".
        inside = pairwise(sorted(side, key=lambda path: path.split("/")))
        nested = [(a, b) for a, b in inside if a == b or b.startswith(f"{a}/")]
        if nested:
            outer, inner = map(as_toml, nested[0])
            raise UnfitError(f"has {inner} in {outer}", "name folders that do not lie in another")
    return found


_FOLDER = re.compile(r"/[^/\0\n][^\0\n]*")


class Key(NamedTuple):
    """A key of a table: how its value is read, and whether it may be left out."""

    read: Callable[[object], Any]
    optional: bool = False
    absent: Any = None
    """What it holds for the rules when it is missing, so that its fault hides no other."""


KEYS: Mapping[str, Mapping[str, Key]] = {
    "queues": {
        "use": Key(_text),
        "jobs": Key(_names, absent=()),
        "timeout": Key(_duration(1)),
        "retries": Key(_whole(0)),
        "keep": Key(_duration(0), optional=True),
        "wait_limit": Key(_duration(1), optional=True),
        "backoff": Key(_duration(1), optional=True),
    },
    "programs": {
        "queues": Key(_names, absent=()),
        "processes": Key(_whole(1)),
        "least": Key(_whole(1), optional=True),
        "most": Key(_whole(1), optional=True),
        "stop": Key(_duration(1), optional=True),
        "start": Key(_choice(Start, "is no way to start a program"), optional=True),
        "idle": Key(_duration(1), optional=True),
        "standing": Key(_whole(0), optional=True),
        "execution": Key(_choice(Execution, "is no way to run a job"), optional=True),
        "memory": Key(_memory, optional=True),
        "nice": Key(_whole(0, _MOST_NICE), optional=True),
    },
    "schedules": {
        "job": Key(_text),
        "cron": Key(_cron),
        "arguments": Key(_arguments, optional=True),
    },
    "hosts": {
        "programs": Key(_names, optional=True),
        "roots": Key(_folders, optional=True),
    },
}
"""Every table of queues.toml and its keys."""


def read_tables(document: Mapping[str, object], faults: list[Fault]) -> dict[str, Entries]:
    """The entries of each kind in a parsed queues.toml; what is wrong is added to `faults`."""
    for name in document:
        if name not in KEYS:
            faults.append(Fault(name, "is no table of queues.toml", did_you_mean(name, KEYS)))
    return {kind: _read_kind(kind, document.get(kind, {}), faults) for kind in KEYS}


def _read_kind(kind: str, tables: object, faults: list[Fault]) -> Entries:
    if not isinstance(tables, dict):
        faults.append(Fault(kind, "is no table", f"write [{kind}.NAME]"))
        return {}
    return {
        name: _read_entry(f"{kind}.{name}", KEYS[kind], table, faults)
        for name, table in tables.items()
    }


def _read_entry(
    where: str, keys: Mapping[str, Key], table: object, faults: list[Fault]
) -> dict[str, Any]:
    if not isinstance(table, dict):
        faults.append(Fault(f"{where} = {_brief(table)}", "is no table", f"write [{where}]"))
        return {}
    for name in table:
        if name not in keys:
            faults.append(Fault(f"{where}.{name}", "is no such key", did_you_mean(name, keys)))
    values = {}
    for name, key in keys.items():
        if name not in table:
            if not key.optional:
                faults.append(Fault(f"{where}.{name}", "is missing", f"add {name} to [{where}]"))
            if key.absent is not None:
                values[name] = key.absent
            continue
        try:
            values[name] = key.read(table[name])
        except UnfitError as error:
            reason, remedy, *known = error.args
            faults.append(Fault(f"{where}.{name} = {_brief(table[name])}", reason, remedy))
            if known:
                values[name] = known[0]
    return values


_LONGEST_VALUE = 100


def _brief(value: object) -> str:
    text = as_toml(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
