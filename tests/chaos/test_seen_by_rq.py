"""What RQ sees of a worker, and what the worker relies on in RQ."""

import inspect
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rq import SimpleWorker
from rq.job import Job
from rq.timeouts import UnixSignalDeathPenalty

from tests.chaos.chaos_fleet import ChaosFleet, wait_for
from worker import dispatch
from worker.process.fleet_job import FleetJob
from worker.process.fleet_worker import FleetWorker
from worker.process.slot_worker import SlotWorker
from worker.process.time_limit import TimeLimit
from worker.redis import redis_url
from worker.topology.model import slot_name

RQ_3_0: dict[type, tuple[type, dict[str, str]]] = {
    FleetWorker: (
        SimpleWorker,
        {
            "_finalize_failure": "self job queue execution exc_info",
            "_install_signal_handlers": "self",
            "_shutdown": "self",
            "check_for_suspension": "self burst",
            "cleanup_execution": "self job pipeline execution",
            "dequeue_job_and_maintain_ttl": "self timeout max_idle_time",
            "execute_job": "self job queue",
            "handle_execution_ended": "self job queue heartbeat_ttl",
            "handle_job_failure": "self job queue started_job_registry exc_string execution",
            "handle_job_success": "self job queue started_job_registry execution",
            "handle_warm_shutdown_request": "self",
            "kill_horse": "self sig",
            "prepare_execution": "self job",
            "prepare_job_execution": "self job remove_from_intermediate_queue",
            "register_birth": "self",
            "register_death": "self",
            "request_force_stop": "self signum frame",
        },
    ),
    SlotWorker: (
        SimpleWorker,
        {
            "_set_ip_address": "self connection",
            "clean_registries": "self",
            "handle_payload": "self message",
            "heartbeat": "self timeout pipeline",
            "register_birth": "self",
            "register_death": "self",
            "run_maintenance_tasks": "self",
        },
    ),
    FleetJob: (
        Job,
        {
            "perform": "self",
            "restore": "self raw_data",
        },
    ),
    TimeLimit: (
        UnixSignalDeathPenalty,
        {"cancel_death_penalty": "self", "setup_death_penalty": "self"},
    ),
}
"""For each class of ours RQ's, and the parameters that RQ 3.0 gives to what ours overrides."""


def test_rq_info_lists_every_worker_with_its_queues(fleet: ChaosFleet) -> None:
    topology = dispatch.topology()
    for slot in topology.slots():
        queues = ", ".join(topology.programs[slot.program].queues)
        wait_for(partial(is_listed, slot_name(*slot), f"idle {queues}."), f"{slot} in rq info")


def is_listed(name: str, doing: str) -> bool:
    """Whether `rq info` has one line of this worker, which says so."""
    rq = Path(sys.executable).with_name("rq")
    command = [str(rq), "info", "--only-workers", "--raw", "--url", redis_url()]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [doing in line for line in listed.splitlines() if f" {name} " in line] == [True]


@pytest.mark.parametrize("ours", RQ_3_0, ids=lambda ours: ours.__name__)
def test_what_is_overridden_has_the_parameters_that_it_had(ours: type) -> None:
    theirs, spelled = RQ_3_0[ours]
    overridden = {name: getattr(theirs, name, None) for name in vars(ours)}
    assert {
        name: parameters(function)
        for name, function in overridden.items()
        if inspect.isfunction(function) and name != "__init__"
    } == spelled


def test_a_worker_is_made_with_keywords_that_rq_knows() -> None:
    known = inspect.signature(SimpleWorker.__init__).parameters
    assert {"queues", "name", "connection", "serializer", "worker_ttl"} <= known.keys()


def parameters(function: Any) -> str:
    """The names of its parameters."""
    return " ".join(inspect.signature(function).parameters)
