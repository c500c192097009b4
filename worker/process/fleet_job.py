"""The job of the fleet: it does not trust Redis, and runs only functions that are routed."""

import json
import logging
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Self

import redis
from rq.exceptions import DeserializationError, NoSuchJobError, TimeoutFormatError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.utils import as_text, now

from db import ledger
from db.models import State
from db.sql.path_text import visible
from worker import dispatch
from worker.errors import ForbiddenJobError, TamperedJobError
from worker.phrases import counted
from worker.process.job_counts import CpuClock
from worker.process.take import Taken
from worker.redis.entries import NO_ID, as_id, as_shown, ids
from worker.redis.holders import Holder

PREFIX = "jobs."
_ZLIB = b"\x78"  # its first byte; a JSON payload begins with a bracket
_UNREADABLE = (
    ValueError,
    OverflowError,
    RecursionError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    zlib.error,
    DeserializationError,
    TimeoutFormatError,
)
"""What RQ raises on fields that it has not written."""
_FIELDS = frozenset(
    b"""allow_dependency_failures created_at data dependency_id dependency_ids description ended_at
    enqueue_at_front enqueued_at exc_info failure_ttl last_heartbeat meta number_of_retries origin
    result result_ttl retries_left retry_intervals started_at status timeout worker_name""".split()
)
"""Those of RQ's fields that jobs of the fleet have. Not: callbacks, webhooks, repetitions."""
_COUNTS = (b"timeout", b"attempt", b"deaths")
"""Those that a worker's script counts with."""
_LONGEST_WAIT = 366 * 24 * 3600
"""Seconds. No timeout is longer, no wait for a retry, and no time that an ended job is kept."""
_MOST_COUNTED = 10_000

_LONGEST_LINE, _LONGEST_REASON = 1_000, 200
_REASONS = 3
_MOST_LOGGED = 20
"""Reasons of one settlement that have a line of their own; the others share one."""
_MOST_RANGES = 200
_NOTHING = "nothing to do"
log = logging.getLogger("fleet")


_WITH_REASON = (State.FAILED, State.WAITING)
"""States whose reasons the line of a job's end gives."""
_LOGGED = frozenset((State.FAILED, State.WAITING, State.NONE))
"""States of which there is a line of its own for the entities that ended so."""


