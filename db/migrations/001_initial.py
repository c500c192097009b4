"""The first tables. Written by peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):

    @migrator.create_model
    class Album(pw.Model):
        id = pw.AutoField()
        key = pw.TextField(unique=True)
        title = pw.TextField(null=True)
        album_artist = pw.TextField(null=True)
        sort_title = pw.TextField(null=True)
        date = pw.TextField(null=True)
        original_date = pw.TextField(null=True)
        compilation = pw.BooleanField(default=False)
        disc_total = pw.IntegerField(null=True)
        label = pw.TextField(null=True)
        catalogue_number = pw.TextField(null=True)
        musicbrainz_release_id = pw.TextField(index=True, null=True)
        musicbrainz_release_group_id = pw.TextField(null=True)
        added_at = pw.DateTimeField()

        class Meta:
            table_name = "albums"

    @migrator.create_model
    class Artist(pw.Model):
        id = pw.AutoField()
        name = pw.TextField(unique=True)
        sort_name = pw.TextField(null=True)
        musicbrainz_id = pw.TextField(null=True)

        class Meta:
            table_name = "artists"

    @migrator.create_model
    class AlbumArtist(pw.Model):
        album = pw.ForeignKeyField(
            column_name="album_id", field="id", model=migrator.orm["albums"], on_delete="CASCADE"
        )
        position = pw.IntegerField()
        artist = pw.ForeignKeyField(
            column_name="artist_id", field="id", model=migrator.orm["artists"], on_delete="CASCADE"
        )

        class Meta:
            table_name = "album_artists"
            primary_key = pw.CompositeKey("album", "position")

    @migrator.create_model
    class Image(pw.Model):
        id = pw.AutoField()
        digest = pw.TextField(unique=True)
        mime = pw.TextField()
        width = pw.IntegerField(null=True)
        height = pw.IntegerField(null=True)
        bytes = pw.IntegerField()
        fault = pw.TextField(null=True)
        added_at = pw.DateTimeField()

        class Meta:
            table_name = "images"

    @migrator.create_model
    class Cover(pw.Model):
        id = pw.AutoField()
        entity_type = pw.TextField()
        entity_id = pw.IntegerField()
        image = pw.ForeignKeyField(
            column_name="image_id", field="id", model=migrator.orm["images"], on_delete="CASCADE"
        )
        role = pw.TextField(default="front")
        source = pw.TextField()
        rank = pw.IntegerField()
        source_path = pw.TextField()

        class Meta:
            table_name = "covers"
            indexes = [(("entity_type", "entity_id", "role"), True)]

    @migrator.create_model
    class Track(pw.Model):
        id = pw.AutoField()
        path = pw.TextField(unique=True)
        folder = pw.TextField(index=True)
        group_folder = pw.TextField(index=True)
        album = pw.ForeignKeyField(
            column_name="album_id",
            field="id",
            model=migrator.orm["albums"],
            null=True,
            on_delete="SET NULL",
        )
        title = pw.TextField(null=True)
        disc = pw.IntegerField(null=True)
        disc_total = pw.IntegerField(null=True)
        disc_subtitle = pw.TextField(null=True)
        track = pw.IntegerField(null=True)
        track_total = pw.IntegerField(null=True)
        date = pw.TextField(null=True)
        original_date = pw.TextField(null=True)
        album_title = pw.TextField(null=True)
        album_artist_names = pw.JSONField()
        compilation = pw.BooleanField(default=False)
        composers = pw.JSONField()
        moods = pw.JSONField()
        bpm = pw.FloatField(null=True)
        key = pw.TextField(null=True)
        labels = pw.JSONField()
        catalogue_numbers = pw.JSONField()
        isrcs = pw.JSONField()
        has_lyrics = pw.BooleanField(default=False)
        replaygain_track_gain = pw.FloatField(null=True)
        replaygain_track_peak = pw.FloatField(null=True)
        replaygain_album_gain = pw.FloatField(null=True)
        replaygain_album_peak = pw.FloatField(null=True)
        title_sort = pw.TextField(null=True)
        album_sort = pw.TextField(null=True)
        artist_sorts = pw.JSONField()
        album_artist_sorts = pw.JSONField()
        musicbrainz_recording_id = pw.TextField(null=True)
        musicbrainz_track_id = pw.TextField(null=True)
        musicbrainz_release_id = pw.TextField(null=True)
        musicbrainz_release_group_id = pw.TextField(null=True)
        musicbrainz_artist_ids = pw.JSONField()
        musicbrainz_album_artist_ids = pw.JSONField()
        acoustid = pw.TextField(null=True)
        duration = pw.FloatField(null=True)
        codec = pw.TextField()
        container = pw.TextField()
        bit_rate = pw.IntegerField(null=True)
        sample_rate = pw.IntegerField(null=True)
        bit_depth = pw.IntegerField(null=True)
        channels = pw.IntegerField(null=True)
        size = pw.BigIntegerField()
        mtime_ns = pw.BigIntegerField()
        content_id = pw.TextField(index=True)
        missing_since = pw.DateTimeField(index=True, null=True)
        added_at = pw.DateTimeField()

        class Meta:
            table_name = "tracks"

    @migrator.create_model
    class EmbeddedPicture(pw.Model):
        track = pw.ForeignKeyField(
            column_name="track_id", field="id", model=migrator.orm["tracks"], on_delete="CASCADE"
        )
        position = pw.IntegerField()
        type = pw.IntegerField()
        mime = pw.TextField()
        bytes = pw.IntegerField()
        digest = pw.TextField(index=True)

        class Meta:
            table_name = "embedded_pictures"
            primary_key = pw.CompositeKey("track", "position")

    @migrator.create_model
    class FolderImage(pw.Model):
        id = pw.AutoField()
        path = pw.TextField(unique=True)
        folder = pw.TextField(index=True)
        size = pw.BigIntegerField()
        mtime_ns = pw.BigIntegerField()

        class Meta:
            table_name = "folder_images"

    @migrator.create_model
    class Genre(pw.Model):
        id = pw.AutoField()
        name = pw.TextField(unique=True)

        class Meta:
            table_name = "genres"

    @migrator.create_model
    class LedgerRow(pw.Model):
        id = pw.AutoField()
        kind = pw.TextField()
        entity_type = pw.TextField()
        entity_id = pw.IntegerField()
        state = pw.TextField(default="todo")
        reason = pw.TextField(null=True)
        sources = pw.JSONField()
        attempt = pw.IntegerField(default=0)
        lease = pw.TextField(null=True)
        leased_until = pw.DateTimeField(null=True)
        look_again_at = pw.DateTimeField(null=True)

        class Meta:
            table_name = "ledger"
            indexes = [
                (("kind", "entity_type", "entity_id"), True),
                (("kind", "entity_type", "state"), False),
                (("lease",), False),
            ]

    @migrator.create_model
    class Problem(pw.Model):
        id = pw.AutoField()
        path = pw.TextField()
        stage = pw.TextField()
        code = pw.TextField()
        message = pw.TextField()
        size = pw.BigIntegerField(null=True)
        mtime_ns = pw.BigIntegerField(null=True)
        first_seen = pw.DateTimeField()
        last_seen = pw.DateTimeField()

        class Meta:
            table_name = "problems"
            indexes = [(("path", "stage"), True)]

    @migrator.create_model
    class Scan(pw.Model):
        id = pw.AutoField()
        root = pw.TextField()
        deep = pw.BooleanField(default=False)
        started_at = pw.DateTimeField()
        heartbeat_at = pw.DateTimeField()
        walked_at = pw.DateTimeField(null=True)
        finished_at = pw.DateTimeField(null=True)
        fault = pw.TextField(null=True)
        found = pw.IntegerField(default=0)
        unchanged = pw.IntegerField(default=0)
        missing = pw.IntegerField(default=0)
        new = pw.IntegerField(default=0)
        changed = pw.IntegerField(default=0)
        moved = pw.IntegerField(default=0)
        unreadable = pw.IntegerField(default=0)

        class Meta:
            table_name = "scans"

    @migrator.create_model
    class ScanChunk(pw.Model):
        id = pw.AutoField()
        scan = pw.ForeignKeyField(
            column_name="scan_id", field="id", model=migrator.orm["scans"], on_delete="CASCADE"
        )
        files = pw.JSONField()
        regroup = pw.JSONField()
        split_folder = pw.TextField(null=True)
        file_count = pw.IntegerField(default=0)
        done_at = pw.DateTimeField(null=True)

        class Meta:
            table_name = "scan_chunks"
            indexes = [(("scan", "done_at"), False)]

    @migrator.create_model
    class TrackArtist(pw.Model):
        track = pw.ForeignKeyField(
            column_name="track_id", field="id", model=migrator.orm["tracks"], on_delete="CASCADE"
        )
        position = pw.IntegerField()
        artist = pw.ForeignKeyField(
            column_name="artist_id", field="id", model=migrator.orm["artists"], on_delete="CASCADE"
        )

        class Meta:
            table_name = "track_artists"
            primary_key = pw.CompositeKey("track", "position")

    @migrator.create_model
    class TrackGenre(pw.Model):
        track = pw.ForeignKeyField(
            column_name="track_id", field="id", model=migrator.orm["tracks"], on_delete="CASCADE"
        )
        position = pw.IntegerField()
        genre = pw.ForeignKeyField(
            column_name="genre_id", field="id", model=migrator.orm["genres"], on_delete="CASCADE"
        )

        class Meta:
            table_name = "track_genres"
            primary_key = pw.CompositeKey("track", "position")


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("track_genres")

    migrator.remove_model("track_artists")

    migrator.remove_model("scan_chunks")

    migrator.remove_model("scans")

    migrator.remove_model("problems")

    migrator.remove_model("ledger")

    migrator.remove_model("genres")

    migrator.remove_model("folder_images")

    migrator.remove_model("embedded_pictures")

    migrator.remove_model("tracks")

    migrator.remove_model("covers")

    migrator.remove_model("images")

    migrator.remove_model("album_artists")

    migrator.remove_model("artists")

    migrator.remove_model("albums")
