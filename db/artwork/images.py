"""The rows of `images`: what is known of each, the choices of the user, lost and unused ones."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from peewee import SQL, Expression, Function, fn

from db import ledger
from db.models import (
    Annotation,
    ArtistPicture,
    ChosenImage,
    Cover,
    EmbeddedPicture,
    EntityType,
    Image,
    Kind,
    LedgerRow,
    State,
    Track,
    utc_now,
)
from db.sql.connection import is_sqlite, transaction
from db.sql.queries import Prepared, among, slices, tuples
from db.sql.statements import insert_rows

_OPEN = (State.TODO, State.LEASED)


def shard_sizes() -> Counter[str]:
    """How many images there are in each shard; see `db.artwork.image_files`."""
    shard = fn.SUBSTR(Image.digest, 1, 2).alias("shard")
    query = Image.select(shard, fn.COUNT(Image.id)).group_by(SQL("shard"))
    return Counter(dict(tuples(query)))


def digests_in_shard(shard: str) -> dict[str, bool]:
    """The digests of a shard's images, and whether each can be shown, that is has a thumbnail."""
    query = Image.select(Image.digest, Image.fault.is_null()).where(
        Image.digest >= shard, Image.digest < _after(shard)
    )
    return {digest: bool(can_be_shown) for digest, can_be_shown in tuples(query)}


def known_digests(digests: Collection[str]) -> set[str]:
    """Those of the digests that are an image's."""
    return {digest for (digest,) in _KNOWN_DIGESTS.rows(sorted(digests))}


_KNOWN_DIGESTS = Prepared.by(Image.digest, Image.digest)


def incomplete(most: int) -> list[str]:
    """The digests of up to so many images that can be shown and have no placeholder yet.

    Any of them, so that some that cannot be completed do not keep the others waiting.
    """
    query = Image.select(Image.digest).where(Image.fault.is_null(), Image.placeholder.is_null())
    return [digest for (digest,) in tuples(query.order_by(fn.RANDOM()).limit(most))]


def awaited(digests: Collection[str]) -> set[str]:
    """Those of the images whose files a job that is still to be done will make (again)."""
    found: set[str] = set()
    for part in slices(sorted(digests)):
        shown = (
            Image.select(Image.digest)
            .join(Cover)
            .join(
                LedgerRow,
                on=(LedgerRow.kind == Kind.COVER)
                & (LedgerRow.entity_type == Cover.entity_type)
                & (LedgerRow.entity_id == Cover.entity_id),
            )
            .where(among(Image.digest, part), LedgerRow.state.in_(_OPEN))
        )
        carried = (
            EmbeddedPicture.select(EmbeddedPicture.digest)
            .join(Track)
            .join(
                LedgerRow,
                on=(LedgerRow.entity_type == EntityType.TRACK) & (LedgerRow.entity_id == Track.id),
            )
            .where(
                among(EmbeddedPicture.digest, part),
                Track.missing_since.is_null(),
                LedgerRow.kind.in_((Kind.PICTURE, Kind.COVER)),
                LedgerRow.state.in_(_OPEN),
            )
        )
        listed = (
            ArtistPicture.select(ArtistPicture.digest)
            .join(
                LedgerRow,
                on=(LedgerRow.kind == Kind.PICTURE)
                & (LedgerRow.entity_type == EntityType.ARTIST)
                & (LedgerRow.entity_id == ArtistPicture.artist),
            )
            .where(among(ArtistPicture.digest, part), LedgerRow.state.in_(_OPEN))
        )
        for query in (shown, carried, listed):
            found.update(digest for (digest,) in tuples(query))
    return found


class NeededAgain(NamedTuple):
    """What became of images whose files are lost."""

    covers: int
    """Entities whose cover is to be chosen again."""
    pictures: int
    """Tracks whose embedded pictures were, and artists whose picture files were."""
    dropped: int
    """Images that nothing points to and no present file carries: their rows are gone."""


