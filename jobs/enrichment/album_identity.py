"""Which release of MusicBrainz an album is.

By the release id in its tags; else by its release group, an ISRC of its tracks, or a search, each
of which names candidates. Candidates are compared with the album by title, artists, number of
tracks, and track by track by title and length. The score is a weighted mean of these (`_WEIGHTS`)
and each has a least value of its own (`_LEAST`). A match is taken when it is clearly better than
the best of any other release group.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from db.enrichment.tagged_entities import TaggedAlbum
from jobs.enrichment.similarity import (
    CERTAIN,
    CLEARLY,
    LEAST_SCORE,
    Identity,
    Pair,
    Unknown,
    artist_similarity,
    isrcs,
    pairs,
    title_similarity,
)
from jobs.providers.musicbrainz import MusicBrainz, fuzzy, phrase
from jobs.providers.musicbrainz_answers import Candidate, Release, credited
from jobs.providers.provider import LONGEST_NAME, mbid, normal, without_edition

_WEIGHTS = {"title": 0.2, "artists": 0.2, "tracks": 0.4, "lengths": 0.2}
_LEAST = {"title": 0.75, "artists": 0.8, "tracks": 0.75, "lengths": 0.5}
_MOST_LOOKUPS = 3
"""Release groups whose tracks are compared."""
_FAR_BEHIND = 0.2
"""A group whose names are so much less similar is not compared once another was taken."""
_OFFICIAL = 0.01
_SAME_COUNT = 0.05


class MatchedRelease(NamedTuple):
    """The release that an album is."""

    release: Release
    pairs: list[Pair]
    is_edition: bool
    """Whether it is this very release; else it is one of several equal ones of its group."""


class _Compared(NamedTuple):
    """A release that was compared with the album."""

    meant: MatchedRelease
    score: float
    why: list[str]
    refused: str | None
    """Why it is not the album."""
    fetched_at: datetime = datetime.min


Found = Identity[MatchedRelease] | Unknown


def identify(album: TaggedAlbum, musicbrainz: MusicBrainz) -> Found:
    """The release that the album is. Raises UnavailableError or RefusedError."""
    by_id = _by_release_id(album, musicbrainz)
    if isinstance(by_id, Identity):
        return by_id
    if not album.tracks:
        return Unknown([*by_id.reasons, "no file of it is there"])
    reasons = list(by_id.reasons)
    for by, found in _candidates(album, musicbrainz):
        is_certain = by == _BY_GROUP
        outcome = _best(album, musicbrainz, found, by, certain=is_certain)
        if isinstance(outcome, Identity) or outcome.is_tie:
            return outcome
        reasons += outcome.reasons
    return Unknown(list(dict.fromkeys(reasons)))


_BY_GROUP = "release group id in the tags"


def _by_release_id(album: TaggedAlbum, musicbrainz: MusicBrainz) -> Found:
    release_id = mbid(album.release_id)
    if release_id is None:
        return Unknown([])
    release, answered = musicbrainz.release(release_id)
    if release is None:
        return Unknown([f"MusicBrainz has no release {release_id}, which the tags name"])
    meant = MatchedRelease(release, pairs(album.tracks, release.tracks), is_edition=True)
    return Identity(meant, "release id in the tags", CERTAIN, answered.asked_at)


def _candidates(
    album: TaggedAlbum, musicbrainz: MusicBrainz
) -> Iterator[tuple[str, list[Candidate]]]:
    """How candidates are found, and which, until one of them is taken."""
    group = mbid(album.release_group_id)
    if group is not None:
        yield _BY_GROUP, musicbrainz.editions(group)
    for isrc in isrcs([isrc for track in album.tracks for isrc in track.isrcs])[:1]:
        recordings, _ = musicbrainz.by_isrc(isrc)
        yield f"ISRC {isrc}", [release for each in recordings for release in each.on]
    title, artist = album.title or "", next(iter(album.artists), "")
    if not normal(title) or not normal(artist) or max(map(len, (title, artist))) > LONGEST_NAME:
        yield "search", []
        return
    plain = without_edition(title)
    words = [phrase("release", plain), phrase("artist", artist)]
    yield "search", musicbrainz.search_releases(" AND ".join(words))
    loose = [fuzzy("release", plain), fuzzy("artist", artist)]
    yield "search for misspelt names", musicbrainz.search_releases(" AND ".join(loose))


def _best(
    album: TaggedAlbum,
    musicbrainz: MusicBrainz,
    found: Sequence[Candidate],
    by: str,
    *,
    certain: bool,
) -> Found:
    """The best of the candidates, when it is good enough and clearly better than others."""
    likely = _likely(album, found, certain=certain)
    if not likely:
        return Unknown([f"{by}: nothing of that title, artist and number of tracks"])
    compared: list[_Compared] = []
    for likeness, edition in likely[:_MOST_LOOKUPS]:
        if likeness < likely[0][0] - _FAR_BEHIND and any(c.refused is None for c in compared):
            break
        release, answered = musicbrainz.release(edition.id)
        if release is not None:
            alone = _is_only(album, edition, found)
            other = _compare(album, release, is_edition=alone, certain=certain)
            compared.append(other._replace(fetched_at=answered.asked_at))
    taken = [each for each in compared if each.refused is None]
    if not taken:
        return Unknown([f"{by}: {each.refused}" for each in compared])
    taken.sort(key=lambda each: -each.score)
    best = taken[0]
    if len(taken) > 1 and best.score - taken[1].score < CLEARLY:
        names = " and ".join(_named(each.meant.release) for each in taken[:2])
        return Unknown([f"{by}: {names} fit equally well"], is_tie=True)
    score = CERTAIN if certain else best.score
    return Identity(best.meant, by, score, best.fetched_at, best.why)


def _likely(
    album: TaggedAlbum, found: Sequence[Candidate], *, certain: bool
) -> list[tuple[float, Candidate]]:
    """Of each release group the edition that is most like the album, the likeliest group first."""
    editions: dict[str, tuple[float, Candidate]] = {}
    for each in found:
        title = title_similarity(album.title or "", each.title)
        artists = artist_similarity(album.artists, each.credits) if each.credits else CERTAIN
        is_like = title >= _LEAST["title"] and artists >= _LEAST["artists"]
        if not (certain or is_like) or each.tracks < len(album.tracks) * _LEAST["tracks"]:
            continue
        likeness = title + artists + _details(album, each)
        if likeness > editions.get(each.group.id, (0.0, each))[0]:
            editions[each.group.id] = (likeness, each)
    return sorted(editions.values(), key=lambda each: -each[0])


def _details(album: TaggedAlbum, edition: Candidate) -> float:
    """What speaks for an edition among others of the same release group."""
    same_date = album.date and edition.date and album.date.startswith(edition.date)
    return sum(
        (
            _SAME_COUNT * (edition.tracks == len(album.tracks)),
            _SAME_COUNT * _has_number(album, edition),
            _OFFICIAL * bool(same_date),
            _OFFICIAL * edition.is_official,
        )
    )


def _has_number(album: TaggedAlbum, edition: Candidate) -> bool:
    numbers = {normal(number) for number in edition.catalogue_numbers}
    return bool(album.catalogue_number) and normal(album.catalogue_number or "") in numbers


def _is_only(album: TaggedAlbum, edition: Candidate, found: Iterable[Candidate]) -> bool:
    """Whether no other release of the group may be meant: none that has as many tracks.

    Of an album that has more or fewer tracks than the edition, none at all.
    """
    is_whole = edition.tracks == len(album.tracks)
    others = (each for each in found if each.group.id == edition.group.id)
    equal = {each.id for each in others if not is_whole or each.tracks == edition.tracks}
    return equal <= {edition.id}


def _compare(album: TaggedAlbum, release: Release, *, is_edition: bool, certain: bool) -> _Compared:
    paired = pairs(album.tracks, release.tracks)
    values = _values(album, release, paired)
    known = {name: value for name, value in values.items() if value is not None}
    weight = sum(_WEIGHTS[name] for name in known)
    score = sum(_WEIGHTS[name] * value for name, value in known.items()) / weight
    why = [
        f"{len(paired)} of {len(album.tracks)} tracks are among its {len(release.tracks)}",
        *(f"{name} {value:.2f}" for name, value in known.items()),
    ]
    named = _named(release)
    low = [f"{name} {value:.2f}" for name, value in known.items() if value < _LEAST[name]]
    refused = None
    if certain:
        is_edition = is_edition and not low
    elif low:
        refused = f"{named} is not it: {', '.join(low)}"
    elif score < LEAST_SCORE:
        refused = f"{named} is too different: {score:.2f} ({', '.join(why)})"
    meant = MatchedRelease(release, paired, is_edition)
    return _Compared(meant, round(score, 3), [named, *why], refused)


def _values(
    album: TaggedAlbum, release: Release, paired: Sequence[Pair]
) -> dict[str, float | None]:
    lengths = [pair.length for pair in paired if pair.length is not None]
    return {
        "title": max(
            title_similarity(album.title or "", release.title),
            title_similarity(album.title or "", release.group.title),
        ),
        "artists": artist_similarity(album.artists, release.credits),
        "tracks": sum(pair.title for pair in paired) / len(album.tracks),
        "lengths": sum(lengths) / len(lengths) if lengths else None,
    }


def _named(release: Release) -> str:
    return f"{credited(release.credits)} - {release.title} ({release.group.id})"
