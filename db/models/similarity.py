"""What sounds like what: the models that make vectors, and the vectors."""

from peewee import (
    AutoField,
    BlobField,
    BooleanField,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from db.models.base import Table, utc_now


class VectorModel(Table):
    """A trained model; its id is its version, and the newest trained is the one in use."""

    id = AutoField()
    trained_at = DateTimeField(default=utc_now)
    reason = TextField()
    """Why it was trained."""
    dimension = IntegerField()
    """How many numbers each of its vectors has."""
    tracks = IntegerField()
    """How many tracks it was trained on."""
    genres = IntegerField()
    """How many genres these had."""
    vocabulary = TextField()
    """The signature of the library's tags when it was trained; see `db.tag_vocabulary`."""
    parameters = BlobField()
    """What `jobs.vectorization` needs to apply it: NumPy's npz, without pickles."""
    in_training = BooleanField(default=False)
    """Whether its vectors are still being made: the one before it is in use until they all are."""

    class Meta:
        table_name = "vector_models"


class Vector(Table):
    """Where an entity lies among the others: of length 1, so that a dot product says how near.

    While a model is in training an entity has one by it, and one by the model in use.
    """

    id = AutoField()
    entity_type = TextField()
    entity_id = IntegerField()
    model = ForeignKeyField(VectorModel, backref="vectors", on_delete="CASCADE")
    model_id: int
    dimension = IntegerField()
    """How many numbers it has; always its model's."""
    numbers = BlobField()
    """32-bit floats, little-endian."""
    made_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "vectors"
        indexes = (
            (("entity_type", "entity_id", "model"), True),
            (("entity_type", "model", "made_at"), False),
        )
