"""Parts of releases: tracks of one folder, their positions, whose they are, what to call them."""

import posixpath
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from db.library.albums import plurality, title_and_disc
from db.library.names import name_key, named, of_one_artist
from db.models import Source
from db.scanning.library_files import disc_of, folder_of
from db.sql.queries import indexable

VARIOUS_ARTISTS = "Various Artists"
VARIOUS = frozenset(("various artists", "various", "va", "v.a.", "v. a."))
UNKNOWN = frozenset(("", "unknown artist", "unknown", "[unknown]", "<unknown>", "untitled"))
"""Artists, folded, who are nobody in particular."""


BONUS = 1_000
"""The disc of a folder for a bonus disc without a number: it comes after all others."""
_BONUS = re.compile(r"\bbonus[\s._-]*(?:cd|dis[ck]|disque|dvd)\b", re.IGNORECASE)
_DIGITS = 2
"""Folders with longer numbers are called after years."""


@dataclass(frozen=True)
class Grouped:
    """What grouping needs to know of a present track."""

    path: str
    group_folder: str
    album_title: str | None
    """As tags say it, or as it was guessed; see `names_album`."""
    album_artists: list[str]
    artists: list[str]
    compilation: bool
    release_id: str | None
    title: str | None = None
    disc: int | None = None
    """That of its tags, or of the name of its file."""
    disc_total: int | None = None
    track: int | None = None
    track_total: int | None = None
    date: str | None = None
    codec: str = ""
    bit_depth: int | None = None
    sample_rate: int | None = None
    is_part: bool = False
    """Whether it is a part of a file, by a cue sheet."""
    album_id: int | None = None
    """The row of the album that it is in, which has the key `album_key`."""
    album_key: str | None = None
    is_album_guessed: bool = False
    part_of: str | None = None
    """The release it is of, where the siblings that say so are not among the tracks."""
    credited: list[str] = field(default_factory=list)
    """The artists of the album that it is in."""
    artist_ids: list[str] = field(default_factory=list)
    """MusicBrainz ids, which belong to names as `db.library.names.named` says."""
    album_artist_ids: list[str] = field(default_factory=list)

    @cached_property
    def position(self) -> tuple[int, int] | None:
        """Disc and number; the disc is guessed where the file names none."""
        return None if self.track is None else (self.disc or self.guessed_disc[0] or 1, self.track)

    @property
    def names_album(self) -> bool:
        """Whether its tags name an album."""
        return bool(self.title_key) and not self.is_album_guessed

    @cached_property
    def title_key(self) -> str:
        """The title of its album, folded, without a disc."""
        return folded(title_and_disc(self.album_title or "")[0])

    @cached_property
    def guessed_disc(self) -> tuple[int | None, Source]:
        """The disc that the title of the album says, or else the name of the folder."""
        _, disc = title_and_disc(self.album_title or "")
        return (disc, Source.ALBUM_TITLE) if disc else (self._folder_disc, Source.FOLDER)

    @property
    def _folder_disc(self) -> int | None:
        """The disc that the folder is called after; a folder "25" may be called as its album is."""
        folder = folder_of(self.path)
        name = posixpath.basename(folder)
        if len(name) <= _DIGITS and name.isdecimal() and name != folded(self.album_title):
            return int(name) or None
        return BONUS if _BONUS.search(name) else disc_of(folder)

    @property
    def lead(self) -> str:
        """The first of its artists, without guests."""
        return without_guests(self.artists[0]) if self.artists else ""


NO_RELEASE = ""


