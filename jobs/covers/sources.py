"""Where a cover may come from: the order of choice, as data."""

EMBEDDED = "embedded"
FOLDER = "folder"

ALBUM_SOURCES = ("cover.*", "folder.*", "front.*", "albumart.*", EMBEDDED)
"""Where an album's cover is looked for, best first: file names in any case, and its tracks."""
TRACK_SOURCES = (EMBEDDED,)
EXTENSIONS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "avif")
"""What a picture file's name may end in, best first. Its format is told by its content."""

FRONT_TYPES = (3, 0, 6, 2, 1)
"""The ID3v2 APIC picture types that may stand for the front, best first.

Front cover, other, the medium's label, an icon, the 32 pixel icon. Never the back (4), a booklet
page (5), people (7 to 12), places and scenes (13 to 16), illustrations and logotypes (17 to 20).
"""
