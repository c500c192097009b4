"""Reconcile the ledger with the queues: enqueue what is to be done and no queue holds a job for.

The database is the truth and a job only a wake-up, so one that was lost, with all of Redis even, is
found by comparing the two.
"""

from collections import Counter
from collections.abc import Collection, Iterable

from peewee import fn

from db import ledger, settings
from db.ledger import Cause
from db.library import audio_features, track_files
from db.models import EntityType, Kind, LibraryIdentity, Scan, ScanChunk
from db.publishing import export_runs, servers
from db.scanning import scans
from db.settings import analysis_is_off, provider_settings
from db.similarity import vector_inputs, vectors
from db.sql.connection import transaction
from db.sql.path_text import is_under
from jobs.vectorization import first_model
from worker.dispatch import (
    HeldJob,
    connection,
    crowded_queues,
    enqueue,
    enqueue_need,
    held_among,
    held_jobs,
    topology,
)

_MOST = 20_000
"""Entities of a kind that one run reads, the oldest ones; the next run reads the next."""
_MOST_JOBS = 2_000
"""Jobs of a queue that are read. What was lost of a longer one would wait behind them anyway: it is
enqueued once fewer are left, in the order in which it would have been its turn."""
_IN_TURN = 5_000
"""Entities that one run asks whether their work was ever asked for; the next run asks the next."""
ANALYSIS = ledger.need_for(Kind.ANALYSIS, EntityType.TRACK)
_FIRST_MODEL, _FIRST_MODEL_AGAIN = settings.redis_key("fleet:first_model"), 15 * 60
"""A key of Redis that says that the first training was enqueued, and its seconds."""

_FOLDERS_AT_ONCE = 500
"""Folders that one run has grouped again; the next run waits until they are."""

Todo = dict[tuple[str, str], list[int]]
"""The ids of what is to be done, by job and argument."""


def is_something_due() -> bool:
    """Whether a reconciliation would find something to do, or something is under way."""
    return (
        ledger.is_any_due()
        or _is_search_unasked()
        or bool(ledger.leasing_jobs())
        or bool(_unasked_analyses(1))
        or bool(vector_inputs.never_asked(1))
        or first_model.is_due()
        or any(_todo(1).values())
    )


def _library_to_group() -> LibraryIdentity | None:
    """The row of a library that was grouped by older rules; None while that is under way too."""
    row = LibraryIdentity.get_or_none()
    is_behind = row is not None and row.grouping_rules != LibraryIdentity.grouping_rules.default
    under_way = ScanChunk.select().where(ScanChunk.done_at.is_null())
    return row if is_behind and not under_way.exists() else None


def _last_scan(root: str) -> int:
    """The last scan of a root, which its chunk counts to."""
    return int(Scan.select(fn.MAX(Scan.id)).where(Scan.root == root).scalar())


def is_grouping_due() -> bool:
    """Whether `group_again` would find folders to group."""
    return _library_to_group() is not None


def group_again() -> int:
    """Have the next folders grouped by the rules of this version; how many."""
    with transaction():
        library = _library_to_group()
        if library is None:
            return 0
        folders = track_files.group_folders(library.grouped_to or "", _FOLDERS_AT_ONCE)
        by_root: dict[str, list[str]] = {}
        roots = sorted(scans.roots(), key=len, reverse=True)
        for folder in folders:
            for root in [each for each in roots if is_under(folder, each)][:1]:
                by_root.setdefault(root, []).append(folder)
        chunks = [
            chunk
            for root, part in by_root.items()
            for chunk in scans.add_regrouping(_last_scan(root), part)
        ]
        columns = {"grouped_to": folders[-1] if folders else None}
        if len(folders) < _FOLDERS_AT_ONCE:
            columns = {"grouped_to": None, "grouping_rules": LibraryIdentity.grouping_rules.default}
        LibraryIdentity.update(columns).execute()
    for chunk_id in chunks:
        enqueue(scans.READING, chunk_id=chunk_id)
    return len(folders)


def enqueue_missing() -> dict[str, int]:
    """Enqueue all that is to be done and that no queue holds; how many entities, by job.

    What is to be done is read, then what is held, then again what is to be done: a job that was
    written, or ended, in between is neither enqueued twice nor left out.
    """
    _release_lost_leases()
    _ask_for_analyses()
    _ask_for_vectors()
    _settle_what_is_off()
    crowded = crowded_queues(_MOST_JOBS)
    todo = _todo(but=crowded)
    if not any(todo.values()):
        return {}
    held = _held(held_jobs(but=crowded))
    enqueued: Counter[str] = Counter()
    for (job, argument), ids in todo.items():
        lost = _still_to_do(job, argument, set(ids) - held.get((job, argument), set()))
        _enqueue(job, argument, lost)
        enqueued[job] += len(lost)
    return {job: count for job, count in enqueued.items() if count}


