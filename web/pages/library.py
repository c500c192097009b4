"""The library: the gallery, the pages of an album and of an artist, and search."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from db.artwork.covers import Picture
from db.library import entity_pages, gallery, search
from db.library.entity_pages import AlbumPage, TrackLine
from db.library.gallery import AlbumFilter, AlbumOrder
from db.models import EntityType, Role, State
from web.pages import number, paging, text
from web.pages.facts import from_the_web
from worker.maintenance.roots import is_nothing_scanned
from worker.status import overview

bp = Blueprint("library", __name__)

_ALBUMS = 60
_MISSING = "missing"
_LARGEST_ID = 2**31 - 1
_ARTISTS = 90
_MOST_ALBUMS = 500
_FEW = {"artists": 4, "albums": 5, "tracks": 6}
_MANY = {"artists": 24, "albums": 60, "tracks": 100}


class Disc(NamedTuple):
    """A disc of an album. `number` is None when the album has just one."""

    number: int | None
    subtitle: str | None
    tracks: list[TrackLine]
    picture: Picture | None


@bp.get("/")
def gallery_page() -> str | Response:
    """Albums as their covers: sorted, filtered, a page at a time. Before any scan: the folders."""
    if is_nothing_scanned():
        return redirect(url_for("folders.page"))
    wanted, order = _wanted(), _order()
    page = paging(gallery.album_count(wanted), _ALBUMS)
    return render_template(
        "gallery.html",
        albums=gallery.album_list(wanted, order, page.first, _ALBUMS),
        page=page,
        wanted=wanted,
        order=order,
        orders=AlbumOrder,
        **gallery.album_filters()._asdict(),
        is_filtered=wanted != AlbumFilter(),
        is_scanning=bool(overview.running_scans()),
    )


@bp.get("/albums/<id:album_id>")
def album(album_id: int) -> str:
    """An album with its tracks, and why its cover is what it is."""
    found = entity_pages.album_page(album_id)
    if found is None:
        abort(404, "There is no such album.")
    present = [track for track in found.tracks if track.missing_since is None]
    return render_template(
        "album.html",
        album=found,
        cover=found.pictures.get(Role.FRONT),
        why_missing=_why_missing(EntityType.ALBUM, album_id, found.pictures),
        discs=list(_discs(found)),
        duration=sum(track.duration or 0 for track in present),
        count=len(present),
        sound=_sound(present),
        lacks=[each for each in found.lacks if each.state is not State.DONE],
        web=from_the_web(EntityType.ALBUM, album_id),
    )


@bp.get("/artists")
def artists() -> str:
    """Artists by name: those of albums, or with `?all=1` whoever plays on some track."""
    everyone = request.args.get("all") == "1"
    page = paging(gallery.artist_count(everyone=everyone), _ARTISTS)
    return render_template(
        "artists.html",
        artists=gallery.artist_list(everyone=everyone, first=page.first, most=_ARTISTS),
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
        why_missing=_why_missing(EntityType.ARTIST, artist_id, found.pictures),
        fanart=found.pictures.get(Role.FANART),
        logo=found.pictures.get(Role.LOGO),
        web=from_the_web(EntityType.ARTIST, artist_id),
    )


@bp.get("/search")
def search_page() -> str:
    """The results, as many as a person would read."""
    query = text("q")
    found = search.search(query, **_MANY)
    return render_template("search.html", query=query, found=found, most=_MANY)


@bp.get("/search/suggestions")
def suggestions() -> str:
    """The best results, as an HTML fragment."""
    query = text("q")
    return render_template("suggestions.html", query=query, found=search.search(query, **_FEW))


def _why_missing(
    entity_type: EntityType, entity_id: int, pictures: Mapping[str, Picture]
) -> str | None:
    if Role.FRONT in pictures:
        return None
    return gallery.why_missing(entity_type, [entity_id])[entity_id]


def _wanted() -> AlbumFilter:
    art = text("art")
    return AlbumFilter(
        missing_art=art == _MISSING,
        source="" if art == _MISSING else art,
        genre_id=number("genre", _LARGEST_ID),
        year=text("year", 4),
    )


def _order() -> AlbumOrder:
    name = request.args.get("sort")
    return AlbumOrder(name) if name in list(AlbumOrder) else AlbumOrder.ADDED


def _discs(album: AlbumPage) -> Iterator[Disc]:
    groups = [
        (disc, list(tracks)) for disc, tracks in groupby(album.tracks, lambda each: each.disc or 1)
    ]
    for disc, tracks in groups:
        yield Disc(
            disc if len(groups) > 1 else None,
            next((each.disc_subtitle for each in tracks if each.disc_subtitle), None),
            tracks,
            album.pictures.get(Role.of_disc(disc)),
        )


def _sound(tracks: Sequence[TrackLine]) -> str:
    """The format that all tracks share: "FLAC, 44.1 kHz, 16 bit"; of several just their names."""
    codecs = sorted({track.codec.upper() for track in tracks})
    if len(codecs) != 1:
        return ", ".join(codecs)
    rates = {track.sample_rate for track in tracks if track.sample_rate}
    depths = {track.bit_depth for track in tracks if track.bit_depth}
    parts = [*codecs, *(f"{rate / 1000:g} kHz" for rate in rates if len(rates) == 1)]
    return ", ".join([*parts, *(f"{depth} bit" for depth in depths if len(depths) == 1)])
