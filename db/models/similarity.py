"""Vectors, clusters and tag words: the models that make them, and the health of each model."""

from peewee import (
    AutoField,
    BlobField,
    BooleanField,
    DateTimeField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
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
    """The signature of the library's tags (`db.similarity.tag_vocabulary`) when it was trained."""
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


class ClusterModel(Table):
    """A fitted mixture. The newest ready one of an entity type is the one in use."""

    id = AutoField()
    entity_type = TextField()
    method = TextField()
    """gmm or kmeans."""
    trained_at = DateTimeField(default=utc_now)
    ready_at = DateTimeField(null=True)
    """When every entity had its memberships; None while they are written."""
    entities = IntegerField()
    """How many entities had a vector when it was fitted."""
    searched = IntegerField()
    """How many there were when the number of clusters was last looked for."""
    clusters = IntegerField()
    """How many clusters it has."""
    bic = FloatField(null=True)
    """The Bayesian information criterion on the rows it was fitted on; None for K-means."""
    vector_model = IntegerField()
    """The id of the vector model whose vectors these were."""
    parameters = BlobField()
    """What `jobs.gmm` needs to apply it: NumPy's npz, without pickles."""

    class Meta:
        table_name = "cluster_models"
        indexes = ((("entity_type", "ready_at"), False),)


class Cluster(Table):
    """A cluster, the same from model to model as long as its members are."""

    id = AutoField()
    entity_type = TextField()
    name = TextField()
    size = IntegerField()
    """How many entities have it as their primary one."""
    made_at = DateTimeField(default=utc_now)
    retired_at = DateTimeField(null=True)
    """When it ceased to be; also of one whose model is not ready yet."""

    class Meta:
        table_name = "clusters"
        indexes = ((("entity_type", "retired_at"), False),)


class ClusterMembership(Table):
    """How far an entity belongs to a cluster, by one model."""

    id = AutoField()
    model = ForeignKeyField(ClusterModel, backref="memberships", on_delete="CASCADE")
    model_id: int
    cluster = ForeignKeyField(Cluster, backref="memberships", on_delete="CASCADE")
    cluster_id: int
    entity_id = IntegerField()
    probability = FloatField()
    """0 to 1; those of an entity sum to 1 at most, for small ones are left out."""
    is_primary = BooleanField()
    """Whether it is the entity's most probable one."""
    made_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "cluster_memberships"
        indexes = (
            (("model", "entity_id", "cluster"), True),
            (("model", "cluster", "is_primary"), False),
        )


class TagWord(Table):
    """A word that tags use, such as `genre:jazz`; see `db.similarity.tag_vocabulary`."""

    word = TextField(primary_key=True)
    first_seen = DateTimeField()
    tracks = IntegerField()
    """How many use it, when last looked; 0 for one that went since the model was trained."""

    class Meta:
        table_name = "tag_words"


class TagCheck(Table):
    """The result of the last check of the tags: a single row, whose id is 1."""

    id = AutoField()
    checked_at = DateTimeField()
    model_id = IntegerField(null=True)
    """The model in use then; None when there was none."""
    signature = TextField()
    """Of the words; see `db.similarity.tag_vocabulary`."""
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
    """A measurement of a model's health; see `jobs.monitoring.measurement`."""

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
    """A `db.similarity.model_health.Verdict`."""
    reason = TextField()
    neighbours = JSONField(default=dict)
    """Of a sample of tracks the nearest ones, for the next model to be compared with; in the
    newest row of each model alone. See `db.similarity.model_health.Sample`."""

    class Meta:
        table_name = "model_health"
        indexes = ((("model", "checked_at"), False),)
