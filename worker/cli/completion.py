"""Completion in the shell: names of queues, jobs, programs, schedules, settings and of the music.

Each function is the `shell_complete` of an argument of click. Where the topology or the database
cannot be read there is nothing to offer, for a shell that completes has no place for an error.
"""

import os
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
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
        except Exception:  # noqa: BLE001  # see above
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
