"""Which library roots a job reads files in: of hosts that share the work, not each has all.

A worker takes a job only where its host has these roots (`worker.redis.hosts`).
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import redis

from db import ledger
from db.ledger import Need
from db.library import tracks
from db.models import EntityType, Kind
from db.scanning import scans
from db.scanning.roots import absence
from db.sql.path_text import is_under
from worker.redis.hosts import are_several
from worker.topology import Topology

_ON_DISK = {Kind.PICTURE, Kind.COVER, Kind.ANALYSIS}
_BY_SOUND = Kind.ENRICHMENT, EntityType.TRACK
"""A track may be recognised by its sound; all else of enrichment reads no file."""
_SECONDS = 5.0
"""How long what is known of hosts and roots holds."""


class _Known(NamedTuple):
    at: float
    is_shared: bool = False
    """Whether hosts share the work."""
    roots: Sequence[str] = ()


class Places:
    """What a process knows of the hosts and of the library roots, for the jobs that it enqueues."""

    def __init__(
        self, connect: Callable[[], redis.Redis], topology: Callable[[], Topology]
    ) -> None:
        self._connect, self._topology = connect, topology
        self._now = _Known(float("-inf"))

    def of_job(self, job: str, arguments: Mapping[str, Any]) -> list[str]:
        """The roots that a job needs; none where every host may run it."""
        known, need = self._known(), ledger.need_of(job, arguments)
        if not known.is_shared:
            return []
        if (scanned := _scanned(arguments)) is not None:
            return _holding(known.roots, [scanned]) or [scanned]
        if need is None or not _is_on_disk(need):
            return []
        found = _by_entity(need, arguments[need.argument], known.roots)
        return sorted({root for each in found.values() for root in each})

    def apart(self, need: Need, entity_ids: Sequence[int]) -> list[list[int]]:
        """The entities in groups, each of those whose files are in the same roots."""
        known = self._known()
        if not known.is_shared or not _is_on_disk(need):
            return [list(entity_ids)]
        found = _by_entity(need, entity_ids, known.roots)
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for each in entity_ids:
            groups[tuple(found.get(each, ()))].append(each)
        return list(groups.values())

    def _known(self) -> _Known:
        if time.monotonic() - self._now.at > _SECONDS:
            is_shared = are_several(self._connect(), self._topology())
            roots = all_roots() if is_shared else []
            self._now = _Known(time.monotonic(), is_shared, roots)
        return self._now


def all_roots() -> list[str]:
    """Every folder that was scanned or is being; none that lies in another."""
    every = {*scans.roots(), *(each.root for each in scans.all_unfinished())}
    return sorted(
        root for root in every if not any(is_under(root, other) for other in every if other != root)
    )


def seen_here() -> list[str]:
    """Those that are there on this host."""
    return [root for root in all_roots() if not absence(root)]


def _is_on_disk(need: Need) -> bool:
    return need.kind in _ON_DISK or (need.kind, need.entity_type) == _BY_SOUND


def _scanned(arguments: Mapping[str, Any]) -> str | None:
    """The root of the scan that a job belongs to."""
    scan = None
    if isinstance(chunk_id := arguments.get("chunk_id"), int):
        scan = scans.of_chunk(chunk_id)
    elif isinstance(scan_id := arguments.get("scan_id"), int):
        scan = scans.get(scan_id)
    return scan.root if scan else None


def _by_entity(need: Need, ids: Iterable[int], roots: Sequence[str]) -> dict[int, list[str]]:
    """The roots that the files of each entity are in. Of one root nothing is asked."""
    if len(roots) == 1:
        return {each: list(roots) for each in ids}
    folders = tracks.folders_of(need.entity_type, sorted(set(ids)))
    return {each: _holding(roots, found) for each, found in folders.items()}


def _holding(roots: Sequence[str], folders: Iterable[str]) -> list[str]:
    return sorted({root for each in folders for root in roots if is_under(each, root)})
