"""Features of the sound of tracks. Written by peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class AudioFeatures(pw.Model):
        track = pw.ForeignKeyField(
            column_name="track_id",
            field="id",
            model=migrator.orm["tracks"],
            on_delete="CASCADE",
            primary_key=True,
        )
        extractor = pw.IntegerField(index=True)
        content_id = pw.TextField()
        analysed_at = pw.DateTimeField()
        decoder = pw.TextField()
        start = pw.FloatField()
        seconds = pw.FloatField()
        bpm = pw.FloatField(null=True, index=True)
        bpm_confidence = pw.FloatField(null=True)
        bpm_candidates = pw.JSONField()
        tag_bpm = pw.FloatField(null=True)
        pulse = pw.FloatField(null=True)
        onset_rate = pw.FloatField(null=True)
        key = pw.TextField(null=True)
        mode = pw.TextField(null=True)
        camelot = pw.TextField(null=True, index=True)
        key_confidence = pw.FloatField(null=True)
        tuning = pw.FloatField(null=True)
        chroma_mean = pw.JSONField()
        chroma_deviation = pw.JSONField()
        chroma_entropy = pw.FloatField(null=True)
        loudness = pw.FloatField(null=True)
        loudness_range = pw.FloatField(null=True)
        peak = pw.FloatField()
        dynamic_range = pw.FloatField()
        centroid = pw.FloatField(null=True)
        centroid_deviation = pw.FloatField(null=True)
        bandwidth = pw.FloatField(null=True)
        bandwidth_deviation = pw.FloatField(null=True)
        rolloff = pw.FloatField(null=True)
        rolloff_deviation = pw.FloatField(null=True)
        flatness = pw.FloatField(null=True)
        flatness_deviation = pw.FloatField(null=True)
        zero_crossings = pw.FloatField(null=True)
        zero_crossings_deviation = pw.FloatField(null=True)
        rms = pw.FloatField(null=True)
        rms_deviation = pw.FloatField(null=True)
        contrast = pw.JSONField()
        mfcc_mean = pw.JSONField()
        mfcc_deviation = pw.JSONField()
        energy = pw.FloatField(null=True)
        danceability = pw.FloatField(null=True)
        acousticness = pw.FloatField(null=True)
        instrumentalness = pw.FloatField(null=True)
        valence = pw.FloatField(null=True)
        synthetic_tags = pw.JSONField()

        class Meta:
            table_name = "audio_features"


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("audio_features")
