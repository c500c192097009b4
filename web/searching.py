"""Searching: a page of results, and the few that are shown while one types."""

from flask import Blueprint, render_template

from db import searching
from web.paging import text

room = Blueprint("searching", __name__)

_FEW = {"artists": 4, "albums": 5, "tracks": 6}
_MANY = {"artists": 24, "albums": 60, "tracks": 100}


@room.get("/search")
def page() -> str:
    """Everything that fits, as far as a person would read it."""
    query = text("q")
    found = searching.search(query, **_MANY)
    return render_template("search.html", query=query, found=found, most=_MANY)


@room.get("/search/suggestions")
def suggestions() -> str:
    """The best of it, as a piece of a page."""
    query = text("q")
    return render_template("suggestions.html", query=query, found=searching.search(query, **_FEW))
