"""The table of the mission: each job is consumed by the program of its queue, with its effect."""

import pytest
from rq.job import JobStatus

import tests.mission.effects  # noqa: F401  # fills CASES
from tests.mission.cases import CASES
from tests.mission.standing_fleet import StandingFleet
from worker import dispatch
from worker.topology import load
from worker.topology.model import process_name_of

QUEUES = (
    "scan",
    "extract",
    "batch",
    "insert",
    "deferred_covers",
    "deferred_enrichment",
    "deferred_vectors",
    "vectorization_monitoring",
    "maintenance",
    "gmm",
    "audio_analysis",
)
"""The rows that the mission names."""
JOBS = sorted(load().routes)


def test_every_queue_of_the_mission_is_declared() -> None:
    assert set(QUEUES) <= set(load().queues)


@pytest.mark.parametrize("name", JOBS)
def test_the_job_is_consumed_by_its_program_and_has_its_effect(
    name: str, fleet: StandingFleet, record_property: pytest.FixtureRequest
) -> None:
    prepared = CASES[name](fleet)
    job = fleet.run(name, prepared.arguments)
    assert job.get_status() == JobStatus.FINISHED, job.latest_result()
    assert prepared.is_done(job)
    queue = dispatch.topology().route(name).name
    slot = process_name_of(job.worker_name or "")
    program = slot.rpartition("-")[0]
    assert queue in dispatch.topology().programs[program].queues
    record_property("mission", f"{queue:26}{name:53}{slot}")
