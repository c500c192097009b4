"""Whom to kill next: a worker, the child of one, the recovery, or Valkey."""

import random
from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from worker import dispatch
from worker.supervisor.shutdown import Member, members
from worker.topology import Execution


class Kind(StrEnum):
    """What a process of the fleet is."""

    WORKER = "worker"
    HORSE = "horse"
    """The child that does a forked worker's job."""
    CHILD = "child"
    """A child that reads or decodes untrusted files for a job."""
    RECOVERY = "recovery"
    VALKEY = "valkey"


class Victim(NamedTuple):
    """A process that is to be killed."""

    kind: Kind
    pid: int
    parent: int
    process: str
    """What supervisord calls it, or whose child it is: metadata-2, redis."""


def choose(chance: random.Random) -> Victim | None:
    """One of the processes that are there now, of a kind that was drawn first; None: there is none.

    Workers outnumber the others, and would be the most of a plain draw.
    """
    present = {each.pid: each for each in members()}
    by_kind: dict[Kind, list[Victim]] = defaultdict(list)
    for each in sorted(present.values(), key=lambda member: (member.name, member.pid)):
        kind = _kind(each, present)
        if kind is not None:
            by_kind[kind].append(Victim(kind, each.pid, each.parent, each.name))
    return chance.choice(by_kind[chance.choice(sorted(by_kind))]) if by_kind else None


def _kind(each: Member, present: Mapping[int, Member]) -> Kind | None:
    program = dispatch.topology().programs.get(each.program)
    if program is None:
        return {"redis": Kind.VALKEY, "recovery": Kind.RECOVERY}.get(each.name)
    if each.parent not in present:
        return Kind.WORKER
    is_forked = program.execution is Execution.FORKED
    return Kind.HORSE if is_forked and present[each.parent].parent not in present else Kind.CHILD
