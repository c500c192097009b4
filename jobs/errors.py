"""Errors of jobs.

JobError
  UnreadableFileError     a file that yields no track, and why
  HeldUpError             the surroundings are in the way
  NoSuchEntityError       a job names no track, album or artist that there is
  NoSuchRoleError         an album or artist shows nothing in this role
  NoSuchChunkError        a job has a chunk of a scan that the database does not know
  NoSuchScanError         a discovery names no scan that there is
  NoSuchExportError       a job names no export that there is
  RefusedRootError        a folder that is no library
  ScanEndedError          a scan was cancelled or superseded while it walked
"""

from db.ledger import Obstacle
from jobs.records import ProblemCode


class JobError(Exception):
    """A job, or a part of one, could not be done; the message names the thing and the remedy."""

    obstacle: Obstacle | None = None
    """What in the surroundings it came of; None when it was something else."""


class UnreadableFileError(JobError):
    """A file yields no track. `code` says which kind of trouble, the message what is wrong."""

    def __init__(self, code: ProblemCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class HeldUpError(JobError):
    """The surroundings keep a job from being done; it is tried again when they have changed."""

    def __init__(self, obstacle: Obstacle, message: str) -> None:
        super().__init__(message)
        self.obstacle = obstacle


class NoSuchEntityError(JobError):
    """A job is to work on a track, album or artist that does not exist."""


class NoSuchRoleError(JobError):
    """An album or artist can show nothing in this role."""


class NoSuchChunkError(JobError):
    """No chunk of a scan has this id."""


class NoSuchScanError(JobError):
    """No scan has this id; `fleet scan PATH` starts one."""


class NoSuchExportError(JobError):
    """No export has this id; `fleet export` asks for one."""


class RefusedRootError(JobError):
    """A folder that is not scanned; the message says why, and what to name instead."""


class ScanEndedError(JobError):
    """The scan that a job walks for was cancelled, or superseded, meanwhile."""
