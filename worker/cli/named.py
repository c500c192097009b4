"""What the words of a command line name: an album, an artist, a track, or a folder to scan."""

import os

from db import settings
from db.library import search
from db.library.search import Entity, NamedTrack
from db.models import EntityType
from db.scanning.library_files import refused_root
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


def checked_root(path: str) -> str:
    """The absolute path of a folder that can be read, as text. Raises BadInputError."""
    folder = settings.expanded(path)
    if not folder.exists():
        raise BadInputError(f"{path} does not exist — name the folder that holds the music")
    if not folder.is_dir():
        raise BadInputError(f"{path} is a file — name the folder that holds it")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise BadInputError(
            f"{path} may not be read — give this user the right to, e.g. chmod o+rx"
        )
    real = os.path.realpath(folder)
    if refusal := refused_root(
        to_text(os.fsencode(real)), to_text(os.path.realpath(os.fsencode(settings.data_dir())))
    ):
        raise BadInputError(refusal)
    if not os.listdir(real):
        raise BadInputError(f"{path} is empty — is its disk mounted?")
    return to_text(os.fsencode(real))
