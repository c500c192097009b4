"""What the demo library holds: albums as people have them, each with a habit of its own.

The artists and titles are invented, and so are the MusicBrainz ids: they have the shape of real
ones, but are of UUID version 5, which MusicBrainz gives to nothing.
"""

from dataclasses import dataclass
from functools import cached_property
from uuid import NAMESPACE_URL, uuid5


@dataclass(frozen=True)
class Song:
    """A track to be played: its key (`F#m`, `Bb`), and its tempo in beats a minute."""

    title: str
    key: str
    bpm: float
    artists: tuple[str, ...] = ()
    """Who plays it, when that is not the album's artist."""
    beats_per_bar: int = 4
    """3 or 4."""
    swing: bool = False
    drums: str = "floor"
    """One of `demo.tunes.DRUMS` or `PATTERNS`."""
    cents: float = 0.0
    """How far it is tuned off A = 440 Hz."""


@dataclass(frozen=True)
class Album:
    """An album in one folder, or in one folder a disc when it has several discs."""

    artist: str
    title: str
    date: str
    genres: tuple[str, ...]
    suffix: str
    """The format of its files: flac, mp3, ogg, opus or wav."""
    sound: str
    """An instrument of `demo.tunes`."""
    discs: tuple[tuple[Song, ...], ...]
    pictures: tuple[str, ...] = ()
    """Names of picture files in its folder; `embedded` stands for the files themselves, `back` for
    a picture of the back in each."""
    colours: tuple[str, str] = ("#203040", "#e0a040")
    compilation: bool = False
    has_ids: bool = True
    """Whether it was tagged with MusicBrainz ids."""

    @cached_property
    def folder(self) -> str:
        """Its folder below the library's."""
        return f"{self.artist}/{self.title}"

    def artists_of(self, song: Song) -> tuple[str, ...]:
        """Who plays this song."""
        return song.artists or (self.artist,)


def invented_id(*names: object) -> str:
    """The id of what is named so, in the shape of a MusicBrainz id."""
    return str(uuid5(NAMESPACE_URL, "musicfleet:demo/" + "/".join(map(str, names))))


ALBUMS = (
    Album(
        "Mira Halden",
        "Lanterns on the Canal",
        "2019-05-17",
        ("Folk", "Singer-Songwriter"),
        "flac",
        "pluck",
        (
            (
                Song("Lock Keeper", "C", 92),
                Song("Reeds", "Am", 76),
                Song("The Long Pound", "G", 104),
                Song("Swing Bridge", "D", 126),
                Song("Heron, Standing", "Em", 68),
                Song("Who Left the Gate Open?", "F", 112),
                Song("Lanterns", "C", 80),
            ),
        ),
        ("embedded",),
        ("#1d3b53", "#f2b84b"),
    ),
    Album(
        "Los Faroles",
        "Night Bus Timetable",
        "2021",
        ("Electronic", "Synth-Pop"),
        "mp3",
        "square",
        (
            (
                Song("Line 40", "Am", 128),
                Song("Request Stop", "Dm", 120),
                Song("Top Deck", "F#m", 132, ("Los Faroles", "Ines Carrow")),
                Song("Transfer", "Em", 124),
                Song("Exact Change Only", "Bm", 140, ("Los Faroles", "DJ Perihelion")),
                Song("Depot", "Gm", 110),
                Song("First Bus Home", "C", 118),
            ),
        ),
        ("embedded", "cover.jpg"),
        ("#2b1b4d", "#ff5e7a"),
    ),
    Album(
        "The Tidewater Quartet",
        "Sea Charts",
        "2008-11",
        ("Classical", "Chamber Music"),
        "ogg",
        "strings",
        (
            (
                Song("Soundings: I. Slow Water", "Eb", 60),
                Song("Soundings: II. Shoals", "Cm", 96),
                Song("Soundings: III. The Race", "Gm", 144),
                Song("Soundings: IV. Slack Tide", "Eb", 66),
            ),
            (
                Song("Lights: I. Fixed", "Ab", 72),
                Song("Lights: II. Flashing", "Fm", 132),
                Song("Lights: III. Occulting", "Db", 84),
                Song("Lights: IV. Landfall", "Ab", 100),
            ),
        ),
        ("front.png",),
        ("#0c4a5a", "#d8e8e0"),
    ),
    Album(
        "Various Artists",
        "Postcards from Elsewhere",
        "2016-02-29",
        ("World", "Jazz"),
        "opus",
        "bell",
        (
            (
                Song("Ferry to Sula", "D", 98, ("Anouk Delacroix",)),
                Song("Tin Roof Rain", "Bm", 86, ("Kofi Adomako Trio",)),
                Song("Salt Road", "E", 116, ("Samira Tazi",)),
                Song("Ptarmigan", "C#m", 74, ("Jökull",)),
                Song("Mercado", "A", 134, ("Os Ventos", "Anouk Delacroix")),
                Song("Platform Two", "Gm", 122, ("Kenji Arai",)),
                Song("Wish You Were", "D", 90, ("The Unsent",)),
            ),
        ),
        ("cover.jpg",),
        ("#8a3324", "#f4e3b2"),
        compilation=True,
    ),
    Album(
        "Zoë Ångström",
        "Études pour petites chambres",
        "2023-09-01",
        ("Ambient",),
        "mp3",
        "organ",
        (
            (
                Song("Nº 1 (fenêtre)", "Bb", 64),
                Song("Nº 2 (escalier)", "Gm", 108),
                Song("Nº 3 (二畳)", "Dm", 70, ("Zoë Ångström", "北村結衣")),
                Song("Nº 4 (lampe)", "F", 82),
                Song("Nº 5 (тишина)", "Cm", 58),
                Song("Nº 6 (porte)", "Bb", 94),
            ),
        ),
        ("back", "Folder.jpg"),
        ("#3d5a40", "#f3f0e6"),
    ),
    Album(
        "Peat & Copper",
        "Field Notes",
        "1997",
        ("Blues",),
        "wav",
        "pluck",
        (
            (
                Song("Barn Door", "E", 88),
                Song("Wet Wool", "A", 102),
                Song("Third Gate", "E", 120),
                Song("Crows", "F#m", 78),
                Song("Last of the Turf", "B", 70),
            ),
        ),
        has_ids=False,
    ),
)
