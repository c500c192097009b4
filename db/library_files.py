"""Which files and folders of a library are looked at, told from their names."""

import os

from db.cover_orders import EXTENSIONS as IMAGE_EXTENSIONS

__all__ = ["IMAGE_EXTENSIONS"]

READABLE_EXTENSIONS = frozenset(
    (
        *("mp3", "mp2", "mp1", "mpga"),
        *("flac", "fla"),
        *("ogg", "oga", "oggflac", "opus", "spx"),
        *("m4a", "m4b", "m4p", "m4r", "mp4"),
        *("wav", "wave", "bwf", "rf64"),
        *("aif", "aiff", "aifc", "afc"),
        *("wma", "asf"),
        *("aac", "adts", "adif", "ac3", "eac3"),
        *("ape", "wv", "tta", "tak", "ofr", "ofs"),
        *("mpc", "mp+", "mpp"),
        *("dsf", "dff"),
    )
)
"""Of formats that are read here."""

UNREADABLE_EXTENSIONS = frozenset(
    ("caf", "mka", "weba", "dts", "dtshd", "shn", "amr", "au", "snd", "w64", "ra", "la")
)
"""Music that nothing here can read: found all the same, so that people are told."""

AUDIO_EXTENSIONS = READABLE_EXTENSIONS | UNREADABLE_EXTENSIONS
"""Lower case, without the dot: what discovery picks up."""

ARTIST_NFO = "artist.nfo"
"""What Kodi and its like keep beside an artist's albums; its <thumb> may name a picture file."""

KNOWN_EXTENSIONS = AUDIO_EXTENSIONS | frozenset(IMAGE_EXTENSIONS)
"""Of music and of pictures."""

_LITTER = frozenset(
    (
        b"@eadir",
        b"#recycle",
        b"$recycle.bin",
        b"#snapshot",
        b"lost+found",
        b"system volume information",
    )
)
IGNORE_FILES = (b".nomedia", b".ndignore")
"""The files that hide what lies in their folder and below."""


def is_hidden(name: bytes) -> bool:
    """One leading dot hides; two or three begin the name of many an album."""
    return (name.startswith(b".") and not name.startswith(b"..")) or name.lower() in _LITTER


def is_of_interest(name: bytes) -> bool:
    """Whether a file of this name, or path, is one that a scan takes note of."""
    return extension_of(name) in KNOWN_EXTENSIONS or is_artist_nfo(name)


def is_artist_nfo(path: bytes) -> bool:
    """Whether a file may name an artist's pictures."""
    return os.path.basename(path).lower() == ARTIST_NFO.encode()


def extension_of(path: bytes) -> str:
    """The extension in lower case, without the dot; "" when there is none."""
    return os.path.splitext(path)[1][1:].lower().decode("ascii", "replace")
