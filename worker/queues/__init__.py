"""Reading, pausing, clearing, moving and retrying the jobs of queues while the fleet runs.

Every change of a job is one atomic step of Redis, so an end in the middle of a long one loses no
job and doubles none; what was not reached stays where it was, and the same call goes on with it.
What changes queues is imported when it is first used: most only read them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from worker.queues.contents import (
    HELD,
    Place,
    declared,
    keep_hours,
    known,
    paused,
    required,
    resting,
    sizes,
    strangers,
)

if TYPE_CHECKING:
    from worker.queues.admin import (
        clear,
        move,
        pause,
        pause_all,
        rescue,
        resume,
        resume_all,
        retry,
    )
    from worker.queues.transfer import Outcome, Route

__all__ = [
    "HELD",
    "Outcome",
    "Place",
    "Route",
    "clear",
    "declared",
    "keep_hours",
    "known",
    "move",
    "pause",
    "pause_all",
    "paused",
    "required",
    "rescue",
    "resting",
    "resume",
    "resume_all",
    "retry",
    "sizes",
    "strangers",
]


def __getattr__(name: str) -> Any:
    """What changes queues, which is not imported yet."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "transfer" if name in {"Outcome", "Route"} else "admin"
    return getattr(import_module(f"worker.queues.{module}"), name)