class Tally:
    """What an attempt of a job has settled on the ledger, as its log has it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._reasons: list[str] = []

    def add(self, endings: Iterable[Sequence[Any]]) -> None:
        """Count needs that were settled: state, reason and number of each way of ending."""
        for state, reason, count, *_ in endings:
            self._counts[state] += count
            shown = visible((reason or "")[:_LONGEST_REASON])
            if state in _WITH_REASON and count and shown not in self._reasons[:_REASONS]:
                self._reasons.append(shown)

    def __str__(self) -> str:
        """Such as "12 done, 2 none, 1 failed (cover.jpg: no picture)"; empty when nothing was."""
        parts = [f"{self._counts[state]:,} {state}" for state in State if self._counts[state]]
        more = " …" if len(self._reasons) > _REASONS else ""
        why = f" ({'; '.join(self._reasons[:_REASONS])}{more})" if self._reasons else ""
        return ", ".join(parts) + why


class FleetJob(Job):
    """A job that runs only if queues.toml routes its name.

    `attempt` counts its starts, the present one included; `deaths` the attempts that took their
    process with them or exceeded its time or memory; `holder` is the token of the process that
    began it last; `cpu` is how many CPU seconds the present attempt took. `settled` counts what
    this process knows that it settled on the ledger; `obstacle` is what in the surroundings the
    present attempt failed for.
    """

    attempt = 0
    deaths = 0
    cpu = 0.0
    holder = ""
    settled: Tally | None = None
    obstacle: ledger.Obstacle | None = None

    @property
    def func(self) -> Any:
        """The function to call. Raises ForbiddenJobError before anything is imported."""
        if self.instance is not None or self.job_name not in dispatch.topology().routes:
            raise ForbiddenJobError(
                f"{self.func_name!r} is no job that queues.toml routes, so it was not run — "
                "delete it, or route it and requeue it"
            )
        return super().func

    @property
    def job_name(self) -> str:
        """The name as queues.toml has it; empty for what is no job of the fleet."""
        name = self.func_name or ""
        return name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""

    @property
    def attempt_id(self) -> str:
        """Names this attempt alone; all attempts of a job begin with its id and a colon."""
        return f"{self.id}:{self.attempt}"

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        """Read the job's hash, without callbacks and webhooks: the fleet sets none.

        Raises TamperedJobError for what no enqueue of ours has written.
        """
        known = {name: text for name, text in raw_data.items() if name in _FIELDS}
        try:
            for name in _COUNTS:
                if not re.fullmatch(rb"\d{0,9}", raw_data.get(name, b"")):
                    raise ValueError(f"its {name.decode()} is {as_shown(raw_data[name])}")
            for name in known.keys() & {b"data", b"exc_info"}:
                known[name] = _inflated(known[name])
            super().restore(known)
            self.attempt = int(raw_data.get(b"attempt") or 0)
            self.deaths = int(raw_data.get(b"deaths") or 0)
            self.holder = as_text(raw_data.get(b"holder", b""))
            self._check_types()
            self._check_numbers()
        except _UNREADABLE as error:
            raise no_job(self.id, f"{type(error).__name__}: {str(error)[:200]}") from error

    @classmethod
    def of_taken(cls, taken: Taken, holder: Holder, connection: redis.Redis) -> Self:
        """The job that this process has taken and begun, as `take.lua` has written to Redis.

        Raises rq.exceptions.NoSuchJobError or TamperedJobError.
        """
        job_id = as_id(taken.entry)
        if taken.fault or job_id is None:
            raise no_job(taken.entry, taken.fault or NO_ID)
        job = cls(job_id, connection=connection, serializer=JSONSerializer)
        if not taken.fields:
            raise NoSuchJobError
        job.restore(taken.fields)
        job._status = JobStatus.STARTED
        job.started_at = job.last_heartbeat = now()
        job.worker_name, job.holder = holder.worker, holder.token
        job.attempt += 1
        job.settled = Tally()
        return job

    def perform(self) -> Any:
        """Run the job, and count what it settles on the ledger.

        Of an exception it notes what in the surroundings that came of, if it did.
        """
        try:
            with ledger.observed(self.note) if self.settled else nullcontext():
                return super().perform()
        except BaseException as error:
            self.obstacle = ledger.obstacle_of(error)
            raise

    def note(self, endings: Sequence[ledger.Ending]) -> None:
        """Count what was settled, and log of which entities it was not done, and why."""
        if self.settled:
            self.settled.add(endings)
        undone = [each for each in endings if each.state in _LOGGED and each.needs]
        for each in undone[:_MOST_LOGGED]:
            reason = (each.reason or "no reason")[:_LONGEST_REASON]
            self._log_undone(each[3:5], each.state, reason, each.entity_ids)
        others: dict[tuple[ledger.NeedKey, State], list[int]] = {}
        for each in undone[_MOST_LOGGED:]:
            others.setdefault((each[3:5], each.state), []).extend(each.entity_ids)
        for (need, state), entity_ids in others.items():
            self._log_undone(need, state, "for other reasons", entity_ids)

    def _log_undone(
        self, need: ledger.NeedKey, state: State, why: str, entity_ids: Sequence[int]
    ) -> None:
        kind, entity_type = need
        of = f"{kind} of {counted(len(entity_ids), entity_type)}"
        line = visible(f"{self._named()} {self.id}: {of} {state}: {why}")
        fields = self.log_fields | {"entity": f"{entity_type}:{_ranges(entity_ids)}"}
        log_line(line, fields, logging.WARNING if state is State.FAILED else logging.INFO)

    @property
    def log_fields(self) -> dict[str, str]:
        """What names the job in each line of the log that is written for it."""
        ids = _ids_of(self.kwargs)
        return {
            "job": self.id,
            "queue": self.origin or "",
            "name": self._named(),
            "attempt": str(self.attempt),
            "entity": ids if re.fullmatch(r"[a-z]+:\d+", ids) else "",
        }

    def log_start(self) -> None:
        """Write to the log that the job begins, and which entities it has."""
        again = f", attempt {self.attempt}" if self.attempt > 1 else ""
        fields = self.log_fields | {"entity": _ids_of(self.kwargs)}
        text = visible(f"{self._named()} {self.id} started{again}: {self._entities()}")
        log.info("%s", text, extra={"fields": fields})

    def log_end(self, outcome: str, level: int = logging.INFO) -> None:
        """Write to the log how the job ended."""
        log_line(self.end_line(outcome), self.log_fields, level)

    def end_line(self, outcome: str) -> str:
        """What the log says of the job's end: one line, whatever its reasons hold."""
        since = self.started_at
        seconds = max(0.0, (now() - since).total_seconds()) if since else 0.0
        parts = [str(self.settled or ""), outcome]
        ending = "; ".join(part for part in parts if part)
        of = f"{self._named()} {self.id} ended after {seconds:.1f} s, {self._entities()}"
        return visible(f"{of}: {ending}"[:_LONGEST_LINE])

    def log_success(self, value: Any) -> None:
        """Write to the log that the job ended well, and what it returned."""
        returned = _brief(value)
        is_idle = not str(self.settled) and ledger.need_of(self.job_name, self.kwargs)
        plain = _NOTHING if is_idle else "" if str(self.settled) else "done"
        self.log_end(returned or plain)

    def log_failure(self, reason: str, *, stopped: bool) -> None:
        """Write to the log that the job failed, or was stopped, and whether it is tried again."""
        again = self.should_retry and not stopped
        what = "stopped" if stopped else "failed, and is tried again" if again else "failed"
        self.log_end(f"{what}: {reason}", logging.ERROR)

    def keep_failure(self, text: str, worker: str, execution: Execution | None) -> None:
        """Keep why an attempt failed that is not the last: RQ keeps the last one's alone."""
        Result.create_failure(
            self,
            self.failure_ttl,
            exc_string=text,
            worker_name=worker,
            execution_id=execution.id if execution else None,
            execution_started_at=execution.created_at if execution else None,
            execution_ended_at=self.ended_at,
        )

    def _named(self) -> str:
        """The name, as far as one may rely on it."""
        is_routed = self.job_name in dispatch.topology().routes
        return self.job_name if is_routed else str(self.func_name)[:100]

    def _entities(self) -> str:
        """What it works on: "50 albums", "chunk 17"."""
        parts = [_shown(name, value) for name, value in self.kwargs.items()]
        return ", ".join(parts)[:_LONGEST_REASON] or "no arguments"

    def note_end(self, clock: CpuClock) -> None:
        """The present attempt is over: when, and what it took."""
        self.ended_at = now()
        self.cpu = max(self.cpu, clock.stop(self.seconds))  # a child knows more of its own

    @property
    def seconds(self) -> float:
        """How long the attempt ran; 0 where its end is not known."""
        if not self.started_at or not self.ended_at:
            return 0.0
        return max(0.0, (self.ended_at - self.started_at).total_seconds())

    def kept_result(self) -> str:
        """What the job returned, as RQ keeps it; empty for None."""
        if self._result is None:
            return ""
        result = Result(self.id, Result.Type.SUCCESSFUL, self.connection, return_value=self._result)
        result.serializer = JSONSerializer
        return str(result.serialize()["return_value"])

    def _check_types(self) -> None:
        """Raise TypeError or DeserializationError unless the payload is a call by keywords."""
        named, listed = isinstance(self.func_name, str), isinstance(self.args, list | tuple)
        if not named or not listed or not isinstance(self.kwargs, dict):
            raise TypeError("the payload is no [function, null, [], {arguments}]")
        if not isinstance(self._dependency_ids, list) or len(ids(self._dependency_ids)) < len(
            self._dependency_ids
        ):
            raise TypeError("its dependencies are no ids of jobs")

    def _check_numbers(self) -> None:
        """Raise ValueError or TypeError for a number that somebody would stumble over later."""
        waits = self.retry_intervals or []
        seconds = [self.timeout or 0, max(0, self.failure_ttl or 0), max(0, self.result_ttl or 0)]
        counts = [self.attempt, self.deaths, self.retries_left or 0, self.number_of_retries or 0]
        if not all(0 <= each <= _LONGEST_WAIT for each in [*seconds, *waits]):
            raise ValueError("it has a time that is no number of seconds below a year")
        if not all(0 <= each <= _MOST_COUNTED for each in counts):
            raise ValueError("it has a count that no job reaches")


