"""A small library of real files, with the rows that a scan of it would have written."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutagen.flac import FLAC, Picture
from PIL import Image as Pillow

from db import ledger, settings
from db.library import tracks
from db.models import (
    Album,
    Cover,
    EmbeddedPicture,
    EntityType,
    Image,
    Kind,
    LedgerRow,
    Problem,
    State,
    Track,
)
from db.scanning.library_files import folder_of, group_folder
from db.sql.connection import transaction
from db.sql.path_text import to_bytes, to_text
from jobs import covers
from jobs.metadata.reader import read_pictures
from jobs.pictures import store
from tests.music import tone

FRONT, BACK, BOOKLET, ARTIST, OTHER, ICON, LABEL = 3, 4, 5, 8, 0, 1, 6

Embedded = Sequence[tuple[int, bytes]]
"""Pictures to embed: picture type and bytes."""


def paint(
    colour: str | int | tuple[int, ...],
    size: tuple[int, int] = (64, 64),
    format: str = "JPEG",
    **options: Any,
) -> bytes:
    """A picture of one colour, with options as Pillow's `save` has them."""
    buffer = io.BytesIO()
    Pillow.new("RGB", size, colour).save(buffer, format, **options)
    return buffer.getvalue()


@dataclass
class Library:
    """Music below `root`, in the database as a scan leaves it."""

    root: Path

    def write(self, name: str | bytes, pictures: Embedded = ()) -> str:
        """Write an audio file with these pictures and return its path."""
        path = self.root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tone("flac"))
        audio = FLAC(path)
        for kind, data in pictures:
            picture = Picture()
            picture.type, picture.mime, picture.data = kind, "image/jpeg", data
            audio.add_picture(picture)
        audio.save()
        return to_text(bytes(path))

    def track(
        self,
        name: str | bytes,
        album: str | None = None,
        pictures: Embedded = (),
        disc: int | None = None,
        number: int | None = None,
    ) -> int:
        """An audio file and its rows; the same name again retags the file."""
        path = self.write(name, pictures)
        folder = folder_of(path)
        row = {
            "path": path,
            "folder": folder,
            "group_folder": group_folder(folder),
            "album": self.album(album) if album else None,
            "disc": disc,
            "track": number,
            "codec": "flac",
            "container": "flac",
            "part": 0,
            "size": 0,
            "mtime_ns": 0,
            "content_id": path,
            "missing_since": None,
        }
        with transaction():
            track_id = tracks.upsert([row])[path, 0]
            EmbeddedPicture.delete().where(EmbeddedPicture.track == track_id).execute()
            for position, picture in enumerate(read_pictures(path)):
                EmbeddedPicture.create(track=track_id, position=position, **vars(picture.info()))
        self.need(track_id)
        return track_id

    def album(self, key: str) -> int:
        """The id of an album; its cover is needed from now on."""
        album, _ = Album.get_or_create(key=key)
        with transaction():
            ledger.need(Kind.COVER, EntityType.ALBUM, [album.id])
        return int(album.id)

    def need(self, track_id: int) -> None:
        """Say that the track's pictures and cover are needed (again)."""
        with transaction():
            ledger.need(Kind.PICTURE, EntityType.TRACK, [track_id])
            ledger.need(Kind.COVER, EntityType.TRACK, [track_id])

    def image(self, name: str, data: bytes) -> Path:
        """A picture file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def lose(self, track_id: int) -> None:
        """Delete a track's file without anybody knowing."""
        Path(os.fsdecode(to_bytes(Track.get_by_id(track_id).path))).unlink()

    def need_everything(self) -> None:
        """Reset the needs of every cover and picture."""
        for row in Track.select():
            self.need(row.id)
        for album in Album.select():
            self.album(album.key)

    def work(self) -> None:
        """Run each of the jobs that look on disk on what is to be done."""
        for need in ledger.NEEDS:
            if need.kind not in ledger.UNHURRIED:
                job = getattr(covers, need.job.removeprefix("covers."))
                job(ledger.with_state(need, [State.TODO]))

    def shown(self, entity_type: EntityType, entity_id: int, role: str = "front") -> bytes | None:
        """The bytes of the picture that an entity shows in a role."""
        cover = Cover.get_or_none(
            Cover.entity_type == entity_type, Cover.entity_id == entity_id, Cover.role == role
        )
        return store.original(cover.image.digest).read_bytes() if cover else None

    def album_shows(self, key: str, role: str = "front") -> bytes | None:
        """The bytes of the picture that an album shows in a role."""
        return self.shown(EntityType.ALBUM, Album.get(key=key).id, role)

    def track_shows(self, track_id: int) -> bytes | None:
        """The bytes of the picture that a track shows."""
        return self.shown(EntityType.TRACK, track_id)

    def album_cover(self, key: str) -> Cover:
        """The cover row of an album."""
        return Cover.get(
            Cover.entity_type == EntityType.ALBUM,
            Cover.entity_id == Album.get(key=key).id,
            Cover.role == "front",
        )

    def ledger(self, kind: Kind, entity_type: EntityType, entity_id: int) -> LedgerRow:
        """The ledger row of a need."""
        return LedgerRow.get(
            LedgerRow.kind == kind,
            LedgerRow.entity_type == entity_type,
            LedgerRow.entity_id == entity_id,
        )

    def album_ledger(self, key: str) -> LedgerRow:
        """The ledger row of an album's cover."""
        return self.ledger(Kind.COVER, EntityType.ALBUM, Album.get(key=key).id)

    def problems(self) -> dict[str, str]:
        """The code of each problem by the path below the root."""
        return {
            problem.path.removeprefix(f"{self.root}/"): problem.code for problem in Problem.select()
        }

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """What the jobs have written, without the moments at which they did."""
        moments = ("last_seen", "leased_until", "look_again_at")
        return {
            table.__name__: [
                {name: value for name, value in row.items() if name not in moments}
                for row in table.select().order_by(table.id).dicts()
            ]
            for table in (Image, Cover, LedgerRow, Problem)
        }

    def stored(self) -> dict[str, bytes]:
        """Every file of the picture store."""
        folder = settings.images_dir()
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
