"""What providers on the web say of tracks, albums and artists, apart from the tags."""

from peewee import (
    AutoField,
    BooleanField,
    DateTimeField,
    FloatField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import Table, utc_now


class Fact(Table):
    """One field of an entity as one source has it. No column of a tag is ever written from it."""

    id = AutoField()
    entity_type = TextField()
    entity_id = IntegerField()
    field = TextField()
    """What the value is of, such as `type`; the names of a few are in `db.enrichment.facts`."""
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


class ProviderAnswer(Table):
    """What a provider on the web answered, so that it is not asked again too soon."""

    id = AutoField()
    provider = TextField()
    question = TextField()
    """What was asked, in a form that is the same each time."""
    found = BooleanField()
    answer = JSONField(default=dict)
    asked_at = DateTimeField(default=utc_now)
    ask_again_at = DateTimeField()

    class Meta:
        table_name = "provider_answers"
        indexes = ((("provider", "question"), True),)
