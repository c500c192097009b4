"""What is wrong with a topology: one fault, one line."""

import json
from typing import NamedTuple


class Fault(NamedTuple):
    """Where (table.key, or a file and line), what is wrong, and how to mend it."""

    where: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        """The line that the user sees."""
        return f"{self.where}: {self.reason} — {self.remedy}"


def as_toml(value: object) -> str:
    """A value much as it stands in the file."""
    return json.dumps(value, ensure_ascii=False, default=str)
