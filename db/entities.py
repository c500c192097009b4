"""Albums and artists by what people call them."""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from db.models import Album, Artist, EntityType
from db.rows import tuples


class Entity(NamedTuple):
    """An album or artist."""

    type: EntityType
    id: int
    name: str
    """An album's title, an artist's name."""
    by: str | None = None
    """The artists of an album."""

    @property
    def address(self) -> str:
        """What names just this one, such as album:12."""
        return f"{self.type}:{self.id}"

    @property
    def full_name(self) -> str:
        """The name with the artists before it."""
        return f"{self.by} - {self.name}" if self.by else self.name


def entities(types: Iterable[EntityType]) -> Iterator[Entity]:
    """Every album and artist of these types, by id."""
    if EntityType.ALBUM in types:
        query = Album.select(Album.id, Album.title, Album.album_artist).order_by(Album.id)
        for album_id, title, artists in tuples(query):
            yield Entity(EntityType.ALBUM, album_id, title or "", artists)
    if EntityType.ARTIST in types:
        for artist_id, name in tuples(Artist.select(Artist.id, Artist.name).order_by(Artist.id)):
            yield Entity(EntityType.ARTIST, artist_id, name)


def exists(entity_type: EntityType, entity_id: int) -> bool:
    """Whether there is an album or artist, as the type says, with this id."""
    if entity_type is EntityType.ALBUM:
        return bool(Album.select().where(Album.id == entity_id).exists())
    return bool(Artist.select().where(Artist.id == entity_id).exists())


def called(text: str, known: Iterable[Entity]) -> list[Entity]:
    """Those that are called so: by address, by id (an album's first), name, or full name."""
    everyone = list(known)
    by_id = [each for each in everyone if text in {each.address, str(each.id)}]
    if len({each.type for each in by_id}) > 1:  # a bare number
        by_id = [each for each in by_id if each.type is EntityType.ALBUM]
    folded = _folded(text)
    by_name = [each for each in everyone if folded in {_folded(each.name), _folded(each.full_name)}]
    return by_id + [each for each in by_name if each not in by_id]


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
