"""The gallery, and the page of an album."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from flask import Blueprint, abort, render_template, request

from db import album_page, gallery
from db.album_page import AlbumPage, TrackLine
from db.covers import FRONT
from db.gallery import Order, Wanted
from db.models import EntityType, State
from db.pictures import DISC, Picture
from web.facts import from_the_web
from web.paging import number, paging, text
from worker import status

bp = Blueprint("albums", __name__)

PAGE = 60
MISSING = "missing"
_LARGEST_ID = 2**31 - 1


class Disc(NamedTuple):
    """A disc of an album. `number` is None when the album has just one."""

    number: int | None
    subtitle: str | None
    tracks: list[TrackLine]
    picture: Picture | None


@bp.get("/")
def gallery_page() -> str:
    """Albums as their covers: sorted, filtered, a page at a time."""
    wanted, order = _wanted(), _order()
    page = paging(gallery.count(wanted), PAGE)
    return render_template(
        "gallery.html",
        albums=gallery.albums(wanted, order, page.first, PAGE),
        page=page,
        wanted=wanted,
        order=order,
        orders=Order,
        genres=gallery.genres(),
        years=gallery.years(),
        sources=gallery.sources(),
        is_filtered=wanted != Wanted(),
        is_scanning=bool(status.running_scans()),
    )


@bp.get("/albums/<id:album_id>")
def album(album_id: int) -> str:
    """An album with its tracks, and why its cover is what it is."""
    found = album_page.album(album_id)
    if found is None:
        abort(404, "There is no such album.")
    present = [track for track in found.tracks if track.missing_since is None]
    return render_template(
        "album.html",
        album=found,
        cover=found.pictures.get(FRONT),
        discs=list(_discs(found)),
        duration=sum(track.duration or 0 for track in present),
        count=len(present),
        sound=_sound(present),
        lacks=[each for each in found.lacks if each.state is not State.DONE],
        web=from_the_web(EntityType.ALBUM, album_id),
    )


def _wanted() -> Wanted:
    art = text("art")
    return Wanted(
        missing_art=art == MISSING,
        source="" if art == MISSING else art,
        genre_id=number("genre", _LARGEST_ID),
        year=text("year", 4),
    )


def _order() -> Order:
    name = request.args.get("sort")
    return Order(name) if name in list(Order) else Order.ADDED


def _discs(album: AlbumPage) -> Iterator[Disc]:
    groups = [
        (disc, list(tracks)) for disc, tracks in groupby(album.tracks, lambda each: each.disc or 1)
    ]
    for disc, tracks in groups:
        yield Disc(
            disc if len(groups) > 1 else None,
            next((each.disc_subtitle for each in tracks if each.disc_subtitle), None),
            tracks,
            album.pictures.get(f"{DISC}{disc}"),
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
