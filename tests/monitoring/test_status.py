"""What `fleet status` shows of the model."""

import json
from datetime import timedelta

import pytest

from db.models import VectorModel, utc_now
from jobs import vectorization
from jobs.monitoring import check_model_health, monitor_tag_changes
from tests.monitoring.conftest import Library
from worker.cli.fleet import run

Output = pytest.CaptureFixture[str]


def told(output: Output) -> str:
    assert run(["status"]) == 0
    return output.readouterr().out


def test_without_a_model_nothing_is_told_of_one(library: Library, capsys: Output) -> None:
    assert "Model" not in told(capsys)
    assert run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] is None


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


def test_what_was_found_of_the_model_before_is_not_told_of_the_next(
    library: Library, capsys: Output
) -> None:
    library.fill()
    vectorization.train("test")
    VectorModel.update(trained_at=utc_now() - timedelta(days=8)).execute()
    monitor_tag_changes()
    vectorization.train("again")
    assert "a training is not due: not checked yet" in told(capsys)