def need_again(digests: Collection[str]) -> NeededAgain:
    """Say in the ledger that what shows or carries these images is to be done again.

    For an embedded picture that is one present track, the oldest. An image that neither is shown
    nor can come from a file that is there is forgotten, so that it is stored when it turns up; but
    not what the user chose.
    """
    covers = pictures = dropped = 0
    for part in slices(sorted(digests)):
        with transaction():
            shown = _shown_by(part)
            carriers = _carriers(part)
            for need in ledger.NEEDS:
                if need.kind is Kind.COVER:
                    ids = [id_ for type_, id_, _ in shown if type_ == need.entity_type]
                    covers += len(ledger.need(need.kind, need.entity_type, ids))
            artists = _of_artists(part)
            pictures += len(ledger.need(Kind.PICTURE, EntityType.TRACK, carriers.values()))
            pictures += len(ledger.need(Kind.PICTURE, EntityType.ARTIST, artists.values()))
            used = {digest for _, _, digest in shown} | carriers.keys() | artists.keys()
            used |= chosen_among(part)
            dropped += _drop(set(part) - used)
    return NeededAgain(covers, pictures, dropped)


def _shown_by(digests: Collection[str]) -> list[tuple[str, int, str]]:
    """Entity type and id of each cover that is one of these images, and which."""
    query = (
        Cover.select(Cover.entity_type, Cover.entity_id, Image.digest)
        .join(Image)
        .where(Image.digest.in_(list(digests)))
    )
    return [(entity_type, entity_id, digest) for entity_type, entity_id, digest in tuples(query)]


def _carriers(digests: Collection[str]) -> dict[str, int]:
    """The oldest present track that carries each of these pictures."""
    query = (
        EmbeddedPicture.select(EmbeddedPicture.digest, fn.MIN(Track.id))
        .join(Track)
        .where(EmbeddedPicture.digest.in_(list(digests)), Track.missing_since.is_null())
        .group_by(EmbeddedPicture.digest)
    )
    return dict(tuples(query))


def _of_artists(digests: Collection[str]) -> dict[str, int]:
    """An artist who has each of these as a picture file."""
    query = (
        ArtistPicture.select(ArtistPicture.digest, fn.MIN(ArtistPicture.artist))
        .where(ArtistPicture.digest.in_(list(digests)))
        .group_by(ArtistPicture.digest)
    )
    return dict(tuples(query))


def chosen_among(digests: Collection[str]) -> set[str]:
    """Those of the images that the user chose."""
    query = Image.select(Image.digest).join(ChosenImage).where(Image.digest.in_(list(digests)))
    return {digest for (digest,) in tuples(query)}


def _drop(digests: Collection[str]) -> int:
    return int(Image.delete().where(Image.digest.in_(sorted(digests))).execute())


def _after(shard: str) -> str:
    """What all digests of a shard come before, and none of a later one."""
    return f"{int(shard, 16) + 1:02x}" if shard != "ff" else "g"


def note_unused(grace: timedelta) -> list[str]:
    """Note since when each image is unused; the digests of those that are so for longer than this.

    An image is used by what shows it, by a choice of the user, by an artist's folder and by every
    track that carries it, missing tracks too.
    """
    now = utc_now()
    with transaction():
        Image.update(unused_since=None).where(
            Image.unused_since.is_null(False), _is_used()
        ).execute()
        Image.update(unused_since=now).where(Image.unused_since.is_null(), ~_is_used()).execute()
    query = Image.select(Image.digest).where(Image.unused_since < now - grace)
    return [digest for (digest,) in tuples(query.order_by(Image.digest))]


def drop_unused(digests: Collection[str]) -> list[str]:
    """Drop the rows of those images that nothing uses by now; their digests."""
    forgotten: list[str] = []
    for part in slices(sorted(digests)):
        with transaction():
            rows = Image.select(Image.id, Image.digest).where(among(Image.digest, part))
            # PostgreSQL: whoever is about to use one of them has done so before this returns, or
            # waits. What is unused is asked after that, for rows that use an image go with it.
            ids = [row.id for row in (rows if is_sqlite() else rows.for_update())]
            unused = dict(tuples(rows.where(Image.id.in_(ids), ~_is_used())))
            Image.delete().where(Image.id.in_(list(unused))).execute()
            forgotten += unused.values()
    return forgotten


def _is_used() -> Expression | Function:
    """Whether anything points to an image."""
    return (
        _has_row(Cover, Cover.image == Image.id)
        | _has_row(ChosenImage, ChosenImage.image == Image.id)
        | _has_row(ArtistPicture, ArtistPicture.digest == Image.digest)
        | _has_row(EmbeddedPicture, EmbeddedPicture.digest == Image.digest)
    )


