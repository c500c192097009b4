"""What jobs are to work on: checks of what they are given, and what a scan enqueues when."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from db import ledger
from db.models import EntityType, Scan, ScanChunk
from db.scanning import scans
from jobs.errors import NoSuchChunkError, NoSuchEntityError
from worker.dispatch import enqueue_need

_MOST = 20_000
"""Entities that are enqueued at the end of a scan; reconciliation enqueues the others."""


def check_exists(entity_type: EntityType, entity_id: int) -> None:
    """Raises NoSuchEntityError when there is no such track, album or artist."""
    # Search brings what pages show, which scans do without.
    from db.library.search import entity_exists  # noqa: PLC0415

    if not entity_exists(entity_type, entity_id):
        raise NoSuchEntityError(
            f"there is no {entity_type} {entity_id} — look it up in the database"
        )


def chunk_to_do(chunk_id: int) -> ScanChunk | None:
    """The chunk if it is still to be done, else None. Raises NoSuchChunkError."""
    chunk = scans.open_chunk(chunk_id)
    if chunk is None and not scans.chunk_exists(chunk_id):
        raise NoSuchChunkError(
            f"this database has no chunk {chunk_id}: its scan ended some time ago, or it is "
            "another library's — scan the folder again; `fleet doctor` says whose this Redis is"
        )
    return chunk


@dataclass
class _Gathered:
    """What parts of a scan need of one kind, and when jobs for it were enqueued last."""

    ids: set[int] = field(default_factory=set)
    enqueued_at: float = -inf


_of_scans: dict[tuple[int, datetime], dict[ledger.Need, _Gathered]] = {}
"""What this process has gathered, by scan and its beginning.

It is no more than wake-ups: the end of the scan enqueues what is to be done in the ledger.
"""


def enqueue_part(needs: Mapping[ledger.Need, Sequence[int]], scan: Scan | None) -> None:
    """Enqueue what a part of a scan needs, as often as `Need.pace` says. Call it after the commit.

    At the end of the scan all is enqueued that is left.
    """
    for need, ids in needs.items():
        if scan is None or not need.pace:
            enqueue_need(need, ids)
    if scan is None or scan.finished_at is not None:
        return enqueue_after(scan)
    gathered = _of_scans.setdefault((scan.id, scan.started_at), defaultdict(_Gathered))
    for need, ids in needs.items():
        if 0 < need.pace < ledger.AT_END:
            gathered[need].ids.update(ids)
    for need, waiting in gathered.items():
        if waiting.ids and time.monotonic() - waiting.enqueued_at >= need.pace:
            enqueue_need(need, sorted(waiting.ids))
            gathered[need] = _Gathered(enqueued_at=time.monotonic())
    return None


def enqueue_after(scan: Scan | None) -> None:
    """Enqueue what waits for the end of a scan, if this one has ended. Call it after the commit.

    An entity that needs several things is given to the job of the first, which asks for the next.
    """
    if scan is None or scan.finished_at is None:
        return
    _of_scans.pop((scan.id, scan.started_at), None)
    begun: set[tuple[EntityType, int]] = set()
    for need in ledger.NEEDS:
        if need.pace:
            ids = [
                each
                for each in ledger.unleased(need, _MOST)
                if (need.entity_type, each) not in begun
            ]
            begun.update((need.entity_type, each) for each in ids)
            enqueue_need(need, ids)
