"""artist.nfo and album.nfo: the XML that Kodi, Jellyfin and their like keep beside music.

What stands before a fault of the XML counts: such files often end in the address of a page. One
with a document type, which may hold entities without end, is not read.

Source: https://kodi.wiki/view/NFO_files/Music.
"""

import html
from collections.abc import Callable
from contextlib import suppress
from xml.parsers import expat

LONGEST = 256 * 1024
"""Bytes of such a file that are read."""
_DEEPEST = 3
_MOST = 2_000
"""Elements that are kept."""


def parse(
    data: bytes,
    begin: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    take: Callable[[str], None],
) -> None:
    """Call these for each element that begins and ends, and for its text, as in HTML."""
    text = data[:LONGEST].decode("utf-8", "replace").lstrip("\ufeff")
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = take
    with suppress(expat.ExpatError):
        # Each "&" is left to HTML's rules, which know more names than XML, and forgive.
        parser.Parse(text.replace("&", "&amp;"), True)


def _refuse(*_: object) -> None:
    raise expat.ExpatError("a document type")


def elements(data: bytes, root: str) -> list[tuple[str, str]]:
    """The texts of elements by their path below the root, in lower case and in order.

    None of a file whose root is called otherwise.
    """
    found: list[tuple[str, str]] = []
    path: list[str] = []
    texts: list[str] = []

    def begin(name: str, _: dict[str, str]) -> None:
        path.append(name.lower())
        texts.clear()

    def end(_: str) -> None:
        text = html.unescape("".join(texts)).strip()
        texts.clear()
        if text and 1 < len(path) <= _DEEPEST and len(found) < _MOST:
            found.append(("/".join(path), text))
        path.pop()

    parse(data, begin, end, texts.append)
    inside = f"{root}/"
    return [(each.removeprefix(inside), text) for each, text in found if each.startswith(inside)]
