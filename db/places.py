"""Where an entity is among the files."""

from db.models import Album, Artist, EntityType, Track


def path_of(entity_type: EntityType, entity_id: int) -> str:
    """The file of a track, the folder of an album, the name of an artist; else title or id."""
    if entity_type is EntityType.ARTIST:
        artist = Artist.get_or_none(Artist.id == entity_id)
        return str(artist.name if artist else entity_id)
    if entity_type is EntityType.ALBUM:
        track = Track.select().where(Track.album == entity_id).order_by(Track.path).first()
        album = Album.get_or_none(Album.id == entity_id)
        return str(track.group_folder if track else album.title if album else entity_id)
    track = Track.get_or_none(Track.id == entity_id)
    return str(track.path if track else entity_id)
