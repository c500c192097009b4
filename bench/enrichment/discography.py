"""What the bench's MusicBrainz knows: invented artists, albums, editions and recordings."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

_ONSETS = ("bl", "br", "ch", "dr", "fl", "gl", "gr", "pl", "sh", "st", "tr", *"bcdfghjklmnprstvwz")
_NUCLEI = ("ai", "ea", "oa", "ou", *"aeiou")
_CODAS = ["", "", "", "l", "m", "n", "nd", "r", "rk", "s", "st", "t", "x"]
_COUNTRIES = ("GB", "US", "DE", "SE", "JP", "FR", "XW")
_WORDS = 1400
_LENGTHS = (100_000, 420_000)
_LONGER = (20_000, 90_000)
"""Milliseconds."""
_TITLE_WORDS = (1, 2, 2, 3, 3, 4)


@dataclass(frozen=True)
class Artist:
    """An artist."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recording:
    """A recording; the length is in milliseconds."""

    id: str
    title: str
    artist: Artist
    length: int
    isrc: str


@dataclass(frozen=True)
class Group:
    """A release group."""

    id: str
    title: str
    artist: Artist
    type: str
    date: str
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Release:
    """A release of a group."""

    id: str
    group: Group
    date: str
    country: str
    label: str
    number: str
    recordings: tuple[Recording, ...]

    def track_id(self, position: int) -> str:
        """The id of the track at a place, from 0 on."""
        return str(UUID(int=(UUID(self.id).int ^ (position + 1)) & ((1 << 128) - 1)))


@dataclass
class Discography:
    """All of it."""

    seed: int
    artists: list[Artist] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the words that names are made of."""
        self.random = random.Random(self.seed)  # noqa: S311  # no secret
        words = set[str]()
        while len(words) < _WORDS:
            words.add(self._word())
        self._words = sorted(words)

    def new_id(self) -> str:
        """A MusicBrainz id."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def name(self, words: int | None = None) -> str:
        """A name or title of some words."""
        count = words or self.random.choice(_TITLE_WORDS)
        return " ".join(self.random.sample(self._words, count)).title()

    def artist(self, name: str | None = None) -> Artist:
        """A new artist."""
        made = Artist(self.new_id(), name or self.name(2))
        self.artists.append(made)
        return made

    def group(self, artist: Artist, title: str | None = None, kinds: tuple[str, ...] = ()) -> Group:
        """A new release group, without a release yet."""
        date = f"{self.random.randint(1965, 2024)}-{self.random.randint(1, 12):02}"
        return Group(self.new_id(), title or self.name(), artist, "Album", date, kinds)

    def recordings(self, artist: Artist, titles: int | list[str]) -> tuple[Recording, ...]:
        """New recordings of so many new titles, or of these."""
        named = [self.name() for _ in range(titles)] if isinstance(titles, int) else titles
        return tuple(self.recording(artist, title) for title in named)

    def recording(self, artist: Artist, title: str) -> Recording:
        """A new recording."""
        isrc = f"QZ{self.random.randrange(1000):03}{self.random.randrange(10**7):07}"
        return Recording(self.new_id(), title, artist, self.random.randint(*_LENGTHS), isrc)

    def performed_again(
        self, artist: Artist, recordings: tuple[Recording, ...]
    ) -> tuple[Recording, ...]:
        """New recordings of the same titles, of other lengths."""
        again = (self.recording(artist, each.title) for each in recordings)
        return tuple(
            replace(each, length=before.length + self.random.randint(*_LONGER))
            for each, before in zip(again, recordings, strict=True)
        )

    def release(self, group: Group, recordings: tuple[Recording, ...]) -> Release:
        """A new release of a group."""
        made = Release(
            id=self.new_id(),
            group=group,
            date=f"{group.date}-{self.random.randint(1, 28):02}",
            country=self.random.choice(_COUNTRIES),
            label=f"{self.name(1)} Records",
            number=f"{self.name(1)[:3].upper()} {self.random.randint(100, 9999)}",
            recordings=recordings,
        )
        self.releases.append(made)
        return made

    def album(self, artist: Artist, title: str | None = None, tracks: int = 0) -> Release:
        """A new album with one release."""
        count = tracks or self.random.randint(4, 9)
        return self.release(self.group(artist, title), self.recordings(artist, count))

    def groups(self) -> Iterator[Group]:
        """Every release group once."""
        yield from {release.group.id: release.group for release in self.releases}.values()

    def _word(self) -> str:
        parts = [
            self.random.choice(_ONSETS) + self.random.choice(_NUCLEI) + self.random.choice(_CODAS)
            for _ in range(self.random.choice((2, 2, 3)))
        ]
        return "".join(parts)
