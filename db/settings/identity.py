"""Who this fleet is: the library of its database, and the host id of its data folder.

Both are random and kept in a file of the data folder, so that nothing depends on the name of the
machine. The database says which library it holds (`db.sql.schema.library_id`); the file repeats it
for whoever has no database open, and so that a database that is gone is not taken for a first one.
"""

import json
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from db import settings

_HOST_ID_LENGTH = 8


class Identity(NamedTuple):
    """The ids of a fleet."""

    library: str = ""
    """Of the library in its database; empty before the first `fleet up`."""
    host: str = ""
    """Of this data folder: what stands behind the names of its workers."""

    @property
    def name(self) -> str:
        """What distinguishes the workers of this fleet and host from all others."""
        return f"{self.library[:_HOST_ID_LENGTH]}-{self.host}"


def identity() -> Identity:
    """The identity that the data folder holds; an empty one where there is none."""
    try:
        content = json.loads(settings.read_text(_file()))
        return Identity(str(content["library"]), str(content["host"]))
    except (OSError, ValueError, TypeError, LookupError):
        return Identity()


def remember(library: str) -> Identity:
    """Keep the id of the library that the data folder's fleet works for. Raises OSError."""
    before = identity()
    now = Identity(library, before.host or uuid4().hex[:_HOST_ID_LENGTH])
    if now != before:
        new = _file().with_suffix(".new")
        new.write_text(json.dumps(now._asdict()), encoding="utf-8")
        new.replace(_file())
    return now


def _file() -> Path:
    return settings.data_dir() / "identity.json"
