"""What is watched of the vectors: the words that the tags use, and how each model holds up."""

from peewee import (
    AutoField,
    BooleanField,
    DateTimeField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import Table, utc_now
from db.models.similarity import VectorModel


class TagWord(Table):
    """A word that tags use, such as `genre:jazz`; see `db.tag_words`."""

    word = TextField(primary_key=True)
    first_seen = DateTimeField()
    tracks = IntegerField()
    """How many use it, when last looked; 0 for one that went since the model was trained."""

    class Meta:
        table_name = "tag_words"


class TagCheck(Table):
    """What the last look at the tags found: a single row, whose id is 1."""

    id = AutoField()
    checked_at = DateTimeField()
    model_id = IntegerField(null=True)
    """The model in use then; None when there was none."""
    signature = TextField()
    """Of the words; see `db.tag_vocabulary`."""
    tracks = IntegerField()
    """How many there were that a model can be trained on."""
    new_genres = JSONField(default=list)
    """[word, when it was first seen]: those that the model does not know."""
    new_tags = JSONField(default=list)
    """The same of all words, genres included."""
    retrain = BooleanField()
    """Whether a training was due."""
    reason = TextField()
    """Why, or why not."""

    class Meta:
        table_name = "tag_checks"


class ModelHealth(Table):
    """How a model was found to hold up; see `jobs.monitoring.measuring`."""

    id = AutoField()
    model = ForeignKeyField(VectorModel, backref="health", on_delete="CASCADE")
    model_id: int
    checked_at = DateTimeField(default=utc_now)
    coverage = FloatField(null=True)
    """Of 0 to 1, as stability, recall and chance; None for what could not be measured."""
    drift = FloatField(null=True)
    """Standard deviations."""
    stability = FloatField(null=True)
    recall = FloatField(null=True)
    chance = FloatField(null=True)
    """The recall of always naming the most frequent genre."""
    verdict = TextField()
    """A `db.model_health.Verdict`."""
    reason = TextField()
    neighbours = JSONField(default=dict)
    """Of a sample of tracks the nearest ones, for the next model to be compared with; in the
    newest row of each model alone. See `db.model_health.Sample`."""

    class Meta:
        table_name = "model_health"
        indexes = ((("model", "checked_at"), False),)
