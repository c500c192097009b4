"""Pictures, on disk and from the web."""

from typing import Any

from db.artwork import image_files
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ArtistPicture,
    ChosenImage,
    Cover,
    EmbeddedPicture,
    EntityType,
    Image,
    Kind,
)
from db.sql.connection import transaction
from db.sql.path_text import to_text
from jobs.covers import remote
from tests.mission.cases import Is, Prepared, case, needs
from tests.mission.standing_fleet import StandingFleet
from tests.music import picture
from tests.providers import library as remote_library
from tests.providers.server import page
from tests.providers.server import picture as picture_page
from tests.providers.shapes import data, deezer_album, deezer_artist


@case("covers.extract_embedded")
def _embedded(fleet: StandingFleet) -> Prepared:
    seen = EmbeddedPicture.get()
    image_files.original(seen.digest).unlink()
    needs(Kind.PICTURE, EntityType.TRACK, seen.track_id)
    stored = image_files.original(seen.digest)
    return Prepared({"track_ids": [seen.track_id]}, lambda _: stored.exists())


def _shows(entity_type: EntityType, entity_id: int) -> Is:
    """Take away what it shows, and ask for it."""
    shown = (Cover.entity_type == entity_type) & (Cover.entity_id == entity_id)
    Cover.delete().where(shown).execute()
    needs(Kind.COVER, entity_type, entity_id)
    return lambda _: Cover.select().where(shown).exists()


@case("covers.process_track_covers_batch")
def _track_covers(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_ids": [1]}, _shows(EntityType.TRACK, 1))


@case("covers.process_album_covers")
def _album_covers(fleet: StandingFleet) -> Prepared:
    return Prepared({"album_ids": [1]}, _shows(EntityType.ALBUM, 1))


@case("covers.process_artist_images_batch")
def _artist_images_batch(fleet: StandingFleet) -> Prepared:
    return Prepared({"artist_ids": [1]}, _shows(EntityType.ARTIST, 1))


@case("covers.process_artist_images")
def _artist_images(fleet: StandingFleet) -> Prepared:
    return Prepared({"artist_id": 2}, _shows(EntityType.ARTIST, 2))


@case("covers.extract_artist_images")
def _artist_pictures(fleet: StandingFleet) -> Prepared:
    ArtistPicture.delete().where(ArtistPicture.artist == 1).execute()
    needs(Kind.PICTURE, EntityType.ARTIST, 1)
    noted = ArtistPicture.select().where(ArtistPicture.artist == 1)
    return Prepared({"artist_ids": [1]}, lambda _: noted.exists())


def _choice(fleet: StandingFleet, album_id: int) -> dict[str, Any]:
    path = fleet.music / f"chosen {album_id}.jpg"
    path.write_bytes(picture("gold"))
    album: dict[str, Any] = {"entity_type": "album", "entity_id": album_id, "role": "front"}
    return {**album, "path": to_text(bytes(path))}


def _is_chosen(album_id: int) -> bool:
    return ChosenImage.select().where(ChosenImage.entity_id == album_id).exists()


@case("covers.choose_image")
def _choose(fleet: StandingFleet) -> Prepared:
    return Prepared(_choice(fleet, 3), lambda _: _is_chosen(3))


@case("covers.withdraw_image")
def _withdraw(fleet: StandingFleet) -> Prepared:
    chosen = _choice(fleet, 4)
    fleet.run("covers.choose_image", chosen)
    assert _is_chosen(4)
    del chosen["path"]
    return Prepared(chosen, lambda _: not _is_chosen(4))


@case("covers.explain")
def _explain(fleet: StandingFleet) -> Prepared:
    return Prepared({"entity_type": "album", "entity_id": 1}, lambda job: bool(job.return_value()))


@case("covers.make_thumbnails")
def _thumbnails(fleet: StandingFleet) -> Prepared:
    digest = Image.get().digest
    size = max(image_files.SIZES)
    made = image_files.thumbnail(digest, size)
    assert not made.exists()
    return Prepared({"digest": digest, "size": size}, lambda _: made.exists())


@case("covers.fetch_album_covers")
def _fetch_album(fleet: StandingFleet) -> Prepared:
    url = f"{fleet.web.url}/deezer/album.jpg"
    fleet.web.routes["/deezer/album.jpg"] = picture_page(remote_library.paint("blue"))
    found = data(deezer_album("Far Away", "Somebody", url, tracks=0))
    fleet.web.routes["/deezer/search/album"] = page(found)
    with transaction():  # the fleet writes too
        album = Album.create(key="Far Away", title="Far Away")
        artist, _ = Artist.get_or_create(name="Somebody")
        AlbumArtist.create(album=album, position=0, artist=artist)
        remote.need_searches(EntityType.ALBUM, [album.id])
    return Prepared({"album_ids": [album.id]}, _shown_from(EntityType.ALBUM, album.id, "deezer"))


@case("covers.fetch_artist_images")
def _fetch_artist(fleet: StandingFleet) -> Prepared:
    url = f"{fleet.web.url}/deezer/artist.jpg"
    fleet.web.routes["/deezer/artist.jpg"] = picture_page(remote_library.paint("red"))
    fleet.web.routes["/deezer/search/artist"] = page(data(deezer_artist("Nobody Else", url)))
    artist = Artist.create(name="Nobody Else")
    with transaction():
        remote.need_searches(EntityType.ARTIST, [artist.id])
    done = _shown_from(EntityType.ARTIST, artist.id, "deezer")
    return Prepared({"artist_ids": [artist.id]}, done)


def _shown_from(entity_type: EntityType, entity_id: int, source: str) -> Is:
    shown = Cover.select().where(
        Cover.entity_type == entity_type, Cover.entity_id == entity_id, Cover.source == source
    )
    return lambda _: shown.exists()
