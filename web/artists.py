"""The artists, and the page of one."""

from flask import Blueprint, abort, render_template, request

from db.library import entity_pages, gallery
from db.library.gallery import AlbumFilter, AlbumOrder
from db.models import EntityType, Role
from web.facts import from_the_web
from web.pager import paging

bp = Blueprint("artists", __name__)

PAGE = 90
_MOST_ALBUMS = 500


@bp.get("/artists")
def artists() -> str:
    """Artists by name: those of albums, or with `?all=1` whoever plays on some track."""
    everyone = request.args.get("all") == "1"
    page = paging(gallery.artist_count(everyone=everyone), PAGE)
    return render_template(
        "artists.html",
        artists=gallery.artist_list(everyone=everyone, first=page.first, most=PAGE),
        page=page,
        everyone=everyone,
    )


@bp.get("/artists/<id:artist_id>")
def artist(artist_id: int) -> str:
    """An artist with albums, and those of others to which the artist added."""
    found = entity_pages.artist_page(artist_id)
    if found is None:
        abort(404, "There is no such artist.")
    own = gallery.album_list(AlbumFilter(artist_id=artist_id), AlbumOrder.YEAR, 0, _MOST_ALBUMS)
    guest = gallery.album_list(AlbumFilter(guest_id=artist_id), AlbumOrder.YEAR, 0, _MOST_ALBUMS)
    return render_template(
        "artist.html",
        artist=found,
        albums=own,
        guest=guest,
        picture=found.pictures.get(Role.FRONT),
        fanart=found.pictures.get(Role.FANART),
        logo=found.pictures.get(Role.LOGO),
        web=from_the_web(EntityType.ARTIST, artist_id),
    )
