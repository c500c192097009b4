"""Arguments on the command line: what the name of an entity means, and completion in the shell."""

import os
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from db.library import search
from db.library.search import Entity, NamedTrack
from db.models import EntityType
from db.settings import expanded
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
    file = to_text(os.fsencode(os.path.realpath(expanded(name))))
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


Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
"""The `shell_complete` of an argument of click. Where the topology or the database cannot be read
there is nothing to offer, for a shell that completes has no place for an error."""
_MOST = 50
"""Albums, artists and tracks that are offered, of each."""


def _of(names: Callable[[str], Iterable[tuple[str, str]]]) -> Complete:
    """Offer the names that begin so; `names` returns each with what a shell may show beside it."""

    def complete(
        context: click.Context,  # noqa: ARG001  # click's signature
        parameter: click.Parameter,  # noqa: ARG001  # as above
        incomplete: str,
    ) -> list[CompletionItem]:
        try:
            begin = incomplete.casefold()
            found = [each for each in names(incomplete) if each[0].casefold().startswith(begin)]
        except Exception:  # noqa: BLE001  # see `Complete`
            return []
        return [CompletionItem(_quoted(name), help=says) for name, says in found]

    return complete


def _quoted(name: str) -> str:
    """The name as bash takes it, which inserts it as it is; other shells quote it themselves."""
    is_bash = os.environ.get("_FLEET_COMPLETE", "").startswith("bash")
    words = os.environ.get("COMP_WORDS", "")
    begins_quoted = words.split("\n")[-1][:1] in {"'", '"'}
    if not is_bash or begins_quoted or shlex.quote(name) == name:
        return name
    return "".join(char if char.isalnum() or char in _PLAIN else f"\\{char}" for char in name)


_PLAIN = frozenset("_-./:,@%+=")


def _topology() -> Any:
    from worker import dispatch  # noqa: PLC0415  # only a shell that completes needs it

    return dispatch.topology()


def _queues(_: str) -> Iterable[tuple[str, str]]:
    return [(name, queue.use) for name, queue in _topology().queues.items()]


def _jobs(_: str) -> Iterable[tuple[str, str]]:
    return [(name, f"in {queue}") for name, queue in sorted(_topology().routes.items())]


def _programs(_: str) -> Iterable[tuple[str, str]]:
    found = _topology().programs
    return [(name, ", ".join(program.queues)) for name, program in found.items()]


def _schedules(_: str) -> Iterable[tuple[str, str]]:
    return [(name, each.cron) for name, each in _topology().schedules.items()]


def _settings(_: str) -> Iterable[tuple[str, str]]:
    from db.settings.declarations import SETTINGS  # noqa: PLC0415  # as above

    return [(each.key, each.help) for each in SETTINGS if each.in_file]


def _music(*kinds: str) -> Callable[[str], Iterable[tuple[str, str]]]:
    """Names of the music of these kinds: albums, artists, tracks."""

    def names(incomplete: str) -> Iterable[tuple[str, str]]:
        from db.library import search  # noqa: PLC0415  # as above
        from db.sql.connection import open_database  # noqa: PLC0415  # as above

        open_database()
        found = search.search(incomplete, _MOST, _MOST, _MOST)
        for kind in kinds:
            for each in getattr(found, kind):
                yield (each.name if kind == "artists" else each.title) or "", kind.removesuffix("s")

    return names


queues = _of(_queues)
jobs = _of(_jobs)
programs = _of(_programs)
schedules = _of(_schedules)
settings = _of(_settings)
albums_and_artists = _of(_music("albums", "artists"))
tracks = _of(_music("tracks"))
entities = _of(_music("albums", "artists", "tracks"))
