"""Which album a track belongs to: natural keys from tags and folders, independent of any order.

Tracks of one group folder (`db.scanning.library_files`) and one title are siblings: what one lacks,
the release id and the album artist, the others say. Siblings by one artist, or with one release id,
are a part of a release, whose key is the MusicBrainz release id where there is one, else title and
album artists. The release date is no part of it.

The parts of a release are one album where their positions, disc and number, fit together. Else they
are its editions, each an album: the same record in another format, a later issue, a copy.
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from db.library.albums import plurality
from db.models import Source
from db.scanning.library_files import disc_of, folder_of
from db.sql.queries import indexable
from jobs.batch.parts import (
    BONUS,
    NO_RELEASE,
    VARIOUS,
    VARIOUS_ARTISTS,
    Grouped,
    Part,
    all_folded,
    as_most_write,
    folded,
    heads,
    host,
    labels,
    titled,
    without_guests,
)
from jobs.batch.releases import united


@dataclass(frozen=True)
class AlbumOf:
    """An album that tracks were grouped into."""

    key: str
    artists: list[str]
    release: str
    """What its editions have in common."""
    edition: str | None
    """What distinguishes it from the others of its release; None where there is no other."""
    row: int | None
    """The row of `albums` that it keeps: the one that most of its tracks are in."""
    title_key: str
    """Its title, folded."""


@dataclass(frozen=True)
class Albums:
    """What tracks were grouped into."""

    keys: dict[str, str | None]
    """The album key of each path; None for a track that names neither an album nor a release."""
    said: dict[str, AlbumOf]
    """What each key stands for."""
    discs: dict[str, tuple[int | None, Source]]
    """The disc that is guessed of each path that names none, and from what."""


def group(parts: Iterable[Part]) -> Albums:
    """Group parts of releases into albums: all parts of each release that occurs among them."""
    releases: dict[str, list[Part]] = defaultdict(list)
    keys: dict[str, str | None] = {}
    for part in united(list(parts)):
        releases[part.release].append(part)
        keys |= dict.fromkeys((track.path for track in part.tracks), None)
    releases.pop(NO_RELEASE, None)
    found: dict[str, Sequence[Part]] = {}
    editions: dict[str, str | None] = {}
    for each in releases.values():
        keyed = dict(_keyed(_editions(each)))
        found |= keyed
        editions |= zip(keyed, labels(list(keyed.values())), strict=True)
    members = {
        key: [track for part in each for track in part.tracks] for key, each in found.items()
    }
    rows = _rows(members)
    said = {
        key: AlbumOf(
            key,
            _artists_of(each),
            each[0].release,
            editions[key],
            rows.get(key),
            each[0].title_key,
        )
        for key, each in found.items()
    }
    for key, tracks in members.items():
        keys |= dict.fromkeys((track.path for track in tracks), key)
    discs = {path: each for tracks in members.values() for path, each in _discs(tracks).items()}
    return Albums(keys, said, discs)


def parts_of(tracks: Iterable[Grouped]) -> Iterator[Part]:
    """The parts of releases that tracks are.

    `tracks` holds every present track of each group folder that occurs in it without `part_of`.
    """
    siblings: dict[tuple[str, str], list[Grouped]] = defaultdict(list)
    given: dict[tuple[str, str], list[Grouped]] = defaultdict(list)
    for track in _of_same_folders(tracks):
        if track.part_of is None:
            siblings[track.group_folder, track.title_key].append(track)
        else:
            given[track.part_of, track.group_folder].append(track)
    for (release, place), each in given.items():
        yield from _given(release, place, each)
    for (place, title), each in siblings.items():
        yield from _of_siblings(place, title, each)


def _of_same_folders(tracks: Iterable[Grouped]) -> list[Grouped]:
    """The tracks, by path; what lacks the title of its folder's one album has that."""
    places: dict[tuple[str | None, str], list[Grouped]] = defaultdict(list)
    for track in tracks:
        places[track.part_of, track.group_folder].append(track)
    found = [track for each in places.values() for track in _titled_as_siblings(each)]
    return sorted(found, key=lambda each: each.path)


def _titled_as_siblings(tracks: Sequence[Grouped]) -> Iterator[Grouped]:
    """The tracks of a folder; the few whose tags name no album are of the one that all others name.

    They have to be by the same artist, and their numbers those that are missing there.
    """
    named = [track for track in tracks if track.names_album]
    is_one = len({track.title_key for track in named}) == 1
    if not is_one or not len(tracks) - len(named) < len(named) < len(tracks):
        yield from tracks
        return
    album = Part(NO_RELEASE, "", [], named)
    for track in tracks:
        is_missing = not track.names_album and _is_missing_of(track, album)
        yield replace(track, album_title=named[0].album_title) if is_missing else track


def _is_missing_of(track: Grouped, album: Part) -> bool:
    """Whether a track takes a position that an album by its artist lacks."""
    if track.position is None or track.position in album.numbers:
        return False
    disc, number = track.position
    last = max((each for of, each in album.numbers if of == disc), default=0)
    artists = {folded(each.lead) for each in album.tracks}
    return number <= (album.totals.get(disc) or last + 1) and folded(track.lead) in artists


