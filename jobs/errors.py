"""Errors of jobs.

JobError
  UnreadableFileError     a file that yields no track, and why
  NoSuchScanError         a discovery names no scan that there is
"""

from jobs.records import ProblemCode


class JobError(Exception):
    """A job, or a part of one, could not be done; the message names the thing and the remedy."""


class UnreadableFileError(JobError):
    """A file yields no track. `code` says which kind of trouble, the message what is wrong."""

    def __init__(self, code: ProblemCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class NoSuchScanError(JobError):
    """No scan has this id; `fleet scan PATH` starts one."""
