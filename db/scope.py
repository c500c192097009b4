"""The part of a root that a scan looks at, when it is not all of it."""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from peewee import Expression, Field

from db.below import below
from db.slices import slices

_TREES = 50
"""How many trees one statement asks for: each takes a term of its own."""


@dataclass(frozen=True)
class Scope:
    """Folders without what lies in folders below them, and trees with all of that.

    Absolute paths in the text form of `db.paths`. A tree may also be a file, or be gone.
    """

    folders: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()

    def holds(self, path: str) -> bool:
        """Whether a file or folder of that path is looked at."""
        if path in self.folders or posixpath.dirname(path) in self.folders:
            return True
        above = path
        while above not in self.trees:
            above, last = posixpath.dirname(above), above
            if above == last:
                return False
        return True

    def conditions(self, path: "Field[Any]", folder: "Field[Any]") -> Iterator[Expression]:
        """What finds the rows that it holds, by the indexes of both; a row may be found twice."""
        for part in slices(sorted(self.folders)):
            yield folder.in_(list(part))
        for part in slices(sorted(self.trees), _TREES):
            yield reduce(or_, ((path == tree) | below(path, tree) for tree in part))

    def as_json(self) -> dict[str, list[str]]:
        """As `scans.scope` keeps it."""
        return {"folders": sorted(self.folders), "trees": sorted(self.trees)}

    @classmethod
    def of(cls, folders: Iterable[str], trees: Iterable[str]) -> "Scope":
        """The scope of these paths."""
        return cls(frozenset(folders), frozenset(trees))
