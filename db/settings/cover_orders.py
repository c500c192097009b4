"""In which order covers are looked for: three settings, each a list, checked as a whole.

    FLEET_ALBUM_COVERS    cover.*, folder.*, front.*, albumart.*, title, embedded, external

An entry is the name of a picture file, best first, or a word for another source. A name has an
extension or `*` in its place, and may have `*` and `?` in it; `cover.*` stands for `cover2.jpg` and
"Cover (2).png" too, but never before `cover.jpg`. What the words mean:

    title         a picture file named as the album, with or without the artist and the year
    scans         the front in a folder for pictures below the album's, such as Scans
    only          the only picture file of a folder that may be a front
    embedded      a picture inside the tracks that may be a front
    discsubtitle  a picture file named as the disc is
    name          a picture file named as the artist
    nfo           a picture file that an artist.nfo names
    external      what a provider on the web gave
    album/…       that name in a folder of one of the artist's albums
"""

from functools import lru_cache
from typing import NamedTuple

from db.errors import SettingError
from db.settings import value
from db.settings.declarations import SETTINGS

EMBEDDED, EXTERNAL = "embedded", "external"
TITLE, SCANS, ONLY = "title", "scans", "only"
DISC_SUBTITLE, ARTIST_NAME, NFO = "discsubtitle", "name", "nfo"
IN_ALBUMS = "album/"
EXTENSIONS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "avif", "jfif", "tif", "tiff")
"""The extensions of picture files, best first. The content decides the format."""
NEVER_FRONT = frozenset(
    (
        "back",
        "rear",
        "booklet",
        "inlay",
        "inside",
        "inner",
        "tray",
        "matrix",
        "obi",
        "spine",
        "liner",
    )
)
"""Words in a picture file's name that say that it is no front."""
OTHER_SUBJECTS = NEVER_FRONT | frozenset(
    (
        *("artist", "band", "backdrop", "background", "banner", "fanart", "poster", "thumb"),
        *("logo", "clearlogo", "clearart", "cdart", "discart", "cd", "disc", "disk", "label"),
        *("page", "spectrogram", "spectrum", "screenshot", "qr"),
    )
)
"""Words in a picture file's name that say that it is none though it is the only one."""
PICTURE_FOLDERS = frozenset(
    (
        *("scan", "scans", "art", "artwork", "artworks", "cover", "covers", "coverart"),
        *("cover art", "album art", "albumart", "cover scans"),
    )
)
"""Names, in lower case, of folders that hold the pictures of the album above them."""


class _Rules(NamedTuple):
    words: tuple[str, ...]
    folders: tuple[str, ...] = ()
    front: bool = True


_RULES = {
    "FLEET_ALBUM_COVERS": _Rules((TITLE, EMBEDDED, SCANS, ONLY, EXTERNAL)),
    "FLEET_DISC_COVERS": _Rules((DISC_SUBTITLE, EMBEDDED)),
    "FLEET_ARTIST_IMAGES": _Rules((ARTIST_NAME, NFO, EXTERNAL), (IN_ALBUMS,), front=False),
}


def album_order() -> tuple[str, ...]:
    """Where an album's cover is looked for, best first. Raises SettingError."""
    return _order("FLEET_ALBUM_COVERS")


def disc_order() -> tuple[str, ...]:
    """Where the picture of one disc is looked for, best first. Raises SettingError."""
    return _order("FLEET_DISC_COVERS")


def artist_order() -> tuple[str, ...]:
    """Where an artist's picture is looked for, best first. Raises SettingError."""
    return _order("FLEET_ARTIST_IMAGES")


def check() -> None:
    """Raise SettingError when one of the orders has a fault."""
    for setting in _RULES:
        _order(setting)


def _order(setting: str) -> tuple[str, ...]:
    return _parsed(setting, value(setting))


@lru_cache(maxsize=16)
def _parsed(setting: str, text: str) -> tuple[str, ...]:
    """The entries of an order, which each candidate asks for."""
    entries = tuple(entry.strip().lower() for entry in text.split(","))
    for number, entry in enumerate(entries):
        fault = _fault(entry, _RULES[setting])
        if entry in entries[:number]:
            fault = "stands there twice — write it once"
        if fault:
            raise SettingError(
                f"{setting} is {text!r}: {entry!r} {fault} (unset it is {_default(setting)!r})"
            )
    return entries


def _fault(entry: str, rules: _Rules) -> str | None:
    """What is wrong with an entry, and what to write instead."""
    if entry in rules.words:
        return None
    name = entry
    for folder in rules.folders:
        name = name.removeprefix(folder)
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        words = ", ".join(rules.words)
        return f"is no source — write a file name such as cover.*, or one of {words}"
    if "/" in name:
        folders = " or ".join(rules.folders)
        return f"names a folder — write the file's name alone{f', or {folders}' if folders else ''}"
    if extension not in {"*", *EXTENSIONS}:
        return f"is no picture — end it with .* or one of {', '.join(EXTENSIONS)}"
    if rules.front and stem in NEVER_FRONT:
        return "is never a front — leave it out"
    return None


def _default(setting: str) -> str:
    return next(each.default for each in SETTINGS if each.name == setting)