_BY_ID = "release:"


def _given(release: str, place: str, tracks: Sequence[Grouped]) -> Iterator[Part]:
    """The part of a release that tracks were found to be before.

    What they are of by other folders' tags, those they have to be compared with again.
    """
    title = tracks[0].title_key
    by_id = any(release == f"{_BY_ID}{track.release_id}" for track in tracks)
    is_compiled = release == f"{title}\n{folded(VARIOUS_ARTISTS)}" and not any(
        track.album_artists or track.compilation for track in tracks
    )
    if is_compiled or (release.startswith(_BY_ID) and not by_id):
        yield from _of_siblings(place, title, tracks)
    else:
        yield Part(release, place, tracks[0].credited, [*tracks], by_id)


def _of_siblings(place: str, title: str, siblings: Sequence[Grouped]) -> Iterator[Part]:
    """The parts of releases that siblings are."""
    by_id: dict[str, list[Grouped]] = defaultdict(list)
    loose: list[Grouped] = []
    siblings = as_most_write(siblings)
    for track in siblings:
        (by_id[track.release_id] if track.release_id else loose).append(track)
    parts = [Part(f"{_BY_ID}{each}", place, [], by_id[each], by_id=True) for each in by_id]
    if not title:
        parts.append(Part(NO_RELEASE, place, [], loose))
    elif loose:
        for part in _credited(Part(NO_RELEASE, place, [], loose), siblings):
            if len(by_id) == 1 and not _is_another(part, parts[0]):
                parts[0] += part
            else:
                parts.append(titled(part))
    return iter(parts)


def _is_another(part: Part, of_id: Part) -> bool:
    """Whether tracks without the release id of their siblings are another record."""
    artists = of_id.tracks[0].album_artists or host(of_id.tracks)
    return part.repeats(of_id) and all_folded(part.artists) != all_folded(artists)


def _credited(loose: Part, siblings: Sequence[Grouped]) -> list[Part]:
    """Siblings without a release id by album artists; whose they are is guessed of the others."""
    named: dict[tuple[str, ...], Part] = {}
    unnamed: list[Grouped] = []
    for track in loose.tracks:
        if track.album_artists:
            _add(named, Part(NO_RELEASE, loose.place, track.album_artists, [track]))
        else:
            unnamed.append(track)
    _join_guests(named)
    leader = plurality(tuple(track.album_artists) for track in siblings)
    leaders = Part(NO_RELEASE, "", [], [track for track in siblings if track.album_artists])
    for part in _by_host(Part(NO_RELEASE, loose.place, [], unnamed)):
        artists = host(part.tracks)
        if leader and all_folded(artists) not in named and not part.repeats(leaders):
            artists = list(leader)
        _add(named, Part(NO_RELEASE, loose.place, artists, part.tracks))
    return list(named.values())


def _add(named: dict[tuple[str, ...], Part], part: Part) -> None:
    key = all_folded(part.artists)
    named[key] = named[key] + part if key in named else part


def _join_guests(named: dict[tuple[str, ...], Part]) -> None:
    """Put what names a guest beside the album artist to what names that artist alone.

    Or to what names the same artist with other guests.
    """
    for artists in sorted(named):
        part, (main, *_) = named[artists], heads(artists[0])
        beside = (other for each, other in named.items() if heads(each[0])[0] == main)
        if (main,) not in named and any(not each.repeats(part) for each in beside):
            named[main,] = replace(named.pop(artists), artists=[without_guests(part.artists[0])])
    for artists in sorted(named):
        alone = [(head,) for head in heads(artists[0])]
        host_of = next((head for head in alone if head in named and head != artists), None)
        if host_of and not named[artists].repeats(named[host_of]):
            named[host_of] += named.pop(artists)


def _by_host(unnamed: Part) -> list[Part]:
    """Tracks without album artist, as one record or, when their numbers say so, as several."""
    if not unnamed.tracks:
        return []
    if any(track.compilation for track in unnamed.tracks):
        return [unnamed]
    counts = Counter(head for track in unnamed.tracks for head in set(heads(track.lead)))
    return unnamed.split(
        lambda track: max(heads(track.lead), key=lambda head: (counts[head], len(head)))
    )


