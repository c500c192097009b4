"""The facts of an album, artist or track, beside its tags: on its page, and as JSON."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, jsonify, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from db import ledger
from db.enrichment import facts
from db.enrichment.facts import MATCH, KnownFact
from db.ledger import NeedState
from db.library import entity_pages, life
from db.models import EntityType, Kind
from db.settings import provider_settings
from worker.errors import BadInputError
from worker.queues import jobs

bp = Blueprint("facts", __name__)

_LABELS = {
    "biography": "Biography",
    "type": "Type",
    "disambiguation": "Who",
    "begin": "Begun",
    "end": "Ended",
    "area": "From",
    "country": "Country",
    "original_date": "First released",
    "first_release_date": "First released",
    "date": "Released",
    "label": "Label",
    "catalogue_number": "Catalogue number",
    "barcode": "Barcode",
    "track_count": "Tracks",
    "genres": "Genres",
    "tags": "Tags of listeners",
    "aliases": "Also called",
    "artists": "Credited",
    "isrcs": "ISRC",
    "listeners": "Listeners",
    "plays": "Plays",
    "similar_artists": "Similar artists",
    "links": "Links",
    MATCH: "Found by",
}
"""What each field is called, in the order of the page. Ids are left to the JSON and the links."""


class Link(NamedTuple):
    """A link to another site."""

    text: str
    url: str


class Line(NamedTuple):
    """One field as one source has it."""

    label: str
    text: str
    links: list[Link]
    fact: KnownFact


class FromTheWeb(NamedTuple):
    """All facts of an entity, and the state of its enrichment."""

    lines: list[Line]
    asked: NeedState | None
    again: str
    """Where the page asks again; empty while no provider is on."""


def from_the_web(entity_type: EntityType, entity_id: int) -> FromTheWeb:
    """What a page shows."""
    order = list(_LABELS)
    found = [each for each in facts.known_facts(entity_type, entity_id) if each.field in _LABELS]
    found.sort(key=lambda each: order.index(each.field))
    lines = [Line(_LABELS[each.field], _text(each), _links(each), each) for each in found]
    is_any_on = provider_settings.any_with_facts()
    again = url_for("facts.ask", kind=entity_type, entity_id=entity_id) if is_any_on else ""
    return FromTheWeb(lines, ledger.need_state(Kind.ENRICHMENT, entity_type, entity_id), again)


@bp.get("/albums/<id:entity_id>.json")
def album(entity_id: int) -> Response:
    """An album: its tags and its facts."""
    found = entity_pages.album_page(entity_id)
    names = ("title", "album_artist", "date", "label", "catalogue_number", "musicbrainz_release_id")
    tags = _tags(found, names)
    if found is not None:
        tags["genres"] = [each.name for each in found.genres]
        tags["credits"] = [each._asdict() for each in found.artists]
        tags["guessed"] = found.guessed or {}
        tags["edition"] = found.edition
        tags["editions"] = [each._asdict() for each in found.editions]
    return _json(EntityType.ALBUM, entity_id, tags)


@bp.post("/albums/<id:entity_id>/web", defaults={"kind": EntityType.ALBUM})
@bp.post("/artists/<id:entity_id>/web", defaults={"kind": EntityType.ARTIST})
@bp.post("/tracks/<id:entity_id>/web", defaults={"kind": EntityType.TRACK})
def ask(kind: EntityType, entity_id: int) -> AnyResponse:
    """Ask the providers that are on again, as `fleet lookup` does, and show the page."""
    if not life.exists(kind, entity_id):
        abort(404, f"There is no such {kind}.")
    try:
        jobs.ask_the_web(kind, entity_id)
    except BadInputError as error:
        abort(409, str(error))
    pages = {
        EntityType.ALBUM: url_for("library.album", album_id=entity_id, _anchor="web"),
        EntityType.ARTIST: url_for("library.artist", artist_id=entity_id, _anchor="web"),
    }
    of_track = url_for("tracks.track", track_id=entity_id, _anchor="web")
    return redirect(pages.get(kind, of_track), 303)


_OF_ARTIST = ("name", "disambiguation", "musicbrainz_id", "sort_name", "spellings")


@bp.get("/artists/<id:entity_id>.json")
def artist(entity_id: int) -> Response:
    """An artist."""
    found = entity_pages.artist_page(entity_id)
    return _json(EntityType.ARTIST, entity_id, _tags(found, _OF_ARTIST))


@bp.get("/tracks/<id:entity_id>.json")
def track(entity_id: int) -> Response:
    """A track."""
    found = entity_pages.track_page(entity_id)
    names = ("title", "disc", "number", "duration", "part", "start", "album_title", "credit")
    tags = _tags(found, names)
    if found is not None:
        tags["artists"] = [each.name for each in found.artists]
        tags["credits"] = [each._asdict() for each in found.artists]
        tags["guessed"] = found.guessed or {}
    return _json(EntityType.TRACK, entity_id, tags)


def _tags(found: object, names: Sequence[str]) -> dict[str, Any]:
    if found is None:
        abort(404, "There is no such page.")
    return {name: getattr(found, name) for name in names}


def _json(entity_type: EntityType, entity_id: int, tags: dict[str, Any]) -> Response:
    asked = ledger.need_state(Kind.ENRICHMENT, entity_type, entity_id)
    return jsonify(
        id=entity_id,
        type=entity_type.value,
        tags=tags,
        web=[each.as_json() for each in facts.known_facts(entity_type, entity_id)],
        enrichment=asked.as_json() if asked else None,
    )


def _text(fact: KnownFact) -> str:
    """A value as people read it; that of links is in the links."""
    value = fact.value
    if fact.field == MATCH:
        return "; ".join([value["by"], *value["why"]])
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(each.get("name", "") if isinstance(each, dict) else each for each in value)
    return str(value)


def _links(fact: KnownFact) -> list[Link]:
    if fact.field != "links":
        return []
    return [Link(each["type"], each["url"]) for each in fact.value]
