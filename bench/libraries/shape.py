"""How large a library that was never there is, and what it calls its things."""

from typing import NamedTuple

ROOT = "/large-library"
_WORDS = (
    *("amber", "blue", "cold", "dawn", "echo", "fire", "gold", "hour", "iron", "june", "kite"),
    *("lake", "moon", "night", "ocean", "paper", "quiet", "river", "stone", "time", "under"),
    *("violet", "water", "xylo", "young", "zero", "bright", "cloud", "dream", "earth", "field"),
)


def name_of(number: int) -> str:
    """Three words, and the number, which nothing else has."""
    base = len(_WORDS)
    words = (_WORDS[number % base], _WORDS[number // base % base], _WORDS[number * 7 % base])
    return f"{' '.join(words).title()} {number}"


class Shape(NamedTuple):
    """How large a library is, and how it is divided."""

    tracks: int
    album_tracks: int = 10
    artist_albums: int = 2
    vectors: int = 0
    """One album of so many has vectors; 0: none has."""

    @property
    def albums(self) -> int:
        """How many there are."""
        return max(1, self.tracks // self.album_tracks)

    @property
    def artists(self) -> int:
        """How many there are."""
        return max(1, self.albums // self.artist_albums)

    def album_of(self, track: int) -> int:
        """The album of a track; the last one has what is left over."""
        return min((track - 1) // self.album_tracks + 1, self.albums)

    def artist_of(self, album: int) -> int:
        """The artist of an album."""
        return min((album - 1) // self.artist_albums + 1, self.artists)

    def has_vector(self, album: int) -> bool:
        """Whether an album has a vector, and its tracks and artist too."""
        return bool(self.vectors) and album % self.vectors == 0

    def has_artist_vector(self, artist: int) -> bool:
        """Whether an artist has one: that of an album is enough."""
        last = artist * self.artist_albums
        return any(map(self.has_vector, range(last - self.artist_albums + 1, last + 1)))

    def path(self, track: int) -> str:
        """The path of a track's file."""
        return f"{self.folder(self.album_of(track))}/{track % 100:02} {name_of(track)}.mp3"

    def folder(self, album: int) -> str:
        """The folder of an album."""
        return f"{ROOT}/{name_of(self.artist_of(album))}/{name_of(album)}"
