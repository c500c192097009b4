"""Pictures that albums and artists lack on a music server, given to it and kept up to date there.

A picture that is there is never replaced, unless it is known to be ours: by the mark that the
server gave it when it was written, or by its bytes. One of ours that its user replaced or deleted
there is theirs from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from db.artwork import covers
from db.artwork.covers import Picture
from db.artwork.image_files import SIZES, THUMBNAIL_FORMAT, original, thumbnail
from db.models import EntityType, KnownServer, PushedPicture, Role
from db.publishing import servers
from db.users.imports import Matcher, Theirs
from jobs.pictures import store
from jobs.pictures.stored_images import make_thumbnail
from jobs.providers.errors import RefusedError
from jobs.publishing.servers.server import PictureServer, TheirEntity

_AT_ONCE = 200
_MOST = 2_000
"""Pictures that one run gives; the next run goes on."""
_LARGEST = 8 * 1024 * 1024
"""Bytes. Of a larger picture the largest thumbnail is given."""
_SENT_AS_IT_IS = {"image/jpeg", "image/png"}
"""What every player shows, and a server hands out again as it came."""
_MOST_REFUSED = 3


@dataclass
class Given:
    """What came of it."""

    given: int = 0
    unchanged: int = 0
    kept: int = 0
    """How many were not ours, or are no more."""
    missed: int = 0
    """How many of their albums and artists are none of ours."""
    remarks: list[str] = field(default_factory=list)
    more: bool = False
    """Whether some are left for the next run."""


class _Sent(NamedTuple):
    """A picture as it is sent."""

    data: bytes
    mime: str

    @property
    def digest(self) -> str:
        """Of the bytes."""
        return sha256(self.data).hexdigest()


def give(row: KnownServer, server: PictureServer) -> Given:
    """Give the albums and artists of a server their pictures.

    One that the server refuses is passed over, and said. Raises UnavailableError, and RefusedError
    when it refuses several.
    """
    run = _Run(row, server)
    matcher = Matcher()
    for kind in sorted(server.picture_roles):
        entities = server.entities(kind)
        while part := list(islice(entities, _AT_ONCE)):
            ours = [_ours(matcher, kind, each) for each in part]
            run.outcome.missed += ours.count(None)
            run.settle(kind, [pair for pair in zip(part, ours, strict=True) if pair[1] is not None])
            if run.outcome.more:
                return run.outcome
    return run.outcome


def _ours(matcher: Matcher, kind: EntityType, their: TheirEntity) -> int | None:
    theirs = Theirs(their.name, their.artist, mbids=their.mbids)
    found = matcher.found(kind, theirs)
    return found[0] if found else None


class _Run:
    """One run for a server."""

    def __init__(self, row: KnownServer, server: PictureServer) -> None:
        self._row, self._server = row, server
        self._refused = 0
        self.outcome = Given()

    def settle(self, kind: EntityType, found: Sequence[tuple[TheirEntity, int | None]]) -> None:
        """Give these of theirs what ours show."""
        roles = self._server.picture_roles[kind]
        shown = covers.pictures(kind, sorted({ours for _, ours in found if ours}), roles)
        known = servers.given_pictures(self._row, [their.id for their, _ in found])
        for their, ours in found:
            for role, picture in shown.get(ours or 0, {}).items():
                if self.outcome.given >= _MOST:
                    self.outcome.more = True
                    return
                self._settle(their, Role(role), picture, known.get((their.id, role)))

    def _settle(
        self, their: TheirEntity, role: Role, picture: Picture, before: PushedPicture | None
    ) -> None:
        mark = their.pictures.get(role)
        if (before is None and mark is not None) or (before is not None and before.kept):
            self.outcome.kept += 1
        elif before is not None and mark is not None and mark == before.mark:
            if picture.digest == before.digest:
                self.outcome.unchanged += 1
            else:
                self._give(their, role, picture, before)
        elif before is not None and mark is None and before.mark is not None:
            self._keep(before, "it was deleted there")
        elif before is not None and mark is not None:
            self._recognise(their, role, picture, before)
        else:
            self._give(their, role, picture, before)

    def _recognise(
        self, their: TheirEntity, role: Role, picture: Picture, before: PushedPicture
    ) -> None:
        """Whether what is there has just another mark, or was written before the process ended."""
        mark, digest, sent = their.pictures[role], self._digest_of(their, role), _sent(picture)
        if digest is not None and sent is not None and digest == sent.digest:
            columns = {"mark": mark, "digest": picture.digest, "sent": digest}
            servers.picture_given(self._row, their.id, role, columns)
            self.outcome.unchanged += 1
        elif digest is not None and digest == before.sent:
            before.mark = mark
            self._give(their, role, picture, before)
        else:
            self._keep(before, "it was replaced there")

    def _digest_of(self, their: TheirEntity, role: Role) -> str | None:
        try:
            there = self._server.picture(their.id, role)
        except RefusedError:
            return None  # one that is too large is none of ours
        return None if there is None else sha256(there).hexdigest()

    def _keep(self, before: PushedPicture, why: str) -> None:
        servers.keep_picture(before, why)
        self.outcome.kept += 1

    def _give(
        self, their: TheirEntity, role: Role, picture: Picture, before: PushedPicture | None
    ) -> None:
        sent = _sent(picture)
        if sent is None:
            return
        columns = {"digest": picture.digest, "sent": sent.digest}
        if before is None:
            servers.picture_given(self._row, their.id, role, {**columns, "mark": None})
        replaces = before.mark if before is not None else None
        try:
            mark = self._server.write_picture(their.id, role, sent.data, sent.mime, replaces)
        except RefusedError as error:
            self._refused += 1
            self.outcome.remarks.append(f"the picture of {their.name}: {error}")
            if self._refused >= _MOST_REFUSED:
                raise
            return
        if mark is not None:
            servers.picture_given(self._row, their.id, role, {**columns, "mark": mark})
            self.outcome.given += 1


def _sent(picture: Picture) -> _Sent | None:
    """What is sent of a picture: it itself, or a thumbnail; None when it is not in the store."""
    path, mime = original(picture.digest), picture.mime
    if mime not in _SENT_AS_IT_IS or picture.bytes > _LARGEST:
        path, mime = thumbnail(picture.digest, SIZES[-1]), THUMBNAIL_FORMAT.mime
        if not store.bring(path) and make_thumbnail(picture.digest, SIZES[-1]) is not None:
            return None
    return _Sent(path.read_bytes(), mime) if store.bring(path) else None
