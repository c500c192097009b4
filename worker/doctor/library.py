"""Checks of the library: its roots, the ledger, and the picture store."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import NamedTuple

import redis

from db import ledger
from db.artwork import image_files, images
from db.ledger import Need
from db.maintenance import library_roots
from db.models import State, utc_now
from db.publishing import servers
from db.sql.connection import transaction
from db.sql.path_text import shown, to_bytes
from worker.dispatch import held_among
from worker.doctor import Check, Finding, Fix, Severity
from worker.errors import WorkerError
from worker.phrases import counted, some, time_span


def _roots() -> Iterator[Finding]:
    """Whether each root that was ever scanned is there and can be read."""
    for root in library_roots.listed():
        path, name = to_bytes(root.path), shown(root.path)
        if root.state == library_roots.FORGOTTEN:
            continue
        if not os.path.isdir(path):
            yield _gone(root.path, f"{name} is not there")
        elif not os.access(path, os.R_OK | os.X_OK):
            remedy = "give this user the right to"
            says = f"{name} may not be read"
            notice = f"folder {root.path}"
            yield Finding("library", Severity.WARNING, says, remedy, notice=notice)
        elif root.state != library_roots.THERE and root.tracks:
            yield _gone(root.path, f"{name} is empty, with {counted(root.tracks, 'known track')}")
        else:
            yield Finding("library", Severity.OK, f"{name} can be read")


def _gone(root: str, says: str) -> Finding:
    """A root that is not there, and the ways out."""
    old, found = quote(shown(root)), next(iter(library_roots.doubled(root)), None)
    new = quote(shown(found)) if found else "NEW"
    if found:
        says += f", and much of it is also below {new}"
    remedy = (
        f"mount its disk; if it moved, `fleet root move {old} {new}`; "
        f"if it is gone for good, `fleet root forget {old}`"
    )
    return Finding("library", Severity.WARNING, says, remedy, notice=f"folder {root}")


LEASE_GRACE = timedelta(minutes=15)
"""A lease that ended longer ago is a finding: reconciliation runs every minute."""
_LEDGER = "ledger"


def _needs() -> Iterator[Finding]:
    """What was given up, what waits, and leases that ran out."""
    waiting = list(_waiting())
    faults = [*_quarantined(), *_failed(), *_leases()]
    yield from (*waiting, *faults)
    if not faults and all(each.severity is Severity.OK for each in waiting):
        yield Finding(_LEDGER, Severity.OK, "nothing failed")


def _quarantined() -> Iterator[Finding]:
    rows = ledger.quarantined()
    if rows:
        items = [
            f"{shown(row.path or f'{row.entity_type} {row.entity_id}')}: "
            f"{row.reason or 'no reason given'}"
            for row in rows
        ]
        yield Finding(
            _LEDGER,
            Severity.WARNING,
            f"{counted(len(rows), 'item')} quarantined ({some(items)})",
            "repair or remove the file, then scan again, or `fleet enqueue KIND --failed`",
            len(rows),
        )


def _waiting() -> Iterator[Finding]:
    """What the surroundings keep from being done, one finding for each cause and place."""
    for each in ledger.waiting():
        is_expected = each.obstacle.policy.is_expected
        severity = Severity.OK if is_expected else Severity.WARNING
        remedy = "" if is_expected else each.obstacle.remedy
        yield Finding(_LEDGER, severity, each.text, remedy, each.items)


def _failed() -> Iterator[Finding]:
    for need, counts in ledger.counts().items():
        if failed := counts[State.FAILED]:
            yield Finding(
                _LEDGER,
                Severity.WARNING,
                f"{need.entity_type} {need.kind}: {failed:,} failed",
                f"see `fleet problems`; `fleet enqueue {need.job} --failed` tries again",
                failed,
            )


def _going_on() -> set[str]:
    """The jobs with leases that a queue or a worker holds: their time may have been set back."""
    with suppress(redis.RedisError, WorkerError):
        return held_among(ledger.leasing_jobs())
    return set()


def _leases() -> Iterator[Finding]:
    overdue = ledger.overdue(LEASE_GRACE)
    if overdue.leases:
        overdue = ledger.overdue(LEASE_GRACE, _going_on())
    if overdue.since is not None:
        age = (utc_now() - overdue.since).total_seconds()
        yield Finding(
            _LEDGER,
            Severity.WARNING,
            f"{counted(overdue.leases, 'lease')} ran out, the first {time_span(age)} ago, "
            "and no job has resumed the work",
            "run `fleet up`; the job maintenance.reconcile enqueues the work again: see "
            "`fleet logs maintenance`",
            overdue.leases,
            age,
        )


def _sums() -> Iterator[Finding]:
    """Whether each need has a row for every entity that needs it, and no others."""
    sums, wrong = ledger.sums(), ledger.wrong_sums()
    if wrong:
        says = f"{counted(wrong, 'sum')} of the ledger kept wrongly"
        yield Finding(
            _LEDGER,
            Severity.WARNING,
            says,
            "run `fleet doctor --fix`, which counts again",
            wrong,
            fix=Fix("count the rows of the ledger again", _count_again),
        )
    if not wrong and all(each.adds_up for each in sums):
        yield Finding(_LEDGER, Severity.OK, "the ledger has a row for every need, and no other")
    for each in sums:
        if each.lacking:
            yield _lacking(each.need, each.lacking)
        if each.stray:
            says = f"{counted(each.stray, 'row')} of {each.need.entity_type} {each.need.kind}"
            yield Finding(
                _LEDGER,
                Severity.WARNING,
                f"{says} in the ledger of what does not exist",
                "run `fleet doctor --fix`, which deletes it",
                each.stray,
                fix=Fix(f"delete {says} of what does not exist", _drop_stray),
            )


def _lacking(need: Need, count: int) -> Finding:
    return Finding(
        _LEDGER,
        Severity.WARNING,
        f"{counted(count, need.entity_type)} whose {need.kind} is missing in the ledger",
        "run `fleet doctor --fix`, which adds it",
        count,
        fix=_ask(need, count),
    )


def _ask(need: Need, count: int) -> Fix:
    def ask() -> str:
        with transaction():
            asked = ledger.need(need.kind, need.entity_type, ledger.never_asked(need))
        return f"added the {need.kind} of {counted(len(asked), need.entity_type)} to the ledger"

    return Fix(f"add the {need.kind} of {counted(count, need.entity_type)} to the ledger", ask)


def _count_again() -> str:
    return f"{counted(ledger.count_again(), 'sum')} of the ledger counted again"


def _drop_stray() -> str:
    with transaction():
        return f"{counted(ledger.drop_stray(), 'row')} of what does not exist deleted"


_PICTURES = "pictures"


class Differences(NamedTuple):
    """Where a shard of the store and the rows differ."""

    orphans: list[Path]
    """Files of pictures that have no row, and are not young."""
    lost: list[str]
    """Digests of the images whose picture or thumbnail is not there."""


@dataclass
class Tally:
    """How many there are of something, and the names of the first few."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, names: list[str]) -> None:
        """Count these too."""
        self.count += len(names)
        self.names += names[: 3 - len(self.names)]

    def __str__(self) -> str:
        return some(self.names, self.count)


