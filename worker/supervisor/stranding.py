"""Queues that a change of the fleet would leave without a consumer."""

from collections.abc import Iterable

from worker import queues
from worker.errors import BadInputError
from worker.queues import Place
from worker.supervisor.conf_file import consumed
from worker.supervisor.stopping import Say
from worker.topology import Topology


def refuse_stranding(topology: Topology, old: str, new: str) -> None:
    """Raise BadInputError when jobs would wait for ever.

    `old` and `new` are the texts of supervisord.conf; queues.toml has become `topology`. A queue
    that it still declares will get jobs, so one that is empty now is refused as well.
    """
    faults = []
    for name, count in _held(consumed(old) - consumed(new)).items():
        if name in topology.queues:
            programs = " and ".join(program.name for program in topology.consumers(name))
            faults.append(
                f"no other program than {programs} consumes {name}, which holds {_jobs(count)}; "
                f"they would wait for ever — `fleet queue pause {name}` pauses it"
            )
        elif count:
            faults.append(
                f"{name} holds {_jobs(count)}, and {topology.path} does not declare it any more — "
                f"`fleet queue move {name} NEW`, or keep it there until it is empty"
            )
    if faults:
        raise BadInputError("\n  ".join(["nothing was changed:", *faults]))


def say_stranded(old: str, new: str, say: Say) -> None:
    """Tell of jobs that came into a dropped queue while the fleet changed."""
    for name, count in _held(consumed(old) - consumed(new)).items():
        if count:
            say(f"{name} has got {_jobs(count)} meanwhile: `fleet queue move {name} NEW`")


def _held(names: Iterable[str]) -> dict[str, int]:
    """How many jobs of each queue have still to end."""
    counts = queues.sizes(sorted(names))
    return {name: places.total() - places[Place.FAILED] for name, places in counts.items()}


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