@dataclass(frozen=True)
class Part:
    """Tracks of one release, in one group folder."""

    release: str
    """The key of the release, or NO_RELEASE."""
    place: str
    artists: list[str]
    tracks: list[Grouped]
    by_id: bool = False
    """Whether the release is known by its id."""

    @cached_property
    def numbers(self) -> frozenset[tuple[int, int]]:
        """The positions that its tracks name."""
        return frozenset(track.position for track in self.tracks if track.position)

    @cached_property
    def titles(self) -> frozenset[str]:
        """The titles that its tracks name, folded."""
        return frozenset(folded(track.title) for track in self.tracks if track.title)

    @cached_property
    def codec(self) -> str:
        """That of most of its tracks."""
        return plurality(track.codec for track in self.tracks) or ""

    @property
    def title_key(self) -> str:
        """That of its first track; all have it where there is no release id."""
        return self.tracks[0].title_key

    @cached_property
    def name(self) -> str:
        """Its artists, folded, in one text."""
        of_album = plurality(tuple(each.album_artists) for each in self.tracks)
        return "\n".join(all_folded(self.artists or of_album or host(self.tracks)))

    @cached_property
    def whose(self) -> frozenset[str]:
        """What its artists may be known by elsewhere: their names, and the id of one alone."""
        given = _given(self.tracks, of_albums=True) + _given(self.tracks, of_albums=False)
        ids = (f"mbid:{each}" for name, each in given if folded(name) == self.name)
        return frozenset((f"name:{self.name}", *ids))

    @property
    def is_by_one(self) -> bool:
        """Whether it is by an artist, not by Various Artists."""
        return all_folded(self.artists) != all_folded([VARIOUS_ARTISTS])

    @property
    def is_numbered(self) -> bool:
        """Whether at least half of its tracks have a number."""
        return sum(track.position is not None for track in self.tracks) * 2 >= len(self.tracks)

    @cached_property
    def totals(self) -> dict[int, int | None]:
        """How many tracks each of its discs has, as most of them say."""
        said: dict[int, list[int | None]] = defaultdict(list)
        for track in self.tracks:
            if track.position:
                said[track.position[0]].append(track.track_total)
        return {disc: plurality(each) for disc, each in said.items()}

    def __add__(self, other: Self) -> "Part":
        """Both together."""
        together = [*self.tracks, *other.tracks]
        return Part(self.release, self.place, self.artists, together, self.by_id)

    def split(self, by: Callable[[Grouped], str]) -> "list[Part]":
        """Its tracks by what `by` says of each, as far as they do not fit together.

        The larger come first. What takes up few positions stays with the first.
        """
        units: dict[str, list[Grouped]] = defaultdict(list)
        for track in self.tracks:
            units[by(track)].append(track)
        found: list[Part] = []
        for _, tracks in sorted(units.items(), key=lambda each: (-len(each[1]), each[0])):
            unit = Part(self.release, self.place, self.artists, tracks, self.by_id)
            fitting = (n for n, other in enumerate(found) if not unit.repeats(other))
            if (place := next(fitting, None)) is None:
                found.append(unit)
            else:
                found[place] += unit
        return found

    def repeats(self, other: Self) -> bool:
        """Whether most of its positions are taken by the other: they do not fit together.

        Titles stand for the numbers of tracks that have none. A few tracks beside many are not
        another record.
        """
        numbered = self.is_numbered and other.is_numbered
        mine, others = (self.numbers, other.numbers) if numbered else (self.titles, other.titles)
        is_of_the_size = len(mine) * _FEW >= len(others)
        return is_of_the_size and len(mine & others) * 2 > min(len(mine), len(others))


