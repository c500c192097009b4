"""Where an entity is among the files."""

from db.models import Album, EntityType, Track


def path_of(entity_type: EntityType, entity_id: int) -> str:
    """The file of a track, the folder of an album; its title or id where it has none any more."""
    if entity_type is EntityType.ALBUM:
        track = Track.select().where(Track.album == entity_id).order_by(Track.path).first()
        album = Album.get_or_none(Album.id == entity_id)
        return str(track.group_folder if track else album.title if album else entity_id)
    track = Track.get_or_none(Track.id == entity_id)
    return str(track.path if track else entity_id)
