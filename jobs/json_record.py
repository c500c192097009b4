"""JSON in and out for the records that stages hand to each other."""

from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Self


class Record:
    """A frozen dataclass that goes into job arguments."""

    def as_json(self) -> dict[str, Any]:
        """The record as a dictionary of JSON values, without those that are as their defaults.

        That is most of what a file may say of itself: two fifths of the bytes.
        """
        record: Any = type(self)
        usual = _defaults(record)
        return {
            name: value if value.__class__ in _PLAIN else _json_value(value)
            for name, value in vars(self).items()
            if value != usual[name]
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record that `as_json` wrote. Raises TypeError on a field it does not know."""
        return cls(**data)

    @classmethod
    def filled(cls, data: dict[str, Any]) -> dict[str, Any]:
        """What `as_json` wrote with what it left out, for who reads some of it."""
        record: Any = cls
        return _defaults(record) | data


_PLAIN = {str, int, float, bool, type(None)}
_NO_DEFAULT = object()


@cache
def _defaults(record: Any) -> dict[str, Any]:
    """The default of each field of a record; nothing is equal to that of one that has none."""
    return {
        each.name: each.default_factory()
        if each.default_factory is not MISSING
        else _NO_DEFAULT
        if each.default is MISSING
        else each.default
        for each in fields(record)
    }


def _json_value(value: Any) -> Any:
    """`dataclasses.asdict` without its deep copies, which cost five times as much."""
    if isinstance(value, Record):
        return value.as_json()
    return list(map(_json_value, value)) if isinstance(value, list) else value
