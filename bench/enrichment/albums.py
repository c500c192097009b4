"""The library: 500 albums, each with a trouble of its own, and what each truly is.

The answers come from the discography that an album was made of, before its tags were spoilt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.enrichment.discography import Discography, Recording, Release

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class TaggedTrack:
    """A track as its file has it, and the recording that it is; None when nobody knows it."""

    title: str
    artist: str
    seconds: float | None
    truth: str | None
    recording_id: str | None = None
    isrc: str | None = None


@dataclass(frozen=True)
class TaggedAlbum:
    """An album as its files have it, and the release that it is."""

    kind: str
    title: str
    artist: str
    tracks: tuple[TaggedTrack, ...]
    group: str | None
    """The release group that it is; None when nothing identifies it."""
    release: str | None
    artist_truth: str | None
    release_id: str | None = None
    group_id: str | None = None


def library(discography: Discography) -> list[TaggedAlbum]:
    """The albums, in an order that mixes their kinds."""
    albums = [album for make, count in _KINDS for _ in range(count) for album in make(discography)]
    discography.random.shuffle(albums)
    return albums


def tagged(
    release: Release, kind: str, *, known: bool = True, tracks: Sequence[Recording] = ()
) -> TaggedAlbum:
    """An album with faultless tags. Unless `known` nothing identifies it."""
    recordings = tracks or release.recordings
    return TaggedAlbum(
        kind=kind,
        title=release.group.title,
        artist=release.group.artist.name,
        tracks=tuple(
            TaggedTrack(
                each.title, each.artist.name, each.length / 1000, each.id if known else None
            )
            for each in recordings
        ),
        group=release.group.id if known else None,
        release=release.id if known else None,
        artist_truth=release.group.artist.id if known else None,
    )


def misspelt(discography: Discography, text: str) -> str:
    """The text with a letter left out, doubled, changed or exchanged with the next."""
    place = discography.random.choice([i for i, c in enumerate(text[:-1]) if c.isalpha() and i])
    way = discography.random.randrange(4)
    letter = discography.random.choice(_LETTERS)
    changes = (
        text[:place] + text[place + 1 :],
        text[:place] + text[place] + text[place:],
        text[:place] + letter + text[place + 1 :],
        text[:place] + text[place + 1] + text[place] + text[place + 2 :],
    )
    return changes[way]


def _album(discography: Discography, words: int = 2) -> Release:
    artist = discography.artist()
    return discography.album(artist, discography.name(words))


def _plain(discography: Discography) -> list[TaggedAlbum]:
    artist = discography.artist()
    discography.album(artist)
    return [tagged(discography.album(artist), "plain")]


def _same_artist(discography: Discography) -> list[TaggedAlbum]:
    artist = discography.artist()
    return [tagged(discography.album(artist), "several of an artist") for _ in range(5)]


def _with_release_id(discography: Discography) -> list[TaggedAlbum]:
    release = _album(discography)
    album = tagged(release, "release id in the tags")
    return [replace(album, release_id=release.id, title=discography.name(2))]


def _with_group_id(discography: Discography) -> list[TaggedAlbum]:
    release = _album(discography)
    album = tagged(release, "release group id in the tags")
    return [replace(album, group_id=release.group.id, title=misspelt(discography, album.title))]


def _with_dead_id(discography: Discography) -> list[TaggedAlbum]:
    return [replace(tagged(_album(discography), "id that is 404"), release_id=discography.new_id())]


def _misspelt_title(discography: Discography) -> list[TaggedAlbum]:
    album = tagged(_album(discography), "misspelt title")
    return [replace(album, title=misspelt(discography, album.title))]


def _misspelt_artist(discography: Discography) -> list[TaggedAlbum]:
    album = tagged(_album(discography), "misspelt artist")
    artist = misspelt(discography, album.artist)
    return [replace(album, artist=artist, tracks=_by(album, artist))]


def _misspelt_tracks(discography: Discography) -> list[TaggedAlbum]:
    album = tagged(_album(discography), "misspelt tracks")
    tracks = tuple(
        replace(track, title=misspelt(discography, track.title) if number % 2 else track.title)
        for number, track in enumerate(album.tracks)
    )
    return [replace(album, tracks=tracks)]


def _misspelt_all(discography: Discography) -> list[TaggedAlbum]:
    album = tagged(_album(discography, 3), "misspelt title, artist and tracks")
    artist = misspelt(discography, album.artist)
    tracks = tuple(
        replace(track, title=misspelt(discography, track.title)) for track in _by(album, artist)
    )
    title = misspelt(discography, album.title)
    return [replace(album, title=title, artist=artist, tracks=tracks)]


def _wrong_lengths(discography: Discography) -> list[TaggedAlbum]:
    """A third of the lengths is wrong by a lot, the others by seconds."""
    album = tagged(_album(discography), "wrong lengths")
    tracks = tuple(
        replace(
            track,
            seconds=(track.seconds or 0) * 1.6
            if number % 3 == 0
            else (track.seconds or 0) + discography.random.uniform(-4, 4),
        )
        for number, track in enumerate(album.tracks)
    )
    return [replace(album, tracks=tracks)]


def _no_lengths(discography: Discography) -> list[TaggedAlbum]:
    album = tagged(_album(discography), "unknown lengths")
    return [replace(album, tracks=tuple(replace(each, seconds=None) for each in album.tracks))]


def _homonym(discography: Discography) -> list[TaggedAlbum]:
    """Two artists of one name, each with an album of the same title; one is in the library."""
    name, title = discography.name(2), discography.name(1)
    one, other = (discography.album(discography.artist(name), title, 6) for _ in range(2))
    return [tagged(discography.random.choice((one, other)), "homonym, other tracks")]


def _tie(discography: Discography) -> list[TaggedAlbum]:
    """Two artists of one name, with albums that the tags do not distinguish."""
    name, title = discography.name(2), discography.name(1)
    first = discography.album(discography.artist(name), title, 4)
    other = discography.artist(name)
    twins = tuple(replace(each, id=discography.new_id(), artist=other) for each in first.recordings)
    discography.release(discography.group(other, title), twins)
    return [tagged(first, "homonym, no difference", known=False)]


def _live(discography: Discography) -> list[TaggedAlbum]:
    """The same titles, played live: only the lengths distinguish them."""
    studio = _album(discography)
    artist, title = studio.group.artist, studio.group.title
    group = discography.group(artist, title, ("Live",))
    live = discography.release(group, discography.performed_again(artist, studio.recordings))
    return [tagged(discography.random.choice((studio, live)), "studio or live")]


def _only_live(discography: Discography) -> list[TaggedAlbum]:
    """The album itself is not known, but one of the same titles that was played live."""
    release = _album(discography)
    others = discography.performed_again(release.group.artist, release.recordings)
    album = tagged(release, "only another performance is known", known=False, tracks=others)
    return [replace(album, artist_truth=release.group.artist.id)]


def _volume(discography: Discography) -> list[TaggedAlbum]:
    artist, title = discography.artist(), discography.name(1)
    volumes = [discography.album(artist, f"{title} Volume {number}") for number in (1, 2, 3)]
    return [tagged(discography.random.choice(volumes), "volumes")]


def _unknown_volume(discography: Discography) -> list[TaggedAlbum]:
    release = _album(discography)
    second = discography.recordings(release.group.artist, 6)
    album = tagged(release, "unknown volume", known=False, tracks=second)
    return [
        replace(album, title=f"{album.title} II", artist_truth=None),
    ]


def _unknown(discography: Discography) -> list[TaggedAlbum]:
    """Nobody knows it; others have an album of that title, or that name."""
    artist = discography.artist()
    known = discography.album(artist)
    discography.album(discography.artist(), known.group.title)
    stranger = replace(artist, name=discography.name(2))
    made = discography.recordings(stranger, 5)
    album = tagged(known, "not known at all", known=False, tracks=made)
    return [replace(album, artist=stranger.name)]


def _unknown_namesake(discography: Discography) -> list[TaggedAlbum]:
    """An artist whom nobody knows, of the name of one who is known."""
    known = _album(discography)
    made = discography.recordings(known.group.artist, 5)
    album = tagged(known, "namesake of somebody known", known=False, tracks=made)
    return [replace(album, title=discography.name(2))]


def _edition(discography: Discography) -> list[TaggedAlbum]:
    """Editions of one album: the same music again, and one with more of it."""
    release = _album(discography)
    discography.release(release.group, release.recordings)
    more = release.recordings + discography.recordings(release.group.artist, 3)
    deluxe = discography.release(release.group, more)
    chosen = discography.random.choice((release, deluxe))
    album = tagged(chosen, "editions")
    shop = " (Deluxe Edition)" if chosen is deluxe else ""
    return [replace(album, title=album.title + shop)]


def _incomplete(discography: Discography) -> list[TaggedAlbum]:
    album = tagged(_album(discography), "incomplete")
    return [replace(album, tracks=album.tracks[: len(album.tracks) // 2 + 1])]


def _bonus(discography: Discography) -> list[TaggedAlbum]:
    release = _album(discography)
    album = tagged(release, "one more track")
    extra = TaggedTrack(discography.name(3), album.artist, 200.0, None)
    return [replace(album, tracks=(*album.tracks, extra))]


def _compilation(discography: Discography) -> list[TaggedAlbum]:
    various = next((each for each in discography.artists if each.name == "Various Artists"), None)
    various = various or discography.artist("Various Artists")
    singers = [discography.artist() for _ in range(5)]
    recordings = tuple(discography.recordings(each, 1)[0] for each in singers)
    release = discography.release(discography.group(various), recordings)
    return [replace(tagged(release, "compilation"), artist_truth=None)]


def _isrc(discography: Discography) -> list[TaggedAlbum]:
    """The artist is written in another way altogether, but the tracks have ISRCs."""
    release = _album(discography)
    album = tagged(release, "ISRC, misspelt names")
    artist = misspelt(discography, misspelt(discography, album.artist))
    tracks = tuple(
        replace(track, isrc=each.isrc)
        for track, each in zip(_by(album, artist), release.recordings, strict=True)
    )
    return [replace(album, artist=artist, tracks=tracks)]


def _twice(discography: Discography) -> list[TaggedAlbum]:
    """The same album in two folders: its questions are those of the other."""
    return [tagged(_album(discography), "twice in the library")] * 2


def _remastered(discography: Discography) -> list[TaggedAlbum]:
    """Titles as shops write them."""
    album = tagged(_album(discography), "remastered, in every title")
    tracks = tuple(
        replace(track, title=f"{track.title} (Remastered 2011)") for track in album.tracks
    )
    return [replace(album, title=f"{album.title} [Expanded Edition]", tracks=tracks)]


def _otherwise_written(discography: Discography) -> list[TaggedAlbum]:
    """Case, punctuation, accents, the article."""
    artist = discography.artist(f"The {discography.name(2)}")
    album = tagged(discography.album(artist, discography.name(3)), "written in another way")
    name = album.artist.removeprefix("The ")
    tracks = tuple(
        replace(track, title=track.title.upper().replace(" ", "_").replace("E", "É"), artist=name)
        for track in album.tracks
    )
    title = "... ".join(album.title.lower().split())
    return [replace(album, title=title, artist=name, tracks=tracks)]


def _numbered_through(discography: Discography) -> list[TaggedAlbum]:
    """The files come in another order than the release has."""
    album = tagged(_album(discography), "in another order")
    return [replace(album, tracks=tuple(reversed(album.tracks)))]


def _near_name(discography: Discography) -> list[TaggedAlbum]:
    """Somebody of nearly the same name has an album of the same title."""
    release = _album(discography, 1)
    name = misspelt(discography, release.group.artist.name)
    discography.album(discography.artist(name), release.group.title, len(release.recordings))
    return [tagged(release, "nearly a homonym")]


def _tribute(discography: Discography) -> list[TaggedAlbum]:
    """Only somebody else's version of it is known, of the same titles and lengths."""
    release = _album(discography)
    stranger = replace(release.group.artist, name=discography.name(2))
    made = tuple(replace(each, artist=stranger) for each in release.recordings)
    album = tagged(release, "only a tribute is known", known=False, tracks=made)
    return [replace(album, artist=stranger.name)]


def _by(album: TaggedAlbum, artist: str) -> tuple[TaggedTrack, ...]:
    return tuple(replace(track, artist=artist) for track in album.tracks)


_KINDS: tuple[tuple[Callable[[Discography], list[TaggedAlbum]], int], ...] = (
    (_plain, 25),
    (_twice, 5),
    (_remastered, 10),
    (_otherwise_written, 10),
    (_numbered_through, 5),
    (_near_name, 15),
    (_tribute, 10),
    (_same_artist, 10),
    (_with_release_id, 35),
    (_with_group_id, 15),
    (_with_dead_id, 10),
    (_misspelt_title, 40),
    (_misspelt_artist, 30),
    (_misspelt_tracks, 25),
    (_misspelt_all, 15),
    (_wrong_lengths, 35),
    (_no_lengths, 10),
    (_homonym, 30),
    (_tie, 10),
    (_live, 15),
    (_only_live, 10),
    (_volume, 15),
    (_unknown_volume, 8),
    (_unknown, 12),
    (_unknown_namesake, 10),
    (_edition, 15),
    (_incomplete, 10),
    (_bonus, 5),
    (_compilation, 5),
    (_isrc, 5),
)
"""500 albums: `_same_artist` makes five at a time, `_twice` two."""
