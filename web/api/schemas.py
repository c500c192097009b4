"""What the API answers, as JSON Schema."""

from collections.abc import Mapping
from typing import Any

from peewee import BooleanField, DateTimeField, FloatField, IntegerField, JSONField

from db.ledger import NEEDS
from db.models import AudioFeatures, State

Schema = Mapping[str, Any]
LARGEST_ID = 2**31 - 1

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
ANYTHING: Schema = {}


def object_of(**properties: Schema) -> dict[str, Any]:
    """The schema of an object that has all of these, and nothing else."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(items: Schema) -> Schema:
    """The schema of a list."""
    return {"type": "array", "items": items}


def maybe(schema: Schema) -> Schema:
    """The schema of what may be null."""
    if "type" in schema and isinstance(schema["type"], str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def refer(name: str, of: str = "schemas") -> Schema:
    """A reference to a component of the document."""
    return {"$ref": f"#/components/{of}/{name}"}


def pages_of(name: str) -> Schema:
    """The schema of a page of these."""
    return object_of(items=list_of(refer(name)), next=maybe(WHOLE))


def items_of(name: str) -> Schema:
    """The schema of a list that comes as a whole."""
    return object_of(items=list_of(refer(name)))


_FEATURE_TYPES = (
    (BooleanField, BOOLEAN),
    (FloatField, NUMBER),
    (DateTimeField, MOMENT),
    (JSONField, {"type": ["array", "object"]}),
    (IntegerField, WHOLE),
)
FEATURES = tuple(
    each.name for each in AudioFeatures._meta.sorted_fields if each.name not in {"track", "found"}
)
"""The columns of audio features that are answered."""


def _of_features() -> Schema:
    columns: dict[str, Schema] = {}
    for name in FEATURES:
        column = getattr(AudioFeatures, name)
        kinds = (schema for kind, schema in _FEATURE_TYPES if isinstance(column, kind))
        columns[name] = maybe(next(kinds, TEXT))
    columns["bpm_candidates"] = maybe(list_of(list_of(NUMBER)))
    columns["synthetic_tags"] = maybe(list_of(list_of(TEXT)))
    return object_of(id=WHOLE, bpm_from=maybe(TEXT), found_bpm=maybe(NUMBER), **columns)


_CREDIT = object_of(artist_id=WHOLE, name=TEXT)
_PICTURE = object_of(
    digest=TEXT,
    width=WHOLE,
    height=WHOLE,
    source=TEXT,
    licence=maybe(TEXT),
    author=maybe(TEXT),
    url=TEXT,
)
_TRACK = {
    **{"id": WHOLE, "title": maybe(TEXT), "artists": list_of(_CREDIT), "credit": maybe(TEXT)},
    **{"album_id": maybe(WHOLE), "album": maybe(TEXT), "seconds": maybe(NUMBER), "path": TEXT},
    **{"part": WHOLE, "start": maybe(NUMBER), "bpm": maybe(NUMBER), "key": maybe(TEXT)},
    **{"camelot": maybe(TEXT), "picture": maybe(TEXT)},
}
_OPINION = {"source": TEXT, "field": TEXT, "value": {"type": ["string", "number"]}}
_COMPARED = {**_OPINION, "ours": {"type": ["string", "number", "null"]}, "difference": TEXT}
_ALBUM = {
    **{"id": WHOLE, "title": maybe(TEXT), "album_artist": maybe(TEXT), "year": maybe(TEXT)},
    **{"artists": list_of(_CREDIT), "edition": maybe(TEXT), "picture": maybe(TEXT)},
}
_GUESSED: Schema = {"type": "object", "additionalProperties": TEXT}
_STATE = {"type": "string", "enum": [each.value for each in State]}
_NEED = object_of(
    kind={"type": "string", "enum": sorted({each.kind.value for each in NEEDS})},
    state=_STATE,
    reason=maybe(TEXT),
    look_again_at=maybe(MOMENT),
)

SCHEMAS: dict[str, Schema] = {
    "Album": object_of(**_ALBUM),
    "AlbumPage": object_of(
        **_ALBUM,
        **{"date": maybe(TEXT), "label": maybe(TEXT), "catalogue_number": maybe(TEXT)},
        **{"compilation": BOOLEAN, "musicbrainz_release_id": maybe(TEXT)},
        **{"genres": list_of(TEXT), "guessed": _GUESSED, "needs": list_of(_NEED)},
        editions=list_of(object_of(id=WHOLE, edition=maybe(TEXT))),
        tracks=list_of(
            object_of(
                **{"id": WHOLE, "title": maybe(TEXT), "disc": maybe(WHOLE)},
                **{"disc_subtitle": maybe(TEXT), "number": maybe(WHOLE), "seconds": maybe(NUMBER)},
                **{"artists": list_of(_CREDIT), "path": TEXT, "missing_since": maybe(MOMENT)},
            )
        ),
    ),
    "Artist": object_of(
        **{"id": WHOLE, "name": TEXT, "disambiguation": maybe(TEXT), "albums": WHOLE},
        picture=maybe(TEXT),
    ),
    "ArtistPage": object_of(
        **{"id": WHOLE, "name": TEXT, "disambiguation": maybe(TEXT), "sort_name": maybe(TEXT)},
        **{"musicbrainz_id": maybe(TEXT), "spellings": list_of(TEXT), "tracks": WHOLE},
        **{"albums": list_of(refer("Album")), "appears_on": list_of(refer("Album"))},
        needs=list_of(_NEED),
    ),
    "Track": object_of(**_TRACK),
    "TrackPage": object_of(
        **_TRACK,
        **{"disc": maybe(WHOLE), "number": maybe(WHOLE), "year": maybe(TEXT), "codec": TEXT},
        **{"bit_rate": maybe(WHOLE), "sample_rate": maybe(WHOLE), "bit_depth": maybe(WHOLE)},
        **{"bpm_from": maybe(TEXT), "found_bpm": maybe(NUMBER), "own_bpm": maybe(NUMBER)},
        **{"missing_since": maybe(MOMENT), "guessed": _GUESSED, "needs": list_of(_NEED)},
        opinions=list_of(object_of(**_COMPARED)),
        clusters=list_of(object_of(id=WHOLE, probability=NUMBER, is_primary=BOOLEAN)),
    ),
    "Features": _of_features(),
    "SimilarTrack": object_of(**_TRACK, similarity=NUMBER),
    "Cluster": object_of(id=WHOLE, type=TEXT, name=TEXT, size=WHOLE, made_at=MOMENT),
    "ClusterPage": object_of(
        **{"id": WHOLE, "type": TEXT, "name": TEXT, "size": WHOLE, "made_at": MOMENT},
        members=list_of(object_of(id=WHOLE, probability=NUMBER)),
    ),
    "Difference": object_of(id=WHOLE, title=maybe(TEXT), path=TEXT, **_COMPARED),
    "Pictures": {"type": "object", "additionalProperties": _PICTURE},
    "Fact": object_of(
        **{"field": TEXT, "value": ANYTHING, "source": TEXT, "score": NUMBER},
        **{"fetched_at": MOMENT, "licence": maybe(TEXT), "url": maybe(TEXT)},
    ),
    "Problem": object_of(
        **{"id": WHOLE, "path": TEXT, "stage": TEXT, "code": TEXT, "message": TEXT},
        **{"first_seen": MOMENT, "last_seen": MOMENT},
    ),
    "Work": object_of(
        **{"kind": TEXT, "entity_type": TEXT, "done": WHOLE, "none": WHOLE, "failed": WHOLE},
        **{"waiting": WHOLE, "to_do": WHOLE, "cancelled": WHOLE},
        needed=WHOLE,
    ),
    "Waiting": object_of(
        **{"cause": TEXT, "place": TEXT, "items": WHOLE, "says": TEXT, "remedy": TEXT},
        **{"look_again_at": MOMENT, "reason": TEXT},
    ),
    "Queue": object_of(
        **{"name": TEXT, "waiting": WHOLE, "running": WHOLE, "failed": WHOLE, "later": WHOLE},
        **{"paused": BOOLEAN, "consumers": list_of(TEXT)},
    ),
    "Scan": object_of(
        **{"id": WHOLE, "root": TEXT, "started_at": MOMENT, "finished_at": maybe(MOMENT)},
        **{"found": WHOLE, "new": WHOLE, "changed": WHOLE, "moved": WHOLE, "missing": WHOLE},
        **{"unchanged": WHOLE, "unreadable": WHOLE, "fault": maybe(TEXT)},
    ),
    "Job": object_of(
        **{"id": TEXT, "name": TEXT, "queue": TEXT, "state": TEXT, "attempt": WHOLE},
        **{"enqueued": maybe(MOMENT), "arguments": TEXT, "result": TEXT, "error": TEXT},
    ),
    "ProblemDetails": {
        "type": "object",
        "properties": {
            **{"type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT, "remedy": TEXT},
            "error": TEXT,
            "errors": list_of(object_of(where=TEXT, detail=TEXT)),
        },
        "required": ["type", "title", "status", "detail"],
    },
}
PROBLEM = refer("ProblemDetails")
