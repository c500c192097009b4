"""What the web says of tracks, albums and artists, apart from what the files say."""

from peewee import AutoField, DateTimeField, FloatField, IntegerField, JSONField, TextField

from db.models.base import Table, utc_now


class Fact(Table):
    """One field of an entity as one source has it. No column of a tag is ever written from it."""

    id = AutoField()
    entity_type = TextField()
    entity_id = IntegerField()
    field = TextField()
    """One of `db.facts.FIELDS`."""
    value = JSONField()
    source = TextField()
    """The provider that said so, as FLEET_PROVIDERS names it."""
    fetched_at = DateTimeField(default=utc_now)
    score = FloatField()
    """How sure it is that the source speaks of this very entity: 0 to 1, 1 by an id in the tags."""
    licence = TextField(null=True)
    """Under what terms it may be shown."""
    url = TextField(null=True)
    """Where people can read it."""

    class Meta:
        table_name = "facts"
        indexes = (
            (("entity_type", "entity_id", "source", "field"), True),
            (("source", "entity_type"), False),
        )
