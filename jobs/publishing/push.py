"""Playlists of ours made, refreshed in place and removed on a music server.

A playlist is written when it differs from what was written last, so that a second push writes
nothing. What is not ours there, and what its user made of ours, is never touched.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from db.models import EntityType, KnownServer, PushedList
from db.publishing import servers
from db.publishing.export_runs import End
from db.publishing.servers import Outcome
from db.similarity import cluster_terms, clusters
from db.sql.path_text import shown
from db.users.imports import Prefix
from jobs.providers.errors import NothingThereError, RefusedError
from jobs.publishing.servers import connected, given_pictures
from jobs.publishing.servers.found import SURER, Found, found_songs
from jobs.publishing.servers.server import Login, MusicServer, PictureServer, TheirList
from jobs.publishing.wanted_lists import Wanted, wanted_lists
from worker.dispatch import connection

_COMMENT = "From musicfleet: it changes as the library does."
_MARK = " (musicfleet)"
"""Ends the name of a playlist while one of the user's has the name itself."""
_EXAMPLES = 50


class Settled(NamedTuple):
    """What became of a playlist, or would."""

    end: End
    name: str
    songs: int = 0
    missed: int = 0
    why: str = ""


def run(row: KnownServer, *, dry: bool) -> tuple[Outcome, list[Settled]]:
    """Do what is due for a server: ask it for a scan after one of ours, and push playlists.

    `dry`: it just says what would become of them. What the server did not do is in its row. Raises
    UnavailableError, RefusedError and ServerError.
    """
    login = Login(row.login, servers.secret_of(row), row.is_key)
    scan, model = servers.last_changing_scan(), clusters.current_model(EntityType.TRACK)
    with connected(row.name, row.kind, row.url, login, connection()) as server:
        if not dry and servers.is_scan_due(row, scan):
            remark = _start_scan(server)
            servers.scan_asked(row, scan, remark)
        if not dry and not servers.is_push_due(row, model.trained_at if model else None):
            return Outcome(), []
        outcome, settled = _push(row, server, dry=dry)
    if not dry:
        servers.ended(row, outcome)
    return outcome, settled


def _start_scan(server: MusicServer) -> str:
    """Ask for a scan; why the server does not do it, or nothing."""
    try:
        server.start_scan()
    except RefusedError as error:
        return f"{servers.NO_SCAN}: {error}"
    return ""


def _push(row: KnownServer, server: MusicServer, *, dry: bool) -> tuple[Outcome, list[Settled]]:
    """Have a server hold the playlists that it is to get.

    Raises as above.
    """
    wanted = wanted_lists(row)
    tracks = {each for playlist in wanted for each in playlist.track_ids}
    found = found_songs(server.songs(), tracks, [Prefix(*each) for each in row.folders])
    settled = list(_Push(row, server, found, dry=dry).settle(wanted))
    missed = sorted(tracks - found.keys())
    outcome = Outcome(
        {by: sum(each.by == by for each in found.values()) for by in SURER},
        len(missed),
        _named(missed[:_EXAMPLES]),
        {end: sum(each.end is end for each in settled) for end in End},
        [
            *[each for each in row.outcome.get("remarks", []) if each.startswith(servers.NO_SCAN)],
            *[f"{each.name}: {each.why}" for each in settled if each.why][:_EXAMPLES],
        ],
    )
    if row.pictures and not dry and isinstance(server, PictureServer):
        _give_pictures(row, server, outcome)
    return outcome, settled


def _give_pictures(row: KnownServer, server: PictureServer, outcome: Outcome) -> None:
    """Give albums and artists there pictures, and say what came of it."""
    try:
        given = given_pictures.give(row, server)
    except RefusedError as error:
        outcome.remarks.append(f"it takes no pictures: {error}")
        return
    counts = {"given": given.given, "unchanged": given.unchanged, "kept": given.kept}
    outcome.pictures = {**counts, "missed": given.missed}
    outcome.remarks += given.remarks
    outcome.more = given.more


def _named(track_ids: Sequence[int]) -> list[str]:
    found = cluster_terms.listed_tracks(EntityType.TRACK, track_ids)
    return [shown(each.path) for each in found]