def _pictures() -> Iterator[Finding]:
    """Whether each image has its files, and each file of the store its image."""
    total = images.shard_sizes().total()
    if total and not image_files.is_there():
        says = f"{image_files.originals_dir()} is not there, with {counted(total, 'picture')}"
        yield Finding(_PICTURES, Severity.ERROR, says, "mount its disk, or restore it", total)
        return
    orphans, lost, awaited = Tally(), Tally(), Tally()
    oldest = time.time()
    for found in _differences():
        orphans.add([_short(path) for path in found.orphans])
        oldest = min([oldest, *map(_modified, found.orphans)])
        coming = images.awaited(found.lost)
        awaited.add([digest for digest in found.lost if digest in coming])
        lost.add([digest for digest in found.lost if digest not in coming])
    if orphans.count:
        yield _orphans(orphans, time.time() - oldest)
    if lost.count:
        yield _lost(lost)
    if awaited.count:
        says = f"{counted(awaited.count, 'picture')} without file will be made again ({awaited})"
        yield Finding(_PICTURES, Severity.OK, says, count=awaited.count)
    if not orphans.count and not lost.count:
        says = f"the files of {counted(total - awaited.count, 'picture')} are there, and no others"
        yield Finding(_PICTURES, Severity.OK, says, count=total - awaited.count)