def _editions(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts of a release by the albums that they are, each in the order of folders."""
    units = [unit for part in parts for each in part.split(_format) for unit in _by_year(each)]
    found: list[list[Part]] = []
    for unit in sorted(units, key=lambda each: (each.place, each.codec)):
        fitting = [edition for edition in found if _fits(unit, edition)]
        if fitting:
            max(fitting, key=lambda edition: _likeness(unit, edition[-1])).append(unit)
        else:
            found.append([unit])
    return found


def _by_year(part: Part) -> list[Part]:
    """Tracks of one title in one folder: several records where each year has all positions."""
    records = part.split(_year)
    years = [{_year(track) for track in record.tracks} for record in records]
    are_several = not part.by_id and all(len(each) == 1 and "" not in each for each in years)
    return records if are_several else [part]


def _year(track: Grouped) -> str:
    return (track.date or "")[:4]


def _format(track: Grouped) -> str:
    # A file with a sheet beside the same songs in files of their own is another edition.
    return f"{track.codec} {track.bit_depth} {track.sample_rate} {track.is_part}"


def _fits(unit: Part, edition: Sequence[Part]) -> bool:
    """Whether the positions of a part and an edition say that they are one album.

    With one release id they do unless most are there twice. Else none may be, and something beside
    title and artist has to say that they belong together.
    """
    if unit.by_id:
        return not any(unit.repeats(part) or part.repeats(unit) for part in edition)
    return all(
        unit.is_numbered and part.is_numbered and unit.numbers.isdisjoint(part.numbers)
        for part in edition
    ) and any(_belongs(unit, part) for part in edition)


def _belongs(one: Part, other: Part) -> bool:
    """Whether two folders of one title and artist have, by their totals and places, one album."""
    shared = one.totals.keys() & other.totals.keys()
    totals = [{one.totals[disc], other.totals[disc]} - {None} for disc in shared]
    if any(len(each) > 1 for each in totals):
        return False
    is_near = _is_near(one.place, other.place)
    if VARIOUS.issuperset(all_folded(one.artists)):
        return True
    if shared:
        return all(totals) or (is_near and _follow(one, other))
    discs = [plurality(track.disc_total for track in each.tracks) or 1 for each in (one, other)]
    return is_near or discs[0] == discs[1] > 1


def _follow(one: Part, other: Part) -> bool:
    """Whether all positions of one come before those of the other."""
    return max(one.numbers) < min(other.numbers) or max(other.numbers) < min(one.numbers)


def _is_near(one: str, other: str) -> bool:
    """Whether two folders are siblings, or one is in the other."""
    above, beside = posixpath.dirname(one), posixpath.dirname(other)
    return beside in (above, one) or other == above


def _likeness(one: Part, other: Part) -> tuple[bool, int]:
    """How much two parts are of one edition, by format and the names of their folders."""
    length = len(posixpath.commonprefix([one.place, other.place]))
    length += len(posixpath.commonprefix([one.place[::-1], other.place[::-1]]))
    return one.codec == other.codec, length


def _keyed(editions: Sequence[Sequence[Part]]) -> Iterator[tuple[str, Sequence[Part]]]:
    """The key of each edition: of the first of its folders, and of the release."""
    taken: set[str] = set()
    for parts in editions:
        first = parts[0]
        key = first.release
        if first.by_id and taken:
            key = f"{key}\n{first.place}"
        elif not first.by_id and not key.startswith(f"{first.place}\n"):
            key = f"{first.place}\n{key}"
        while indexable(key) in taken:
            key = f"{key}\n\n{first.codec}"
        taken.add(indexable(key))
        yield indexable(key), parts


def _artists_of(parts: Sequence[Part]) -> list[str]:
    """The album artists of an edition, in the spelling of most of its tracks."""
    tracks = [track for part in parts for track in part.tracks]
    if parts[0].by_id:
        named = plurality(tuple(track.album_artists) for track in tracks)
        return list(named) if named else host(tracks)
    spelled = [
        tuple(each if all_folded(each) == all_folded(part.artists) else part.artists)
        for part in parts
        for each in (track.album_artists for track in part.tracks)
    ]
    return list(plurality(spelled) or ())


def _discs(tracks: Sequence[Grouped]) -> dict[str, tuple[int | None, Source]]:
    """The disc of each track of an album that names none, by its path; see `Albums.discs`."""
    lacking = [track for track in tracks if track.disc is None and track.guessed_disc[0]]
    discs = {track.disc or track.guessed_disc[0] or 1 for track in tracks}
    if len(discs) == 1:  # a folder "25" may be called after anything
        alone = {each.path: each.guessed_disc for each in lacking}
        return {
            path: (disc_of(folder_of(path)) if source is Source.FOLDER else disc, source)
            for path, (disc, source) in alone.items()
        }
    after = max(discs - {BONUS}) + 1
    said = {track.path: track.guessed_disc for track in lacking}
    return {
        path: (after if disc == BONUS else disc, source) for path, (disc, source) in said.items()
    }


def _rows(members: dict[str, list[Grouped]]) -> dict[str, int]:
    """The row that each album keeps, by its key: the one that most of its tracks are in.

    A row of whose tracks some stay stays with these.
    """
    shared = Counter(
        (track.album_id, key)
        for key, tracks in members.items()
        for track in tracks
        if track.album_id is not None
    )
    found: dict[str, int] = {}
    had = {track.album_id: track.album_key for tracks in members.values() for track in tracks}
    for (row, key), _ in sorted(
        shared.items(), key=lambda each: (had[each[0][0]] != each[0][1], -each[1], each[0])
    ):
        if key not in found and row not in found.values():
            found[key] = row
    return found
