"""Errors of providers.

JobError
└── ProviderError
    ├── UnavailableError      a service cannot be asked just now; it may be later
    │   ├── FileAwayError     the file it is asked of cannot be read just now
    │   └── StumbledError     it was asked, and failed: worth another try at once
    ├── RefusedError          it does not serve us: a wrong key, mostly
    ├── NothingThereError     it says that there is nothing
    ├── BadDownloadError      what a URL leads to is not taken
    └── BadFingerprintError   no fingerprint can be made of a file
"""

from db.ledger import Cause, Obstacle
from jobs.errors import JobError


class ProviderError(JobError):
    """A provider, or something it named, could not be used."""


class UnavailableError(ProviderError):
    """A service cannot be asked just now."""

    obstacle = Obstacle(Cause.PROVIDER_AWAY)


class FileAwayError(UnavailableError):
    """A file of which a service is to be asked cannot be read just now."""

    def __init__(self, obstacle: Obstacle, message: str) -> None:
        super().__init__(message)
        self.obstacle = obstacle


class StumbledError(UnavailableError):
    """A service was asked, and did not answer as it should.

    `retry_after` is for how many seconds it wants to be left alone, where it said so.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(ProviderError):
    """A service does not serve us; another request will not help until the user does something."""


class NothingThereError(ProviderError):
    """A service says that it has nothing."""


class BadDownloadError(ProviderError):
    """What a URL leads to is not taken: it is no public place, too large, or gone."""


class BadFingerprintError(ProviderError):
    """No fingerprint can be made of a file: fpcalc is not installed, or cannot decode it."""
