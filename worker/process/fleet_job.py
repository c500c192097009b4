"""The job of the fleet: it does not trust Redis, and runs only functions that are routed."""

import zlib
from typing import Any, Self

import redis
from redis.client import Pipeline
from rq.exceptions import DeserializationError, NoSuchJobError, TimeoutFormatError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import as_text, now, utcformat

from worker import dispatch
from worker.errors import ForbiddenJobError, TamperedJobError
from worker.process.take import Taken
from worker.redis.holders import Holder

PREFIX = "jobs."
_ZLIB = b"\x78"  # its first byte; a JSON payload begins with a bracket
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    zlib.error,
    DeserializationError,
    TimeoutFormatError,
)
"""What RQ raises on fields that it has not written."""
_FOREIGN_CODE = (b"success_callback_name", b"failure_callback_name", b"stopped_callback_name")


class FleetJob(Job):
    """A job that runs only if queues.toml routes its name.

    `attempt` counts its starts, the present one included; `deaths` the attempts that took their
    process with them or exceeded its time or memory; `holder` is the token of the process that
    began it last.
    """

    attempt = 0
    deaths = 0
    holder = ""

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
        known = {name: raw_data[name] for name in raw_data if name not in _FOREIGN_CODE}
        known.pop(b"webhooks", None)
        try:
            if b"data" in raw_data:
                known[b"data"] = _inflated(raw_data[b"data"])
            super().restore(known)
            self.attempt = int(raw_data.get(b"attempt", 0))
            self.deaths = int(raw_data.get(b"deaths", 0))
            self.holder = as_text(raw_data.get(b"holder", b""))
            self._check_types()
        except _UNREADABLE as error:
            raise TamperedJobError(
                f"the job {self.id} cannot be read ({type(error).__name__}: {str(error)[:200]}) — "
                "somebody else wrote to Redis; delete it"
            ) from error

    @classmethod
    def of_taken(cls, taken: Taken, holder: Holder, connection: redis.Redis) -> Self:
        """The job that this process has taken and begun, as `take.lua` has written to Redis.

        Raises rq.exceptions.NoSuchJobError or TamperedJobError.
        """
        job = cls(taken.job_id, connection=connection, serializer=JSONSerializer)
        if taken.fields is None:
            raise TamperedJobError(f"the job {job.id} is larger than a job may be — delete it")
        if not taken.fields:
            raise NoSuchJobError
        job.restore(taken.fields)
        job._status = JobStatus.STARTED
        job.started_at = job.last_heartbeat = now()
        job.worker_name, job.holder = holder.worker, holder.token
        job.attempt += 1
        return job

    def save(
        self,
        pipeline: Pipeline | None = None,
        include_meta: bool = True,
        include_result: bool = True,
    ) -> None:
        """As RQ's; but of a job that ended well only the times are new."""
        if self._status != JobStatus.FINISHED:
            super().save(pipeline, include_meta, include_result)
            return
        times = {"started_at": self.started_at, "ended_at": self.ended_at}
        target = self.connection if pipeline is None else pipeline
        target.hset(
            self.key, mapping={name: utcformat(time) for name, time in times.items() if time}
        )

    def _check_types(self) -> None:
        """Raise TypeError or DeserializationError unless the payload is a call by keywords."""
        named, listed = isinstance(self.func_name, str), isinstance(self.args, list | tuple)
        if not named or not listed or not isinstance(self.kwargs, dict):
            raise TypeError("the payload is no [function, null, [], {arguments}]")


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