def no_job(entry: bytes | str, fault: str) -> TamperedJobError:
    """The error of an entry that no enqueue of ours has written."""
    return TamperedJobError(
        f"the job {as_shown(entry)} cannot be read ({as_shown(fault)}) — "
        "somebody else wrote to Redis; delete it"
    )


def log_line(line: str, fields: Mapping[str, str], level: int) -> None:
    """Write a line of a job to the log, whichever job this process is at."""
    log.log(level, "%s", line, extra={"fields": fields})


def _ids_of(arguments: Mapping[str, Any]) -> str:
    """The entities that a job was given: "album:12", "track:1-50,70"; empty for none."""
    found = []
    for name, value in arguments.items():
        kind, end, _ = name.rpartition("_id")
        ids = value if isinstance(value, list) else [value]
        if end and kind.isidentifier() and all(type(each) is int for each in ids):
            found.append(f"{kind}:{_ranges(ids)}")
    return ";".join(each for each in found if not each.endswith(":"))


def _ranges(ids: Iterable[int]) -> str:
    """Numbers in few characters: "1-50,70"."""
    ranges: list[list[int]] = []
    for each in sorted(set(ids)):
        if ranges and each == ranges[-1][1] + 1:
            ranges[-1][1] = each
        else:
            ranges.append([each, each])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges[:_MOST_RANGES])


