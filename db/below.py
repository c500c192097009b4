"""What lies below a folder, as a condition that finds it by an index where there is one."""

from typing import Any

from peewee import Expression, Field, Function, fn

from db.connection import is_sqlite


def below(path: "Field[Any]", folder: str) -> Expression | Function:
    """Whether a path lies below `folder`; what lies below /music2 does not lie below /music."""
    begin = folder.rstrip("/") + "/"
    if is_sqlite():
        return (path >= begin) & (path < begin[:-1] + "0")  # "0" comes next to "/"
    return fn.STARTS_WITH(path, begin)