def _release_lost_leases() -> None:
    """Release the leases of jobs that no process holds: they were lost, with Redis or otherwise."""
    leasing = ledger.leasing_jobs()
    for job_id in leasing - held_among(leasing):
        ledger.release(job_id)


def _ask_for_analyses() -> None:
    """Have analysed what never was, and again what an older extractor analysed."""
    if ids := _unasked_analyses(_MOST):
        with transaction():
            ledger.need_all({(ANALYSIS.kind, ANALYSIS.entity_type): ids})


def ask_for_searches() -> None:
    """Have all without a cover searched for on the web, once a provider is on.

    Raises SettingError.
    """
    if provider_settings.any_on():
        from jobs.covers import remote  # noqa: PLC0415  # brings mutagen

        remote.need_unasked_searches()


def _is_search_unasked() -> bool:
    if not provider_settings.any_on():
        return False
    from jobs.covers import remote  # noqa: PLC0415  # brings mutagen

    return any(remote.unasked_searches())


def _unasked_analyses(most: int) -> list[int]:
    ids = ledger.never_asked(ANALYSIS, in_turn=_IN_TURN)
    return ids if analysis_is_off() else ids + audio_features.to_analyse_again(most)


def _ask_for_vectors() -> None:
    """Have vectors made of tracks whose analysis was given up, and the first model trained."""
    if ids := vector_inputs.never_asked(_MOST):
        with transaction():
            ledger.need(Kind.VECTOR, EntityType.TRACK, ids)
    if vectors.current_model() is not None:
        # Some may have begun to wait for one in the moment in which it was put in use.
        ledger.wake_cause(Cause.NO_MODEL)
    if not first_model.is_due() or any(held_jobs(first_model.NAME)):
        return
    # What ends early is not restarted each minute.
    if connection().set(_FIRST_MODEL, 1, nx=True, ex=_FIRST_MODEL_AGAIN):
        enqueue(first_model.NAME, reason=first_model.REASON)


def _settle_what_is_off() -> None:
    """Settle what is to do of kinds of work that are off: their jobs would do no more.

    Vectors are not off when the first model is about to come.
    """
    off = ledger.kinds_off()
    if Kind.VECTOR in off and first_model.is_due():
        off.remove(Kind.VECTOR)
    for need in ledger.NEEDS:
        while need.kind in off and (ids := ledger.unleased(need, _MOST)):
            with transaction():
                ledger.need_all({(need.kind, need.entity_type): ids})


def _todo(most: int = _MOST, but: Collection[str] = ()) -> Todo:
    """What is to be done, of the jobs that are in none of the queues named by `but`."""
    wanted: Todo = {key: ids for key, ids in _due_jobs().items() if not _is_in(but, key[0])}
    for need in ledger.NEEDS:
        if need.reconciled and not _is_in(but, need.job):
            wanted[need.job, need.argument] = ledger.unleased(need, most)
    return wanted


def _due_jobs() -> Todo:
    """What is to be done that is no need: scans, their chunks, exports, and music servers."""
    exports = {(export_runs.JOB, "run_id"): export_runs.due()}
    pushes = {(servers.JOB, "server_id"): [each.id for each in servers.due()]}
    return {**scans.due_jobs(), **exports, **pushes}


def _is_in(queues: Collection[str], job: str) -> bool:
    """Whether a job, or for a chunk one of any stage, may be in one of these queues."""
    jobs = scans.STAGES.values() if job == scans.READING else [job]
    return any(topology().routes.get(each) in queues for each in jobs)


def _still_to_do(job: str, argument: str, ids: set[int]) -> list[int]:
    need = ledger.need_of(job, [argument])
    if not ids:
        return []
    if need is not None:
        return sorted(ledger.unleased_among(need, sorted(ids)))
    return sorted(ids.intersection(_due_jobs()[job, argument]))


def _held(jobs: Iterable[HeldJob]) -> dict[tuple[str, str], set[int]]:
    """The ids for which a job waits or runs; a chunk's at whichever stage."""
    held: dict[tuple[str, str], set[int]] = {}
    for job in jobs:
        for argument, value in job.arguments.items():
            key = (scans.READING if argument == "chunk_id" else job.name, argument)
            ids: Iterable[object] = value if isinstance(value, list) else [value]
            held.setdefault(key, set()).update(each for each in ids if isinstance(each, int))
    return held


def _enqueue(job: str, argument: str, ids: list[int]) -> None:
    need = ledger.need_of(job, [argument])
    if need is not None:
        enqueue_need(need, ids)
    else:
        for each in ids:
            enqueue(job, **{argument: each})
