"""How a search for covers ended, and writing that down."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from db import covers, ledger, problems
from db.covers import Chosen, KnownImage
from db.ledger import Settled
from db.models import EntityType, Kind, State
from jobs.covers.faults import STAGE, Fault


class Outcome(NamedTuple):
    """What became of the search for one entity's cover.

    With the state NONE the entity shows nothing from now on; with another one and nothing chosen it
    goes on to show what it showed.
    """

    settled: Settled
    chosen: Chosen | None = None


def write_covers(
    entity_type: EntityType,
    outcomes: Sequence[Outcome],
    fresh: Collection[KnownImage],
    holder: str,
) -> None:
    """Write what entities show, and settle their needs. Call it in a transaction."""
    covers.record_images(list(fresh))
    covers.show(entity_type, [each.chosen for each in outcomes if each.chosen])
    settled = [outcome.settled for outcome in outcomes]
    nothing = [each.entity_id for each in settled if each.state is State.NONE]
    covers.show_nothing(entity_type, nothing)
    ledger.settle(Kind.COVER, entity_type, settled, holder)


def write_problems(faults: Iterable[tuple[str, Fault]], sound: Collection[str]) -> None:
    """File what is wrong with pictures at these paths, and clear the problems of sound paths."""
    problems.clear(sorted(sound), STAGE)
    problems.record(
        [
            {
                "path": path,
                "stage": STAGE,
                "code": fault.code.value,
                "message": fault.message,
                "size": None,
                "mtime_ns": None,
            }
            for path, fault in sorted(faults)
        ]
    )
