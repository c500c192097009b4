"""What was heard in the tracks."""

from peewee import (
    DateTimeField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import Table, utc_now
from db.models.music import Track


class AudioFeatures(Table):
    """What was heard in a track's excerpt; see `jobs.audio_analysis`. Of silence most is None.

    Each is a mean over the excerpt's frames, and its `…_deviation` their standard deviation.
    """

    track = ForeignKeyField(Track, primary_key=True, backref="features", on_delete="CASCADE")
    track_id: int
    extractor = IntegerField(index=True)
    """The version of the extractor that wrote the row."""
    content_id = TextField()
    """That of the track when it was analysed: another one has another sound, or other tags."""
    analysed_at = DateTimeField(default=utc_now, index=True)
    decoder = TextField()
    """soundfile or pyav."""
    start = FloatField()
    """Seconds from the beginning of the track to the excerpt."""
    seconds = FloatField()
    """How long the excerpt is."""

    bpm = FloatField(null=True, index=True)
    """Beats a minute; None when there is no pulse."""
    bpm_confidence = FloatField(null=True)
    """0 to 1."""
    bpm_candidates = JSONField(default=list)
    """[beats a minute, strength 0 to 1]: the tempo, and those it may be taken for."""
    tag_bpm = FloatField(null=True)
    """What the file's tags say the tempo is."""
    pulse = FloatField(null=True)
    """How clear the pulse is, 0 to 1."""
    onset_rate = FloatField(null=True)
    """Onsets a second."""

    key = TextField(null=True)
    """Such as F#m and Bb; None when nothing has a pitch."""
    mode = TextField(null=True)
    """major or minor."""
    camelot = TextField(null=True, index=True)
    """The key's place on the Camelot wheel, 1A to 12B."""
    key_confidence = FloatField(null=True)
    """0 to 1."""
    tuning = FloatField(null=True)
    """Cents above A = 440 Hz."""
    chroma_mean = JSONField(default=list)
    """From C on, twelve numbers of 0 to 1."""
    chroma_deviation = JSONField(default=list)
    chroma_entropy = FloatField(null=True)
    """0 for one pitch class, 1 for all alike."""

    loudness = FloatField(null=True)
    """LUFS, of EBU R 128; None for silence."""
    loudness_range = FloatField(null=True)
    """LU, of EBU Tech 3342."""
    peak = FloatField()
    """dBFS."""
    dynamic_range = FloatField()
    """dB from the loudest parts up to the peak."""

    centroid = FloatField(null=True)
    """Hz, as the next two; see `jobs.audio_analysis.timbre`."""
    centroid_deviation = FloatField(null=True)
    bandwidth = FloatField(null=True)
    bandwidth_deviation = FloatField(null=True)
    rolloff = FloatField(null=True)
    rolloff_deviation = FloatField(null=True)
    flatness = FloatField(null=True)
    """0 a tone, 1 white noise."""
    flatness_deviation = FloatField(null=True)
    zero_crossings = FloatField(null=True)
    """A second."""
    zero_crossings_deviation = FloatField(null=True)
    rms = FloatField(null=True)
    """Full scale is 1."""
    rms_deviation = FloatField(null=True)
    contrast = JSONField(default=list)
    """dB in seven sub-bands."""
    mfcc_mean = JSONField(default=list)
    """Twenty coefficients."""
    mfcc_deviation = JSONField(default=list)

    energy = FloatField(null=True)
    """0 to 1, as the next four; see `jobs.audio_analysis.scores`."""
    danceability = FloatField(null=True)
    acousticness = FloatField(null=True)
    instrumentalness = FloatField(null=True)
    valence = FloatField(null=True)
    synthetic_tags = JSONField(default=list)
    """[tag, feature and value that it came from]."""

    class Meta:
        table_name = "audio_features"
