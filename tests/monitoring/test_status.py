"""What `fleet status` shows of the model."""

import json
import threading
from datetime import timedelta

import pytest

from db.models import Genre, Track, TrackGenre, VectorModel, utc_now
from jobs import vectorization
from jobs.monitoring import check_model_health, monitor_tag_changes
from tests.databases import ON_SQLITE
from tests.monitoring.conftest import Library
from tests.web.conftest import ADDRESS, client_of
from web.app import create_app
from worker.cli.fleet import run

Output = pytest.CaptureFixture[str]


def told(output: Output) -> str:
    assert run(["status"]) == 0
    return output.readouterr().out


def test_without_a_model_nothing_is_told_of_one(library: Library, capsys: Output) -> None:
    assert "Model" not in told(capsys)
    assert run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] is None


@ON_SQLITE
def test_status_tells_version_age_health_and_why_a_training_is_due(
    library: Library, capsys: Output
) -> None:
    library.fill()
    version = vectorization.train("test")
    start = f"Similarity model {version}, 8 days old, health: "
    VectorModel.update(trained_at=utc_now() - timedelta(days=8)).execute()
    expected = start + "not measured yet; a training is not due: not checked yet"
    assert expected in told(capsys)
    check_model_health()
    monitor_tag_changes()
    assert start + "good; a training is due: the model is 8 days old" in told(capsys)
    assert run(["status", "--json"]) == 0
    model = json.loads(capsys.readouterr().out)["model"]
    assert (model["version"], model["retrain"], model["reason"]) == (
        version,
        True,
        "the model is 8 days old",
    )
    assert model["health"]["verdict"] == "good"
    assert model["health"]["coverage"] == 1.0


@ON_SQLITE
def test_what_was_found_of_the_model_before_is_not_told_of_the_next(
    library: Library, capsys: Output
) -> None:
    library.fill()
    vectorization.train("test")
    VectorModel.update(trained_at=utc_now() - timedelta(days=8)).execute()
    monitor_tag_changes()
    vectorization.train("again")
    assert "a training is not due: not checked yet" in told(capsys)


@ON_SQLITE
def test_genres_and_tags_that_were_noticed_are_shown(library: Library, capsys: Output) -> None:
    library.fill()
    vectorization.train("test")
    track = Track.get()
    genre = Genre.create(name="Zouk Nouveau")
    TrackGenre.create(track=track, position=9, genre=genre)
    Track.update(moods=["Wistful"]).where(Track.id == track.id).execute()
    monitor_tag_changes()
    shown = told(capsys)
    assert "; new genres: zouk nouveau" in shown
    assert "; new tags: wistful" in shown
    page = client_of(create_app(ADDRESS, "", threading.Event()))
    assert "new genres: zouk nouveau" in page.get("/maintenance").text