def _orphans(orphans: Tally, age: float) -> Finding:
    return Finding(
        _PICTURES,
        Severity.WARNING,
        f"{counted(orphans.count, 'file')} of the picture store without row ({orphans})",
        "run `fleet doctor --fix`, which deletes those older than a day",
        orphans.count,
        age,
        Fix(f"delete {counted(orphans.count, 'file')} without row", _delete_orphans),
    )


def _lost(lost: Tally) -> Finding:
    return Finding(
        _PICTURES,
        Severity.WARNING,
        f"{counted(lost.count, 'picture')} without file ({lost})",
        "run `fleet doctor --fix`, which has jobs make them again",
        lost.count,
        fix=Fix(f"have {counted(lost.count, 'picture')} made again", _have_made_again),
    )


def _differences() -> Iterator[Differences]:
    for shard in sorted(image_files.shards() | images.shard_sizes().keys()):
        yield _compare(shard)


def _compare(shard: str) -> Differences:
    rows = images.digests_in_shard(shard)  # before the files: a file is there before its row
    originals = image_files.originals_in(shard)
    thumbnails = {size: image_files.thumbnails_in(shard, size) for size in image_files.SIZES}
    files = [image_files.original(digest) for digest in sorted(originals - rows.keys())]
    for size, digests in thumbnails.items():
        files += [image_files.thumbnail(each, size) for each in sorted(digests - rows.keys())]
    made = thumbnails[image_files.THUMBNAIL_SIZE]
    missing = rows.keys() - originals | {d for d in rows if rows[d] and d not in made}
    return Differences(
        [path for path in files if not image_files.is_young(path)],
        [digest for digest in sorted(missing) if not _is_whole(digest, rows[digest])],
    )


def _is_whole(digest: str, can_be_shown: bool) -> bool:
    """Whether the files are there after all, behind a link or since a moment ago."""
    files = [image_files.original(digest), image_files.thumbnail(digest)]
    return all(map(image_files.bring, files if can_be_shown else files[:1]))


def _delete_orphans() -> str:
    """Delete the files without row, each shard listed again."""
    deleted = 0
    for found in _differences():
        for path in found.orphans:
            if not images.known_digests([path.stem]):  # it may have its row by now
                deleted += image_files.delete_old(path)
    return f"{counted(deleted, 'file')} without row deleted"


def _have_made_again() -> str:
    covers = pictures = dropped = 0
    for found in _differences():
        needed = images.need_again(set(found.lost) - images.awaited(found.lost))
        covers, pictures = covers + needed.covers, pictures + needed.pictures
        dropped += needed.dropped
    asked = f"{counted(covers, 'cover')} and {counted(pictures, 'embedded picture')}"
    forgotten = f", {counted(dropped, 'row')} that nothing uses dropped" if dropped else ""
    return f"{asked} are to be made again{forgotten}"


def _modified(path: Path) -> float:
    """When the file was written; now for one that is gone."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()


def _short(path: Path) -> str:
    return f"{path.parts[-4]}/…/{path.name}"


def _servers() -> Iterator[Finding]:
    """Whether each music server takes the playlists that are pushed to it."""
    for each in servers.listed():
        if each.fault:
            fault, _, remedy = each.fault.partition(" — ")
            says = f"playlists cannot be pushed to {each.name}: {fault}"
            remedy = remedy or f"then `fleet server push {quote(each.name)}`"
            yield Finding("servers", Severity.WARNING, says, remedy)
        else:
            yield Finding("servers", Severity.OK, f"{each.name} takes the playlists")


CHECKS = (
    Check("library", _roots),
    Check("ledger", _needs),
    Check("ledger", _sums, is_slow=True),
    Check("pictures", _pictures, is_slow=True),
    Check("servers", _servers),
)