def _shown(name: str, value: Any) -> str:
    """An argument in few words: how many entities it names, or which."""
    if isinstance(value, list | dict):
        is_ids = name.endswith("_ids")
        return (
            counted(len(value), name[:-4]) if is_ids else f"{name}: {counted(len(value), 'item')}"
        )
    return f"{name.removesuffix('_id')} {repr(value)[:80]}"


def _brief(value: Any) -> str:
    """What a job returned, in few words."""
    if value is None:
        return ""
    if isinstance(value, dict) and all(type(each) is int for each in value.values()):
        counts = (f"{count:,} {what}" for what, count in value.items() if count)
        return ", ".join(counts) or _NOTHING
    return json.dumps(value, ensure_ascii=False)[:_LONGEST_REASON]


def _inflated(data: bytes) -> bytes:
    """The payload, which RQ compresses, as long as it is no larger than one may be."""
    payload = data
    if data.startswith(_ZLIB):
        payload = zlib.decompressobj().decompress(data, dispatch.MAX_JOB_BYTES + 1)
    if payload.startswith(_ZLIB):
        raise ValueError("its payload is compressed twice")  # and RQ would inflate it at any size
    if len(payload) > dispatch.MAX_JOB_BYTES:
        raise ValueError(f"its payload is larger than {dispatch.MAX_JOB_BYTES:,} bytes")
    return payload
