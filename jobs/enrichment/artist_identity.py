"""Which artist of MusicBrainz a name is.

By the id in the tags; else by who is credited under this name with the albums and tracks that were
identified; else by a search. The titles of the artist's tracks distinguish namesakes: one whose
recordings have none of them is not taken, however well the name fits.
"""

from collections import Counter
from collections.abc import Sequence

from db.enrichment.tagged_entities import TaggedArtist
from jobs.enrichment.similarity import CERTAIN, Identity, Unknown, text_similarity
from jobs.providers.musicbrainz import MusicBrainz, either, phrase
from jobs.providers.musicbrainz_answers import Artist, Recording
from jobs.providers.provider import LONGEST_NAME, is_somebody, mbid, normal

_BY_CREDITS, _BY_TITLES = 0.97, 0.9
_CLEARLY = 4
"""How many times as often one of two namesakes must be credited."""
_MISSPELT = 0.85
"""How similar a credited name must be, given that its album is identified."""
_MOST_NAMESAKES = 10
_SHORTEST_TITLE = 5
_EVERYBODYS = {"intro", "outro", "interlude", "untitled", "unknown", "prelude", "prologue"}
"""Titles that everybody has."""

Found = Identity[Artist] | Unknown


def identify(artist: TaggedArtist, musicbrainz: MusicBrainz) -> Found:
    """The artist that is meant. Raises UnavailableError or RefusedError."""
    if not is_somebody(artist.name):
        return Unknown(["the name stands for no particular artist"])
    reasons: list[str] = []
    for find in (_by_id, _by_credits, _by_titles):
        found = find(artist, musicbrainz)
        if isinstance(found, Identity) or found.is_tie:
            return found
        reasons += found.reasons
    return Unknown(reasons)


def _by_id(artist: TaggedArtist, musicbrainz: MusicBrainz) -> Found:
    artist_id = mbid(artist.musicbrainz_id)
    return _looked_up(musicbrainz, artist_id, "artist id in the tags", CERTAIN, [])


def _by_credits(artist: TaggedArtist, musicbrainz: MusicBrainz) -> Found:
    likeness = [(text_similarity(artist.name, name), each) for name, each in artist.credits]
    nearest = max((value for value, _ in likeness), default=0.0)
    ids = Counter(each for value, each in likeness if value == nearest >= _MISSPELT)
    ranked = ids.most_common(2)
    if not ranked:
        return Unknown([])
    (artist_id, count), *others = ranked
    if others and count < _CLEARLY * others[0][1]:
        return Unknown(["several artists of this name are credited"], is_tie=True)
    why = [f"credited with {count} of the albums and tracks that were identified"]
    return _looked_up(musicbrainz, artist_id, "credits", _BY_CREDITS, why)


def _by_titles(artist: TaggedArtist, musicbrainz: MusicBrainz) -> Found:
    titles = _distinctive(artist.titles)
    if not titles or len(artist.name) > LONGEST_NAME or not normal(artist.name):
        return Unknown(["there is no name and title to search for"])
    names = [phrase("artist", artist.name), phrase("alias", artist.name)]
    found = musicbrainz.search_artists(either(names))
    same = [each for each in found if _is_called(each, artist.name)][:_MOST_NAMESAKES]
    if not same:
        return Unknown(["search: no artist of this name"])
    whose = either(f"arid:{each.id}" for each in same)
    what = either(phrase("recording", title) for title in titles)
    recordings = musicbrainz.search_recordings(f"{whose} AND {what}")
    wanted = {normal(title) for title in titles}
    shared = {
        each.id: len({normal(r.title) for r in recordings if each.id in _ids(r)} & wanted)
        for each in same
    }
    best, *others = sorted(same, key=lambda each: -shared[each.id])
    if not shared[best.id]:
        return Unknown([f"search: none of {len(same)} of this name has a track of these titles"])
    if others and shared[others[0].id] * 2 > shared[best.id]:
        return Unknown([f"search: {len(same)} of this name fit equally well"], is_tie=True)
    why = [f"{shared[best.id]} of {len(titles)} titles; {len(same)} of this name"]
    return _looked_up(musicbrainz, best.id, "search", _BY_TITLES, why)


def _looked_up(
    musicbrainz: MusicBrainz, artist_id: str | None, by: str, score: float, why: Sequence[str]
) -> Found:
    if artist_id is None:
        return Unknown([])
    found, answered = musicbrainz.artist(artist_id)
    if found is None:
        return Unknown([f"MusicBrainz has no artist {artist_id}, found by {by}"])
    return Identity(found, by, score, answered.asked_at, why)


def _ids(recording: Recording) -> set[str]:
    return {credit.id for credit in recording.credits}


def _is_called(artist: Artist, name: str) -> bool:
    return normal(name) in {normal(each) for each in (artist.name, *artist.aliases)}


def _distinctive(titles: Sequence[str]) -> list[str]:
    """Those of the titles that say something of whose they are."""
    return [
        title
        for title in titles
        if normal(title) not in _EVERYBODYS and _SHORTEST_TITLE <= len(title) <= LONGEST_NAME
    ]