def _has_row(table: Any, points: Expression) -> Function:
    return fn.EXISTS(table.select(SQL("1")).where(points))


class KnownImage(NamedTuple):
    """A row of `images`."""

    digest: str
    mime: str
    width: int | None
    height: int | None
    bytes: int
    fault: str | None
    """Why it cannot be shown; None when it can."""
    animated: bool
    colour: str | None
    """The dominant colour, "#rrggbb"."""
    placeholder: str | None
    """A ThumbHash, in base64."""


_IMAGE_FIELDS = [getattr(Image, name) for name in KnownImage._fields]


def known_images(digests: Collection[str]) -> dict[str, KnownImage]:
    """The rows of `images` with these digests."""
    return {row[0]: KnownImage(*row) for row in _KNOWN_IMAGES.rows(sorted(digests))}


_KNOWN_IMAGES = Prepared.by(Image.digest, *_IMAGE_FIELDS)


def record(found: Sequence[KnownImage]) -> None:
    """Write what was found out of pictures, over what was known of them.

    In the order of digests, so that two jobs that write the same rows wait for each other in turn.
    """
    insert_rows(Image, KnownImage._fields, sorted(found), unique=("digest",))


class Choice(NamedTuple):
    """An image that the user chose."""

    digest: str
    source_path: str
    """The file that the user named."""


def chosen_images(
    entity_type: EntityType, entity_ids: Sequence[int]
) -> dict[int, dict[str, Choice]]:
    """What the user chose for each of the entities for which there is a choice, by role."""
    found: dict[int, dict[str, Choice]] = defaultdict(dict)
    for ids in slices(entity_ids):
        query = (
            ChosenImage.select(
                ChosenImage.entity_id, ChosenImage.role, Image.digest, ChosenImage.source_path
            )
            .join(Image)
            .where(ChosenImage.entity_type == entity_type, among(ChosenImage.entity_id, ids))
        )
        for entity_id, role, digest, source_path in tuples(query):
            found[entity_id][role] = Choice(digest, source_path)
    return dict(found)


def choose_image(entity_type: EntityType, entity_id: int, role: str, choice: Choice) -> None:
    """Write the user's choice, in place of an earlier one. The image has its row already."""
    image = Image.get(Image.digest == choice.digest)
    ChosenImage.insert(
        entity_type=entity_type,
        entity_id=entity_id,
        role=role,
        image=image.id,
        source_path=choice.source_path,
    ).on_conflict(
        conflict_target=[ChosenImage.entity_type, ChosenImage.entity_id, ChosenImage.role],
        update={
            ChosenImage.image: image.id,
            ChosenImage.source_path: choice.source_path,
            ChosenImage.chosen_at: utc_now(),
        },
    ).execute()


def withdraw_choice(entity_type: EntityType, entity_id: int, role: str) -> bool:
    """Drop the user's choice; whether there was one."""
    query = ChosenImage.delete().where(
        ChosenImage.entity_type == entity_type,
        ChosenImage.entity_id == entity_id,
        ChosenImage.role == role,
    )
    return bool(query.execute())


def hand_over(entity_type: EntityType, source: int, target: int) -> None:
    """Give what users chose and said of an entity, which is about to go, to another of its type.

    A picture that the other has of its own stays.
    """
    mine, its = (
        (ChosenImage.entity_type == entity_type) & (ChosenImage.entity_id == each)
        for each in (target, source)
    )
    roles = [row.role for row in ChosenImage.select(ChosenImage.role).where(mine)]
    ChosenImage.update(entity_id=target).where(its, ChosenImage.role.not_in(roles)).execute()
    mine, its = (
        (Annotation.entity_type == entity_type) & (Annotation.entity_id == each)
        for each in (target, source)
    )
    known = {row.user_id: row for row in Annotation.select().where(mine)}
    for row in Annotation.select().where(its):
        if own := known.get(row.user_id):
            own.starred_at = min(filter(None, (own.starred_at, row.starred_at)), default=None)
            own.rating = own.rating or row.rating
            own.plays += row.plays
            own.played_at = max(filter(None, (own.played_at, row.played_at)), default=None)
            own.save()
        else:
            Annotation.update(entity_id=target).where(Annotation.id == row.id).execute()
