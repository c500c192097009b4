"""Searching: a page of results, and the few that are shown while one types."""

from flask import Blueprint, render_template

from db.library import search
from web.pager import text

bp = Blueprint("searching", __name__)

_FEW = {"artists": 4, "albums": 5, "tracks": 6}
_MANY = {"artists": 24, "albums": 60, "tracks": 100}


@bp.get("/search")
def page() -> str:
    """The results, as many as a person would read."""
    query = text("q")
    found = search.search(query, **_MANY)
    return render_template("search.html", query=query, found=found, most=_MANY)


@bp.get("/search/suggestions")
def suggestions() -> str:
    """The best results, as an HTML fragment."""
    query = text("q")
    return render_template("suggestions.html", query=query, found=search.search(query, **_FEW))
