"""What each job is to leave in the database, and a state that lacks it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rq.job import Job

from db import ledger
from db.models import EntityType, Kind, LedgerRow, MaintenanceRun
from db.sql.connection import transaction
from tests.mission.standing_fleet import StandingFleet

Is = Callable[[Job], bool]


class Prepared(NamedTuple):
    """A state that needs the job."""

    arguments: dict[str, Any]
    is_done: Is
    """Whether its effect is there."""


Case = Callable[[StandingFleet], Prepared]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Mark the case of a job."""

    def keep(function: Case) -> Case:
        CASES[name] = function
        return function

    return keep


def needs(kind: Kind, entity_type: EntityType, entity_id: int) -> None:
    """Say that an entity needs this."""
    with transaction():
        ledger.need(kind, entity_type, [entity_id])


def state(kind: Kind, entity_type: EntityType, entity_id: int) -> str:
    """Where that stands."""
    return str(
        LedgerRow.get(
            LedgerRow.kind == kind,
            LedgerRow.entity_type == entity_type,
            LedgerRow.entity_id == entity_id,
        ).state
    )


def recorded(job: str) -> Is:
    """Whether the run is written down, without a fault."""
    before = {row.id for row in MaintenanceRun.select()}

    def look(_: Job) -> bool:
        runs = MaintenanceRun.select().where(MaintenanceRun.job == job)
        return any(run.id not in before and run.fault is None for run in runs)

    return look
