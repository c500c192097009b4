"""The sources of pictures, and the sizes and shapes that they must have, as data.

The orders of choice are settings, see `db.settings.cover_orders`.
"""

from typing import NamedTuple

from db.artwork.covers import CHOSEN, EMBEDDED, FOLDER
from db.models import Role
from db.settings.cover_orders import EXTENSIONS

__all__ = ["CHOSEN", "EMBEDDED", "EXTENSIONS", "FOLDER"]

TRACK_SOURCES = (EMBEDDED,)
ARTIST_ROLES: dict[str, tuple[str, ...]] = {
    Role.FANART: ("fanart.*", "backdrop.*", "background.*"),
    Role.LOGO: ("logo.*", "clearlogo.*"),
}
"""File names in an artist's folder, best first, for what an artist shows beside the front."""
ARTIST_IMAGE_FOLDERS = ("artists", "artist images", "artist pictures", "artist photos")
"""Folders directly below a library root, in any case, whose pictures are named as artists."""

FRONT_TYPES = (3, 0, 6, 2, 1)
"""The ID3v2 APIC picture types that may stand for the front, best first.

Front cover, other, the medium's label, an icon, the 32 pixel icon. Never the back (4), a booklet
page (5), people (7 to 12), places and scenes (13 to 16), illustrations and logotypes (17 to 20).
"""
PICTURE_TYPES = {
    0: "of no type",
    1: "32 pixel icon",
    2: "icon",
    3: "front cover",
    4: "back cover",
    5: "booklet page",
    6: "label of the medium",
}
"""What people call the types; the others are people, places and illustrations."""


class Shape(NamedTuple):
    """What a picture must be like to be chosen as long as there is another."""

    shorter: int
    """Pixels of the shorter side, at least."""
    ratio: float
    """The longer side as a multiple of the shorter, at most."""


SHAPES: dict[str, Shape] = {Role.FANART: Shape(300, 4.0), Role.LOGO: Shape(30, 20.0)}
"""By role. A logo is a line of letters, and fanart is made for screens."""
COVER_SHAPE = Shape(150, 1.6)
"""For all other roles: at least the smallest thumbnail's size, and no wider than 1.6 to 1, which a
cassette's inlay is, and the screen's 16 to 9 or a booklet's double page is not."""
