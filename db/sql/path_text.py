"""File names as text, and back, without loss; and text of others made safe to show.

Paths in the database are the fleet's; a host that has a folder of it elsewhere translates here.
"""

import ast
import os
import re
import unicodedata
from collections.abc import Mapping

_OFFSET = 0xF700
_PRIVATE = re.compile("[\uf780-\uf7ff]")
_BYTES = re.compile(r"""\bb'(?:[^'\\]|\\.)*'|\bb"(?:[^"\\]|\\.)*\"""")
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_JOINERS = "\u200c\u200d"
"""They are written in Persian, and within emoji."""


_elsewhere: dict[str, bytes] = {}
"""Folders of the fleet, and where this host has them."""


def lie_elsewhere(folders: Mapping[str, str]) -> None:
    """Have paths below these folders stand for files below others, on this host.

    The database, and all hosts, know a file by one path; `to_bytes` and `to_text` translate it.
    """
    _elsewhere.clear()
    for folder, here in folders.items():
        _elsewhere[folder] = os.path.realpath(os.fsencode(here))


def to_text(name: bytes) -> str:
    """A file name or path as text that any database and JSON can hold."""
    if not _elsewhere and name.isascii():  # as most are
        return name.decode("ascii")
    for folder, here in _elsewhere.items():
        if name.startswith(here) and name[len(here) : len(here) + 1] in {b"", b"/"}:
            return folder + _as_text(name[len(here) :])
    return _as_text(name)


def to_bytes(text: str) -> bytes:
    """The file name or path that `to_text` wrote as `text`."""
    if not _elsewhere and text.isascii():
        return text.encode("ascii")
    for folder, here in _elsewhere.items():
        if is_under(text, folder):
            return here + _as_bytes(text[len(folder) :])
    return _as_bytes(text)


def _as_text(name: bytes) -> str:
    text = _escaped(name.decode("utf-8", "surrogateescape"))
    return _UNDECODABLE.sub(lambda m: chr(ord(m[0]) - 0xDC00 + _OFFSET), text)


def _as_bytes(text: str) -> bytes:
    if text.isascii() or not _PRIVATE.search(text):
        return text.encode("utf-8")
    parts = _PRIVATE.sub(lambda m: chr(ord(m[0]) - _OFFSET + 0xDC00), text)
    return parts.encode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """A path for people: control characters and undecodable bytes are escaped."""
    return visible(os.fsdecode(_as_bytes(text)))


def visible(text: str) -> str:
    """Text of others (tags, names, errors) on one line, for a terminal or a log.

    Control characters (C0 and C1), ends of lines and what turns the direction of writing are
    escaped, so that it neither commands the terminal nor looks like another line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_harmless(c) else _escape(c) for c in text)


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs"


def readable(message: str) -> str:
    """A message of Python's, in which paths that were bytes stand as `shown` has them."""
    return _BYTES.sub(lambda each: shown(to_text(ast.literal_eval(each[0]))), message)


def is_under(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies below it. /music2 does not lie below /music."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def _escaped(text: str) -> str:
    return _PRIVATE.sub(lambda m: "".join(chr(b + _OFFSET) for b in m[0].encode("utf-8")), text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
