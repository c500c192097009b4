"""The artists, and the page of one."""

from flask import Blueprint, abort, render_template, request

from db import artist_page, gallery
from db.covers import FRONT
from db.gallery import Order, Wanted
from db.models import EntityType
from db.pictures import FANART, LOGO
from web.facts import from_the_web
from web.paging import paging

bp = Blueprint("artists", __name__)

PAGE = 90
_MOST_ALBUMS = 500


@bp.get("/artists")
def artists() -> str:
    """Artists by name: those of albums, or with `?all=1` whoever plays on some track."""
    everyone = request.args.get("all") == "1"
    page = paging(artist_page.count(everyone=everyone), PAGE)
    return render_template(
        "artists.html",
        artists=artist_page.artists(everyone=everyone, first=page.first, most=PAGE),
        page=page,
        everyone=everyone,
    )


@bp.get("/artists/<id:artist_id>")
def artist(artist_id: int) -> str:
    """An artist with albums, and those of others to which the artist added."""
    found = artist_page.artist(artist_id)
    if found is None:
        abort(404, "There is no such artist.")
    own = gallery.albums(Wanted(artist_id=artist_id), Order.YEAR, 0, _MOST_ALBUMS)
    guest = gallery.albums(Wanted(guest_id=artist_id), Order.YEAR, 0, _MOST_ALBUMS)
    return render_template(
        "artist.html",
        artist=found,
        albums=own,
        guest=guest,
        picture=found.pictures.get(FRONT),
        fanart=found.pictures.get(FANART),
        logo=found.pictures.get(LOGO),
        web=from_the_web(EntityType.ARTIST, artist_id),
    )
