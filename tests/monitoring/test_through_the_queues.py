"""From the hourly look to the next model, by a worker as the fleet runs it."""

from datetime import timedelta

import pytest
import redis

from db.models import VectorModel, utc_now
from db.similarity import vectors
from jobs import vectorization
from tests.monitoring.conftest import Library
from worker import dispatch
from worker.process.fleet_worker import FleetWorker


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_model_that_is_due_is_trained_anew(library: Library, queues: redis.Redis) -> None:
    library.fill()
    before = vectorization.train("test")
    assert before is not None
    VectorModel.update(trained_at=utc_now() - timedelta(days=8)).execute()
    dispatch.enqueue("monitoring.check_model_health")
    dispatch.enqueue("monitoring.monitor_tag_changes")
    names = ["vectorization_monitoring", "deferred_vectors"]
    FleetWorker("tests-1", names, queues).work(burst=True, logging_level="WARNING")
    model = vectors.current_model()
    assert model is not None
    assert (model.id, model.reason) == (before + 1, "the model is 8 days old")
