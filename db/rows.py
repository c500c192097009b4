"""Rows of a query as plain tuples."""

from collections.abc import Iterator
from typing import Any

from peewee import ModelSelect


def tuples(query: "ModelSelect[Any]") -> Iterator[tuple[Any, ...]]:
    """The rows of the query, each the tuple of its selected columns."""
    return iter(query.tuples())
