"""Choices of the user, pictures of artists, answers of providers. Written by peewee-migrate."""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.add_fields(
        "images",
        animated=pw.BooleanField(default=False),
        colour=pw.TextField(null=True),
        placeholder=pw.TextField(null=True),
        unused_since=pw.DateTimeField(null=True),
    )
    migrator.add_fields("covers", licence=pw.TextField(null=True), author=pw.TextField(null=True))

    @migrator.create_model
    class ArtistPicture(pw.Model):
        id = pw.AutoField()
        artist = pw.ForeignKeyField(
            column_name="artist_id",
            field="id",
            model=migrator.orm["artists"],
            on_delete="CASCADE",
        )
        role = pw.TextField()
        rank = pw.IntegerField()
        path = pw.TextField()
        digest = pw.TextField(index=True, null=True)

        class Meta:
            table_name = "artist_pictures"
            indexes = [(("artist", "path", "role"), True)]

    @migrator.create_model
    class ChosenImage(pw.Model):
        id = pw.AutoField()
        entity_type = pw.TextField()
        entity_id = pw.IntegerField()
        role = pw.TextField(default="front")
        image = pw.ForeignKeyField(
            column_name="image_id",
            field="id",
            model=migrator.orm["images"],
            on_delete="CASCADE",
        )
        source_path = pw.TextField()
        chosen_at = pw.DateTimeField()

        class Meta:
            table_name = "chosen_images"
            indexes = [(("entity_type", "entity_id", "role"), True)]

    @migrator.create_model
    class ProviderAnswer(pw.Model):
        id = pw.AutoField()
        provider = pw.TextField()
        question = pw.TextField()
        found = pw.BooleanField()
        answer = pw.JSONField()
        asked_at = pw.DateTimeField()
        ask_again_at = pw.DateTimeField()

        class Meta:
            table_name = "provider_answers"
            indexes = [(("provider", "question"), True)]


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.remove_model("provider_answers")
    migrator.remove_model("chosen_images")
    migrator.remove_model("artist_pictures")
    migrator.remove_fields("covers", "licence", "author")
    migrator.remove_fields("images", "animated", "colour", "placeholder", "unused_since")
