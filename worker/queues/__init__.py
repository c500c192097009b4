"""Reading, pausing, clearing, moving and retrying the jobs of queues while the fleet runs.

Every change of a job is one atomic step of Redis, so an end in the middle of a long one loses no
job and doubles none; what was not reached stays where it was, and the same call goes on with it.
"""

from worker.queues.admin import clear, move, pause, paused, rescue, resume, retry
from worker.queues.contents import HELD, Place, declared, known, required, sizes, strangers
from worker.queues.transfer import Outcome, Route

__all__ = [
    "HELD",
    "Outcome",
    "Place",
    "Route",
    "clear",
    "declared",
    "known",
    "move",
    "pause",
    "paused",
    "required",
    "rescue",
    "resume",
    "retry",
    "sizes",
    "strangers",
]
