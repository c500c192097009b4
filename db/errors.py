"""Errors of the database and of the settings, and how messages count.

DatabaseError
├── DatabaseUnreachableError
├── DatabaseGoneError
├── BadDatabaseUrlError
├── NewerDatabaseError
├── OldDatabaseError
├── DatabaseFullError
├── DatabaseLockedError
├── BackupError
├── CopyError
├── NoVectorError
└── WrongDimensionError

SettingError
AccountError
ServerError
"""


class DatabaseError(Exception):
    """The database cannot be used; the message names the fault and the remedy."""


class DatabaseUnreachableError(DatabaseError):
    """The database does not open or answer."""


class DatabaseGoneError(DatabaseError):
    """The SQLite file is not there, or another is in its place."""


class BadDatabaseUrlError(DatabaseError):
    """FLEET_DATABASE_URL names no database that musicfleet knows."""


class NewerDatabaseError(DatabaseError):
    """The database was written by a newer musicfleet."""


class OldDatabaseError(DatabaseError):
    """The database lacks migrations and the caller may not run them."""


class DatabaseFullError(DatabaseError):
    """The disk of the database is full."""


class DatabaseLockedError(DatabaseError):
    """Another program keeps the database of SQLite locked."""


class BackupError(DatabaseError):
    """The database could not be copied."""


class CopyError(DatabaseError):
    """The library could not be copied into another database."""


class NoVectorError(DatabaseError):
    """Nothing is known that a track could be compared by; the message says why."""


class WrongDimensionError(DatabaseError):
    """A vector does not have as many numbers as its model says."""


class SettingError(Exception):
    """A variable of the environment has a value that means nothing; the message says which."""


class AccountError(Exception):
    """A user, a name, a password or a key that is not there or cannot be taken."""


class ServerError(Exception):
    """A music server that playlists are pushed to is not known, or not as it should be."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """The number and its noun: "1 job", "12,000 jobs". `plural` is one that does not end in s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
