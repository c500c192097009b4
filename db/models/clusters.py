"""Groups of tracks, or artists, that sound alike, and the models that find them."""

from peewee import (
    AutoField,
    BlobField,
    BooleanField,
    DateTimeField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from db.models.base import Table, utc_now


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
