"""Pictures: where they were found, which images are stored, and which entity shows which."""

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from db.models.base import PathField, Role, Table, utc_now
from db.models.library import Artist, Track


class EmbeddedPicture(Table):
    """A picture inside an audio file; its bytes are in the store once `images` has the digest."""

    track = ForeignKeyField(Track, backref="pictures", on_delete="CASCADE", index=False)
    position = IntegerField()
    type = IntegerField()
    """The ID3v2 APIC picture type: 3 is the front cover."""
    mime = TextField()
    bytes = IntegerField()
    digest = TextField(index=True)

    class Meta:
        table_name = "embedded_pictures"
        primary_key = CompositeKey("track", "position")


class FolderImage(Table):
    """A picture file seen beside the music, so that a scan notices when it changes."""

    id = AutoField()
    path = PathField(unique=True)
    folder = PathField(index=True)
    size = BigIntegerField()
    mtime_ns = BigIntegerField()

    class Meta:
        table_name = "folder_images"


class Image(Table):
    """A distinct picture in the store. One that cannot be decoded keeps its bytes and says why."""

    id = AutoField()
    digest = TextField(unique=True)
    """SHA-256 of the bytes, in hex; also the name of the file in the store."""
    mime = TextField()
    width = IntegerField(null=True)
    height = IntegerField(null=True)
    bytes = IntegerField()
    fault = TextField(null=True)
    """Why the picture cannot be shown; None when it can."""
    animated = BooleanField(default=False)
    colour = TextField(null=True)
    """The dominant colour, "#rrggbb"."""
    placeholder = TextField(null=True)
    """A ThumbHash, in base64: what is shown until the picture is there."""
    added_at = DateTimeField(default=utc_now)
    unused_since = DateTimeField(null=True)
    """When maintenance first found that nothing points to it; None while something does."""

    class Meta:
        table_name = "images"


class Cover(Table):
    """Which image an entity shows in a role."""

    id = AutoField()
    entity_type = TextField()
    entity_id = IntegerField()
    image = ForeignKeyField(Image, backref="covers", on_delete="CASCADE")
    role = TextField(default=Role.FRONT.value)
    """A `Role`, or disc-N for a disc of an album."""
    source = TextField()
    """chosen, embedded, folder, or a provider's name: where the image was found."""
    rank = IntegerField()
    """The place of the source in the order of choice; 0 is the best, -1 the user's own choice."""
    source_path = TextField()
    """The audio or picture file, or the URL, that the image was taken from."""
    licence = TextField(null=True)
    author = TextField(null=True)
    """Under what terms the image may be shown, and whose work it is, where a provider says so."""

    class Meta:
        table_name = "covers"
        indexes = ((("entity_type", "entity_id", "role"), True),)


_IS_ALBUM_FRONT = SQL("(entity_type = 'album') AND (role = 'front')")
Cover.add_index(Cover.index(Cover.entity_type, Cover.role, Cover.source, where=_IS_ALBUM_FRONT))


class ChosenImage(Table):
    """An image that the user chose for an entity. It beats whatever else is found."""

    id = AutoField()
    entity_type = TextField()
    entity_id = IntegerField()
    role = TextField(default=Role.FRONT.value)
    image = ForeignKeyField(Image, backref="choices", on_delete="CASCADE")
    source_path = TextField()
    """The file that the user named."""
    chosen_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "chosen_images"
        indexes = ((("entity_type", "entity_id", "role"), True),)


class ArtistPicture(Table):
    """A picture file on disk that may show an artist."""

    id = AutoField()
    artist = ForeignKeyField(Artist, backref="pictures", on_delete="CASCADE", index=False)
    role = TextField()
    """A `Role`."""
    rank = IntegerField()
    """The place of its name in the order of choice; 0 is the best."""
    path = TextField()
    digest = TextField(null=True, index=True)
    """Its content in the store; None when it could not be read."""

    class Meta:
        table_name = "artist_pictures"
        indexes = ((("artist", "path", "role"), True),)
