"""Images that nothing points to: since when, and forgetting them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from peewee import SQL, Expression, Function, fn

from db.connection import is_sqlite, transaction
from db.models import ArtistPicture, ChosenImage, Cover, EmbeddedPicture, Image
from db.rows import tuples
from db.slices import slices


def mark(now: datetime) -> None:
    """Note since when each image is unused, and that it is not any more where something uses it.

    An image is used by what shows it, by a choice of the user, by an artist's folder and by every
    track that carries it, missing tracks too.
    """
    with transaction():
        Image.update(unused_since=None).where(Image.unused_since.is_null(False), _used()).execute()
        Image.update(unused_since=now).where(Image.unused_since.is_null(), ~_used()).execute()


def unused_before(moment: datetime) -> list[str]:
    """The digests of the images that have been unused since before a moment."""
    query = Image.select(Image.digest).where(Image.unused_since < moment).order_by(Image.digest)
    return [digest for (digest,) in tuples(query)]


def forget(digests: Collection[str]) -> list[str]:
    """Drop the rows of those images that nothing uses by now; their digests."""
    forgotten: list[str] = []
    for part in slices(sorted(digests)):
        with transaction():
            rows = Image.select(Image.id, Image.digest).where(Image.digest.in_(list(part)))
            # PostgreSQL: whoever is about to use one of them has done so before this returns, or
            # waits. What is unused is asked after that, for rows that use an image go with it.
            ids = [row.id for row in (rows if is_sqlite() else rows.for_update())]
            unused = dict(tuples(rows.where(Image.id.in_(ids), ~_used())))
            Image.delete().where(Image.id.in_(list(unused))).execute()
            forgotten += unused.values()
    return forgotten


def _used() -> Expression | Function:
    """Whether anything points to an image."""
    return (
        _exists(Cover, Cover.image == Image.id)
        | _exists(ChosenImage, ChosenImage.image == Image.id)
        | _exists(ArtistPicture, ArtistPicture.digest == Image.digest)
        | _exists(EmbeddedPicture, EmbeddedPicture.digest == Image.digest)
    )


def _exists(table: Any, points: Expression) -> Function:
    return fn.EXISTS(table.select(SQL("1")).where(points))