def as_most_write(tracks: Sequence[Grouped]) -> Sequence[Grouped]:
    """The tracks, with each artist of one MusicBrainz id written as most of them write that id.

    So one artist in two scripts is one here too, also on tracks that give no id. How album artists
    are written goes before how artists are. An id that stands at strangers' names says nothing.
    """
    written: dict[str, tuple[Counter[str], Counter[str]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    for place, of_albums in enumerate((True, False)):
        for (name, musicbrainz_id), count in _given(tracks, of_albums=of_albums).items():
            written[musicbrainz_id][place][name] += count
    best: dict[str, set[str]] = defaultdict(set)
    for of_album, of_track in written.values():
        right = of_one_artist(of_album + of_track)
        spelled = plurality(each for each in (of_album or of_track).elements() if each in right)
        for key in set(map(folded, right)):
            best[key].add(spelled or "")
    shown = {key: min(names) for key, names in best.items() if len(names) == 1}
    if all(key == folded(name) for key, name in shown.items()):
        return tracks
    return [
        replace(
            track,
            artists=[_rewritten(name, shown) for name in track.artists],
            album_artists=[_rewritten(name, shown) for name in track.album_artists],
        )
        for track in tracks
    ]


def _given(tracks: Iterable[Grouped], *, of_albums: bool) -> Counter[tuple[str, str]]:
    """How many tracks name each artist, or album artist, with which id."""
    said = Counter(
        (tuple(track.album_artists), tuple(track.album_artist_ids))
        if of_albums
        else (tuple(track.artists), tuple(track.artist_ids))
        for track in tracks
        if (track.album_artist_ids if of_albums else track.artist_ids)
    )
    found: Counter[tuple[str, str]] = Counter()
    for (names, ids), count in said.items():
        for each in named(names, ids):
            if each.musicbrainz_id:
                found[each.name, each.musicbrainz_id] += count
    return found


def _rewritten(credit: str, shown: Mapping[str, str]) -> str:
    """A credit with whom it begins with written so, by folded name."""
    begun = (head for head in _heads(credit) if folded(head) in shown)
    head = next(begun, None)
    return credit if head is None else shown[folded(head)] + credit[len(head) :]


_FEW = 5
"""What has fewer than one position to so many of another record is no record of its own."""


def titled(part: Part) -> Part:
    """A part of the release of its title; what names no artist is of no other folder's."""
    artists = all_folded(part.artists)
    key = "\n".join((part.title_key, *artists))
    is_anybodys = UNKNOWN.issuperset(artists)
    return replace(part, release=indexable(f"{part.place}\n{key}" if is_anybodys else key))


def host(tracks: Sequence[Grouped]) -> list[str]:
    """The album artists of tracks that name none: Various Artists, or who has most of them.

    Who has guests is the host of them all. Various Artists are who say so by their flag, and of
    whom none has a majority.
    """
    if any(track.compilation for track in tracks):
        return [VARIOUS_ARTISTS]
    leads = [track.lead for track in tracks if track.lead]
    spelled: dict[str, list[str]] = defaultdict(list)
    for lead in leads:
        for head in _heads(lead):
            spelled[folded(head)].append(head)
    whole = Counter(map(folded, leads))
    for counts in (whole, {head: len(each) for head, each in spelled.items()}):
        if common := [head for head, count in counts.items() if count * 2 > len(leads)]:
            best = max(common, key=lambda head: (counts[head], len(head), head))
            return [plurality(spelled[best]) or best]
    everywhere = set.intersection(*(set(track.artists) for track in tracks)) if leads else set()
    return [min(everywhere)] if everywhere else [VARIOUS_ARTISTS] if leads else []


_GUESTS = re.compile(r"[\s(\[](?:feat|ft|featuring)(?:\.|\s)\s*\S.*", re.IGNORECASE | re.DOTALL)
_JOINED = re.compile(
    r"[\s(\[](?:&|\+|x|\xd7|and|with|w/|vs\.?|versus|meets|presents|pres\.|und|mit|et|avec|y|con|e)"
    r"\s(?=\s*\S)|[,;/](?=\s*\S)",
    re.IGNORECASE,
)
"""What stands between artists, and in the names of some."""


def without_guests(credit: str) -> str:
    """A credit without whom it names as guests: "A" of "A feat. B"."""
    return _GUESTS.sub("", credit, count=1).rstrip(" ([") or credit


def _heads(credit: str) -> list[str]:
    """Whom a credit may begin with, itself first: "A & B, C" with "A & B" and "A"."""
    begun = (credit[: joined.start()].rstrip(" ([") for joined in _JOINED.finditer(credit))
    return [credit, *dict.fromkeys(filter(None, begun))]


def heads(credit: str) -> list[str]:
    """As `all_folded` has them, whom a credit may begin with, itself first and without guests."""
    return list(map(folded, _heads(without_guests(credit))))


def labels(editions: Sequence[Sequence[Part]]) -> list[str | None]:
    """What to call the editions of a release: the first of what distinguishes all."""
    if len(editions) == 1:
        return [None]
    together = [
        Part(NO_RELEASE, parts[0].place, [], [track for part in parts for track in part.tracks])
        for parts in editions
    ]
    for say in (_format, _quality, _bracketed, _year, _name):
        said = [say(each) for each in together]
        if len(set(said)) == len(said):
            return said
    return [str(number) for number in range(1, len(editions) + 1)]


def _format(edition: Part) -> str | None:
    return edition.codec.upper() or None


def _quality(edition: Part) -> str | None:
    """Such as "FLAC 24-96", bits and kHz."""
    depth = plurality(track.bit_depth for track in edition.tracks)
    rate = plurality(track.sample_rate for track in edition.tracks)
    stated = f" {depth}-{rate / 1000:g}" if depth and rate else ""
    return f"{edition.codec.upper()}{stated}" or None


_BRACKETED = re.compile(r"[(\[{]([^)\]}]+)[)\]}]")


def _bracketed(edition: Part) -> str | None:
    """What the name of its folder has in brackets: "Deluxe Edition"."""
    return ", ".join(_BRACKETED.findall(posixpath.basename(edition.place))) or None


def _year(edition: Part) -> str | None:
    date = plurality(track.date for track in edition.tracks)
    return date[:4] if date else None


def _name(edition: Part) -> str | None:
    return posixpath.basename(edition.place) or None


def all_folded(names: Iterable[str]) -> tuple[str, ...]:
    """Names as keys compare them; all that Various Artists are called is one."""
    found = tuple(map(folded, names))
    return (folded(VARIOUS_ARTISTS),) if found and VARIOUS.issuperset(found) else found


def folded(text: str | None) -> str:
    """Text as keys compare it: without regard to case, composition, typography and spacing."""
    return " ".join(unicodedata.normalize("NFKC", name_key(text or "")).split())