class _Push:
    """One push to a server."""

    def __init__(
        self, row: KnownServer, server: MusicServer, found: Mapping[int, Found], *, dry: bool
    ) -> None:
        self._row, self._server, self._found, self._dry = row, server, found, dry
        self._known = servers.pushed(row)
        self._there = server.playlists()

    def settle(self, wanted: Sequence[Wanted]) -> Iterator[Settled]:
        """Remove what is wanted no more, and write what differs."""
        sources = {each.source for each in wanted}
        for source, row in self._known.items():
            if source not in sources:
                yield _or_failed(row.name, lambda: self._removed(row))  # noqa: B023  # at once
        for each in wanted:
            ids = [self._found[track].id for track in each.track_ids if track in self._found]
            missed = len(each.track_ids) - len(ids)
            if not self._server.repeats:
                ids = list(dict.fromkeys(ids))
            settled = _or_failed(each.name, lambda: self._settled(each, ids))  # noqa: B023  # at once
            yield settled._replace(songs=len(ids), missed=missed)

    def _removed(self, row: PushedList) -> Settled:
        there = self._there.get(row.their_id or "")
        if row.kept or there is None:
            settled = Settled(End.LEFT, row.name)
        elif why := self._changed(row, there, ()):
            settled = Settled(End.LEFT, row.name, why=why)
        else:
            settled = Settled(End.REMOVED, row.name)
        if self._dry:
            return settled
        if settled.end is End.REMOVED:
            self._server.delete_playlist(row.their_id or "")
            del self._there[row.their_id or ""]
        servers.drop(row)
        return settled

    def _settled(self, wanted: Wanted, ids: list[str]) -> Settled:
        row = self._known.get(wanted.source)
        why = "none of its tracks was found there" if wanted.track_ids else "it has no tracks"
        if not ids or (row is not None and row.kept):
            return Settled(End.LEFT, wanted.name, why=row.kept if row and row.kept else why)
        if row is not None and row.their_id is None:
            self._adopt(row)
        if row is None or row.their_id is None:
            return self._make(wanted, ids)
        there = self._there.get(row.their_id)
        if there is not None:
            return self._refreshed(row, there, wanted, ids)
        if row.songs:
            return self._keep(row, "it was deleted there, and is made no more")
        return self._make(wanted, ids)

    def _refreshed(
        self, row: PushedList, there: TheirList, wanted: Wanted, ids: list[str]
    ) -> Settled:
        if row.songs == ids and row.name in (wanted.name, wanted.name + _MARK):
            return Settled(End.UNCHANGED, row.name)
        if row.songs and (why := self._changed(row, there, ids)):
            return self._keep(row, why)
        return self._write(row, wanted, ids)

    def _adopt(self, row: PushedList) -> None:
        """Know again a playlist that was made although the answer was lost."""
        new = [
            list_id
            for list_id, each in self._there.items()
            if each.name == row.name and list_id not in row.before
        ]
        if len(new) == 1:
            row.their_id = new[0]
            if not self._dry:
                servers.write(row, {"their_id": row.their_id})

    def _changed(self, row: PushedList, there: TheirList, ids: Sequence[str]) -> str:
        """How its user changed a playlist of ours there; empty for not at all.

        That songs are gone is none: the server itself drops those whose files are.
        """
        if there.name != row.name:
            return f"it was renamed {there.name!r} there, so it is yours"
        songs = self._server.songs_in(row.their_id or "") or []
        written = set(row.songs)
        left = iter(row.songs)
        is_foreign = bool(set(songs) - written - set(ids))
        in_order = all(each in left for each in songs if each in written)
        return "" if in_order and not is_foreign else "its songs were changed there, so it is yours"

    def _keep(self, row: PushedList, why: str) -> Settled:
        if not self._dry:
            servers.write(row, {"kept": why})
        return Settled(End.LEFT, row.name, why=why)

    def _make(self, wanted: Wanted, ids: list[str]) -> Settled:
        name = self._free_name(wanted.name, None)
        if not name:
            return Settled(End.LEFT, wanted.name, why=_TAKEN)
        if self._dry:
            return Settled(End.WRITTEN, name)
        before = [list_id for list_id, each in self._there.items() if each.name == name]
        row = servers.begin(self._row, wanted.source, name, before)
        return self._write(row, wanted, ids)

    def _write(self, row: PushedList, wanted: Wanted, ids: list[str]) -> Settled:
        name = self._free_name(wanted.name, row.their_id) or row.name
        if self._dry:
            return Settled(End.WRITTEN, name)
        servers.write(row, {"songs": []})  # a refresh that is cut off is no change of the user's
        list_id = self._server.write_playlist(row.their_id, name, _COMMENT, ids)
        missed = sum(each not in self._found for each in wanted.track_ids)
        columns = {"their_id": list_id, "name": name, "songs": ids, "missed": missed}
        servers.write(row, columns)
        self._there[list_id] = TheirList(name, len(ids))
        return Settled(End.WRITTEN, name)

    def _free_name(self, name: str, own_id: str | None) -> str:
        """The name, or with the mark where another playlist there has it; empty for neither."""
        taken = {each.name.casefold() for key, each in self._there.items() if key != own_id}
        return next((each for each in (name, name + _MARK) if each.casefold() not in taken), "")


_TAKEN = "playlists that are not ours have its name there — rename one of them"


def _or_failed(name: str, settle: Callable[[], Settled]) -> Settled:
    """What became of a playlist, also when the server refuses what is asked for it alone."""
    try:
        return settle()
    except (RefusedError, NothingThereError) as error:
        return Settled(End.FAILED, name, why=str(error))
