"""Running a job in this very process, for somebody who waits for its result."""

from typing import Any

from rq.utils import import_attribute

from worker import dispatch
from worker.errors import JobFailedError

_PACKAGE = "jobs."


def perform(job_name: str, **arguments: Any) -> Any:
    """Run a job here and now, past its queue, and return its result.

    It is the job that a worker would run, under the same name; the database is open. Raises
    UnknownJobError for a name that is not routed, and JobFailedError with what the job says.
    """
    dispatch.topology().route(job_name)
    function = import_attribute(dispatch.function_path(job_name))
    try:
        return function(**arguments)
    except Exception as error:
        if type(error).__module__.startswith(_PACKAGE):  # an error of the stage's own
            raise JobFailedError(str(error)) from error
        raise
