"""`fleet export playlists`: M3U8 files of clusters, moods and users' playlists in a folder.

Their paths are relative to it, so that they hold wherever the folder and the music are seen
together.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from db.library.names import name_key
from db.models import AudioFeatures, EntityType, Playlist, Track, User
from db.publishing import written_files
from db.publishing.export_runs import End, Outcome
from db.publishing.written_files import Kind
from db.similarity import cluster_terms, clusters, playlist_files
from db.sql.queries import tuples
from db.users import playlists as users_playlists
from jobs.publishing import disk
from jobs.publishing.disk import Wanted

_LEAST, _MOST = 10, 500
"""How many tracks a mood has that has a playlist, and how many a playlist of one has."""
_CLUSTER, _MOOD, _USER, _REST = range(4)
Item = tuple[int, Any]
"""What it is of, and the id of the cluster or playlist, or the mood."""


def items(_options: Mapping[str, object]) -> list[Item]:
    """Every cluster of tracks, every mood and every playlist; and last what is no more."""
    own = Playlist.select(Playlist.id).order_by(Playlist.id)
    return [
        *sorted((_CLUSTER, each.id) for each in clusters.clusters(EntityType.TRACK)),
        *((_MOOD, mood) for mood in sorted(moods())),
        *((_USER, each) for (each,) in tuples(own)),
        (_REST, 0),
    ]


def work(
    wanted: Sequence[Item], options: Mapping[str, Any], *, dry: bool
) -> Generator[tuple[Item, list[Outcome]], None, None]:
    """Write the playlist of each of these, and last remove those that are no more."""
    folder, names, by_mood = options["folder"], _names(options), moods()
    for item in wanted:
        try:
            if item[0] == _REST:
                yield item, _drop_others(folder, set(names.values()), dry=dry)
            else:
                ids = by_mood[item[1]] if item[0] == _MOOD else _tracks(item)
                yield item, [_settle(folder, f"{folder}/{names[item]}", ids, dry=dry)]
        except OSError as error:
            yield item, [disk.failure(error, folder)]


def moods() -> dict[str, list[int]]:
    """The tracks of each mood that has enough of them: by their tags, and by their sound."""
    found: dict[str, list[int]] = defaultdict(list)
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    here = Track.missing_since.is_null()
    tags = Track.select(Track.id, Track.moods).where(here).order_by(Track.id)
    sounds = AudioFeatures.select(AudioFeatures.track, AudioFeatures.synthetic_tags).join(Track)
    said = [
        *((track_id, tagged) for track_id, tagged in tuples(tags) if tagged),
        *(
            (track_id, [tag for tag, *_ in found_tags])
            for track_id, found_tags in tuples(sounds.where(here).order_by(Track.id))
        ),
    ]
    for track_id, each in said:
        for mood in each:
            shown[name_key(mood)][mood] += 1
            found[name_key(mood)].append(track_id)
    return {
        shown[key].most_common(1)[0][0]: list(dict.fromkeys(ids))[:_MOST]
        for key, ids in found.items()
        if len(set(ids)) >= _LEAST
    }


def _tracks(item: Item) -> list[int]:
    kind, key = item
    if kind == _USER:
        return users_playlists.tracks_in(key)
    found = [each for each in clusters.clusters(EntityType.TRACK) if each.id == key]
    return [member.entity_id for each in found for member in clusters.members(each)]


def _names(options: Mapping[str, Any]) -> dict[Item, str]:
    """What the file of each playlist is called; of two of one name the later one has a number."""
    said: dict[Item, str] = {
        (_CLUSTER, each.id): each.name for each in clusters.clusters(EntityType.TRACK)
    }
    own = Playlist.select(Playlist.id, User.name, Playlist.name).join(User)
    said |= {(_USER, each): f"{user} - {name}" for each, user, name in tuples(own)}
    found: dict[Item, str] = {}
    taken: set[str] = set()
    for item in items(options)[:-1]:
        name = playlist_files.file_name(str(said.get(item, item[1])))
        number = 1
        while name.casefold() in taken:
            number += 1
            name = playlist_files.file_name(f"{str(said.get(item, item[1]))[:60]} ({number})")
        taken.add(name.casefold())
        found[item] = name
    return found


def _settle(folder: str, path: str, ids: Sequence[int], *, dry: bool) -> Outcome:
    listed = cluster_terms.listed_tracks(EntityType.TRACK, ids)
    text = playlist_files.playlist(listed, folder)
    if not dry:
        disk.make_folders(folder, folder, Kind.PLAYLISTS)
    known = written_files.at([path]).get(path)
    source = sha256(text).hexdigest()
    wanted = Wanted(path, Kind.PLAYLISTS, source, disk.writer(text), folder)
    return disk.settle(wanted, known, dry=dry)


def _drop_others(folder: str, names: set[str], *, dry: bool) -> list[Outcome]:
    """Remove the playlists of ours that are none any more."""
    outcomes, after = [], 0
    while rows := written_files.of_kind(Kind.PLAYLISTS, folder, after, _MOST):
        outcomes += [
            disk.take_away(each, dry=dry)
            for each in rows
            if not each.is_folder and os.path.basename(each.path) not in names
        ]
        after = rows[-1].id
    return [each for each in outcomes if each.end is not End.UNCHANGED]
