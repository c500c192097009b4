"""What the words of a command line name: an album, an artist or a track."""

import os

from db import settings
from db.library import search
from db.library.search import Entity, NamedTrack
from db.models import EntityType
from db.sql.path_text import to_text, visible
from worker.errors import BadInputError
from worker.phrases import nearest

_SHOWN = 20
"""Lines of a list that may be long."""


def entity_named(name: str, types: tuple[EntityType, ...]) -> Entity:
    """The one that is called so. Raises BadInputError when it is none, or several."""
    known = list(search.all_entities(types))
    found = search.entities_named(name, known)
    kinds = " or ".join(types)
    if not found:
        near = nearest(name, {text for each in known for text in (each.name, each.full_name)})
        asked = f"did you mean {near}?" if near else "name one that `fleet scan` has taken in"
        raise BadInputError(f"there is no {kinds} {name!r} — {asked}")
    if len(found) > 1:
        lines = [f"\n  {each.address}\t{visible(each.full_name)}" for each in found[:_SHOWN]]
        more = f"\n  … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise BadInputError(
            f"{name!r} is the name of {len(found)} — say which:{''.join(lines)}{more}"
        )
    return found[0]


def track_named(name: str) -> NamedTrack:
    """The one track that is called so. Raises BadInputError when it is none, or several."""
    file = to_text(os.fsencode(os.path.realpath(settings.expanded(name))))
    found = search.tracks_named(name, file)
    if not found:
        near = nearest(name, search.track_titles())
        asked = f"did you mean {near}?" if near else "name one that `fleet scan` has taken in"
        raise BadInputError(f"there is no track {name!r} — {asked}")
    if len(found) > 1:
        lines = [f"\n  {each.address}\t{visible(each.full_name)}" for each in found[:_SHOWN]]
        more = f"\n  … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise BadInputError(f"{name!r} fits {len(found)} — say which:{''.join(lines)}{more}")
    return found[0]


def entity_meant(text: str) -> tuple[EntityType, int]:
    """The album, artist or track that is called so; of an album and a track of one name the album.

    Raises BadInputError when it is none, or several.
    """
    if text.startswith(f"{EntityType.TRACK}:"):
        return EntityType.TRACK, track_named(text).id
    try:
        found = entity_named(text, (EntityType.ALBUM, EntityType.ARTIST))
    except BadInputError as error:
        if "say which" in str(error) or not search.tracks_named(text):
            raise
        return EntityType.TRACK, track_named(text).id
    return found.type, found.id
