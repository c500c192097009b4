"""The pages, a subject a file; the app finds each file that has a blueprint `bp`."""

from dataclasses import dataclass
from math import ceil
from urllib.parse import urlencode

from flask import request

_LAST = 100_000


@dataclass(frozen=True)
class Paging:
    """A page of a list: its number, from 1 on, how many entries a page and the list have."""

    number: int
    size: int
    total: int

    @property
    def first(self) -> int:
        """The position of its first entry, from 0 on."""
        return (self.number - 1) * self.size

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, ceil(self.total / self.size))

    @property
    def previous(self) -> str | None:
        """The URL of the page before."""
        return self._url(min(self.number - 1, self.pages)) if self.number > 1 else None

    @property
    def next(self) -> str | None:
        """The URL of the page after it."""
        return self._url(self.number + 1) if self.number < self.pages else None

    @staticmethod
    def _url(number: int) -> str:
        values = request.args.to_dict() | {"page": str(number)}
        return f"{request.path}?{urlencode(values)}"


def paging(total: int, size: int) -> Paging:
    """The page that the request names; the first when it names none that exists."""
    return Paging(number("page", _LAST) or 1, size, total)


def number(name: str, most: int) -> int | None:
    """A whole number from 1 to `most` of the query; None when there is none."""
    text = request.args.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        return None
    return int(text) if 1 <= int(text) <= most else None


def is_json_wanted() -> bool:
    """Whether the request prefers JSON to a page."""
    forms = ("text/html", "application/json")
    return request.accept_mimetypes.best_match(forms) == "application/json"


def text(name: str, longest: int = 100) -> str:
    """A text of the query, short and without control characters."""
    given = request.args.get(name, "")[:longest]
    return "".join(each if each.isprintable() else " " for each in given).strip()
