"""JSON in and out for the records that stages hand to each other."""

from typing import Any, Self


class Record:
    """A frozen dataclass that goes into job arguments."""

    def as_json(self) -> dict[str, Any]:
        """The record as a dictionary of JSON values."""
        return {
            name: value if value.__class__ in _PLAIN else _json_value(value)
            for name, value in vars(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record that `as_json` wrote. Raises TypeError on a field it does not know."""
        return cls(**data)


_PLAIN = {str, int, float, bool, type(None)}


def _json_value(value: Any) -> Any:
    """`dataclasses.asdict` without its deep copies, which cost five times as much."""
    if isinstance(value, Record):
        return value.as_json()
    return list(map(_json_value, value)) if isinstance(value, list) else value
