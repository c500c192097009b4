"""Moving worker processes between programs, from where there is nothing to do to where jobs wait.

`least` and `most` of a program in queues.toml say how far. How many processes there are in all
stays the same, and so do programs that `fleet scale` has changed. It is the supervisord of this
host that is talked to, and its processes that are moved.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from worker.errors import BadInputError
from worker.rebalancing.deciding import Move, decide
from worker.rebalancing.loads import loads
from worker.slots import program_of
from worker.supervisor import conf_file
from worker.supervisor.changing import apply
from worker.supervisor.planning import Change, own_text, rebalanced
from worker.supervisor.rpc import processes
from worker.topology import Topology, load

_log = logging.getLogger("rq.worker")


class Outcome(NamedTuple):
    """What rebalancing did."""

    moved: list[str]
    """Each move with its reason, as a sentence."""
    refused: str = ""
    """Why nothing could be moved in this fleet; empty when it could."""


def rebalance(now: Callable[[], float] = time.time) -> Outcome:
    """Move what is to be moved. `now` tells the seconds since 1970.

    A move that was interrupted is finished first. Raises FleetStartError when a process that was
    moved does not start, FleetStopError when it does not end, and LockTakenError when another
    `fleet` goes on changing the fleet.
    """
    topology = load()
    if not any(program.is_elastic for program in topology.programs.values()):
        return Outcome([])
    try:
        return Outcome(_rebalance(topology, now()))
    except BadInputError as error:
        _log.warning("nothing is rebalanced: %s", error)
        return Outcome([], str(error))


def _rebalance(topology: Topology, now: float) -> list[str]:
    """Move what is to be moved, and explain it. Raises BadInputError when it may not be."""
    conf = own_text(topology)
    if not _is_whole(conf):
        _log.info("an interrupted change of the fleet was completed")
        apply(_planned(topology, conf, []), _log.info)
    moves = decide(loads(topology, conf, now))
    if moves:
        apply(_planned(topology, conf, moves), _log.info)
    return [move.explained for move in moves]


def _is_whole(conf: str) -> bool:
    """Whether supervisord has just the workers that its file says."""
    workers = set(conf_file.workers(conf))
    programs = {program_of(name) for name in workers}
    return workers == {each.name for each in processes() if each.program in programs}


def _planned(topology: Topology, conf: str, moves: Sequence[Move]) -> Change:
    """The change that these moves are. Raises BadInputError when it would touch anything else."""
    more = Counter(move.taker for move in moves)
    more.subtract(move.giver for move in moves)
    change = rebalanced(topology, conf, more)
    if change.restarts:
        raise BadInputError(
            f"{', '.join(change.restarts)} would be restarted, for the fleet was started "
            "by another version or with other settings — `fleet reload`"
        )
    return change
