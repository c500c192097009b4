"""Playlists: of users, and those that follow from the library, which nobody can change.

    pl-7                own, or a public one of another user
    pc-3                a cluster of similar tracks
    pm-1-calm           a mood: a synthetic tag of the analysis
    ps-12               songs similar to a song
    pp-12-34            a path from one song to another

Of the last two those of what the user starred are listed; any other can be asked for by its id.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from db.library import catalogue, lists
from db.library.search import existing
from db.models import EntityType
from db.similarity import clusters
from db.users import annotations, playlists
from db.users.playlists import Listed
from web.rest import bodies
from web.rest.answers import AnswerError, Body, Code, moment
from web.rest.door import Id, Request, kept, method
from web.rest.similar import between, nearest
from web.rest.system import account_of

if TYPE_CHECKING:
    from db.similarity.neighbours import Neighbour

OWNER = "musicfleet"
"""Whose the playlists are that follow from the library."""
_MOST = 500
"""Songs of one that follows from the library."""
_SIMILAR, _PATH = 50, 25
_OF_STARRED = 5
_LONGEST_NAME = 200
_MOST_PLACES = 2**31
_LONGEST_COMMENT = 2_000
_KEPT_SECONDS = 300.0


class Given(NamedTuple):
    """A playlist that follows from the library."""

    id: str
    name: str
    tracks: int
    seconds: float
    made_at: datetime | None


@method("getPlaylists")
def get_playlists(asked: Request) -> Body:
    """The user's playlists, public ones of others, and those of the library.

    Of another user, whom an administrator may name, the public ones.
    """
    seen = playlists.listed(asked.user.id)
    named = account_of(asked, asked.text("username", "") or asked.user.name)
    if named.id != asked.user.id:
        of_them = [_of_user(asked, each) for each in seen if each.user_id == named.id]
        return {"playlists": {"playlist": of_them}}
    own = [_of_user(asked, each) for each in seen]
    return {"playlists": {"playlist": [*own, *map(_of_library, _given(asked))]}}


def _of_user(asked: Request, found: Listed) -> Body:
    body = {
        "id": f"pl-{found.id}",
        "name": found.name,
        "comment": found.comment,
        "owner": found.owner,
        "public": found.is_public,
        "songCount": found.tracks,
        "duration": round(found.seconds),
        "created": moment(found.created_at),
        "changed": moment(found.changed_at),
        "readonly": found.user_id != asked.user.id,
        "coverArt": None if found.first is None else f"tr-{found.first}",
    }
    return {name: value for name, value in body.items() if value is not None}


def _of_library(found: Given) -> Body:
    made = moment(found.made_at or datetime(1970, 1, 1))  # as tables have it
    return {
        "id": found.id,
        "name": found.name,
        "comment": "From the library: it changes as the library does.",
        "owner": OWNER,
        "public": True,
        "songCount": found.tracks,
        "duration": round(found.seconds),
        "created": made,
        "changed": made,
        "readonly": True,
    }


def _given(asked: Request) -> Iterator[Given]:
    """Those that follow from the library, as far as they are listed."""
    yield from kept("playlists", _KEPT_SECONDS, _shared)
    starred = annotations.starred(asked.user.id, EntityType.TRACK)[:_OF_STARRED]
    titles = {each.id: each for each in catalogue.songs(starred).songs}
    known = [titles[each] for each in starred if each in titles]
    for song in known:
        yield Given(f"ps-{song.id}", f"Similar to {song.title}", _SIMILAR, 0, None)
    for song, other in pairwise(known):
        name = f"From {song.title} to {other.title}"
        yield Given(f"pp-{song.id}-{other.id}", name, _PATH, 0, None)


def _shared() -> Sequence[Given]:
    """Clusters and moods, which are the same for all."""
    model = clusters.current_model(EntityType.TRACK)
    made = model.trained_at if model else None
    found = []
    for each in clusters.clusters(EntityType.TRACK):
        ids = _members(each)
        found.append(Given(f"pc-{each.id}", each.name, len(ids), lists.seconds(ids), made))
    for tag, count in lists.moods().items():
        tracks = min(count, _MOST)
        found.append(Given(f"pm-1-{quote(tag)}", f"Mood: {tag}", tracks, 0, made))
    return found


def _members(cluster: clusters.ClusterInUse) -> list[int]:
    return [each.entity_id for each in clusters.members(cluster, _MOST)]


@method("getPlaylist")
def get_playlist(asked: Request) -> Body:
    """A playlist with its songs."""
    wanted = asked.id("id", "pl", "pc", "pm", "ps", "pp")
    if wanted.kind == "pl":
        found = _seen(asked, wanted.number)
        songs = bodies.songs(asked, playlists.tracks_in(found.id))
        return {"playlist": _of_user(asked, found) | {"entry": songs}}
    name, ids = _tracks_of(wanted)
    songs = bodies.songs(asked, ids)
    seconds = sum(each.get("duration", 0) for each in songs)
    given = Given(asked.text("id"), name, len(songs), seconds, None)
    return {"playlist": _of_library(given) | {"entry": songs}}


def _tracks_of(wanted: Id) -> tuple[str, list[int]]:
    """The name and the tracks of a playlist that follows from the library. Raises AnswerError."""
    if wanted.kind == "pc":
        for each in clusters.clusters(EntityType.TRACK):
            if each.id == wanted.number:
                return each.name, _members(each)
        raise AnswerError(Code.NOT_FOUND, "There is no such cluster any more.")
    if wanted.kind == "pm":
        tag = unquote(wanted.rest)
        ids = lists.of_mood(tag, _MOST)
        if not ids:
            raise AnswerError(Code.NOT_FOUND, f"No song has the mood {tag[:50]!r}.")
        return f"Mood: {tag}", ids
    last = Request.numbers("id", wanted.rest) if wanted.kind == "pp" else 0
    ends = [wanted.number, *([last] if last else [])]
    titles = {each.id: each.title or "" for each in catalogue.songs(ends).songs}
    if len(titles) < len(ends):
        raise AnswerError(Code.NOT_FOUND, "There is no such song, or its file is gone.")
    if wanted.kind == "ps":
        found = nearest(wanted.number, _SIMILAR - 1)
        return f"Similar to {titles[wanted.number]}", [wanted.number, *_ids(found)]
    name = f"From {titles[wanted.number]} to {titles.get(last, '')}"
    return name, _ids(between(wanted.number, last, _PATH))


def _ids(found: "Sequence[Neighbour]") -> list[int]:
    return [each.track_id for each in found]


def _seen(asked: Request, playlist_id: int) -> Listed:
    """A playlist that the user sees: another's, that is not public, is as if it were not there."""
    found = playlists.playlist(playlist_id)
    if found is None or not (found.user_id == asked.user.id or found.is_public):
        raise AnswerError(Code.NOT_FOUND, "There is no such playlist.")
    return found


def _own(asked: Request, name: str) -> Listed:
    """A playlist that the user may change. Raises AnswerError."""
    wanted = asked.id(name, "pl", "pc", "pm", "ps", "pp")
    if wanted.kind != "pl":
        says = "It follows from the library: nobody can change it, but copy its songs."
        raise AnswerError(Code.NOT_ALLOWED, says)
    found = _seen(asked, wanted.number)
    if found.user_id != asked.user.id:
        raise AnswerError(Code.NOT_ALLOWED, f"It is a playlist of {found.owner}.")
    return found


@method("createPlaylist")
def create_playlist(asked: Request) -> Body:
    """A new playlist, or other songs, and perhaps another name, for one that is there."""
    if asked.has("playlistId"):
        found = _own(asked, "playlistId")
        tracks = _tracks(asked, "songId")
        playlists.replace(found.id, tracks, _name(asked))
        playlist_id = found.id
    else:
        asked.text("name")
        tracks = _tracks(asked, "songId")
        playlist_id = playlists.create(asked.user.id, _name(asked) or "", tracks)
    songs = bodies.songs(asked, playlists.tracks_in(playlist_id))
    return {"playlist": _of_user(asked, _seen(asked, playlist_id)) | {"entry": songs}}


def _name(asked: Request) -> str | None:
    """The name of a playlist, if the request has one. Raises AnswerError."""
    if not asked.has("name"):
        return None
    name = asked.text("name").strip()
    if not 0 < len(name) <= _LONGEST_NAME:
        raise AnswerError(Code.GENERIC, f"name has to have 1 to {_LONGEST_NAME} characters.")
    return name


def _tracks(asked: Request, name: str) -> list[int]:
    """The tracks that a parameter names. Raises AnswerError for one that is not there."""
    ids = asked.tracks(name)
    if lacking := set(ids) - existing(EntityType.TRACK, list(dict.fromkeys(ids))):
        raise AnswerError(Code.NOT_FOUND, f"There is no song tr-{min(lacking)}.")
    return ids


@method("updatePlaylist")
def update_playlist(asked: Request) -> Body:
    """Change name, comment and who sees a playlist, take songs out by their places, add others."""
    found = _own(asked, "playlistId")
    given = asked.texts("songIndexToRemove")
    places = {asked.numbers("songIndexToRemove", each, least=-_MOST_PLACES) for each in given}
    more = _tracks(asked, "songIdToAdd")
    comment = asked.text("comment") if asked.has("comment") else None
    if comment is not None and len(comment) > _LONGEST_COMMENT:
        raise AnswerError(Code.GENERIC, f"comment has more than {_LONGEST_COMMENT:,} characters.")
    if found.tracks + len(more) > playlists.MOST_TRACKS:
        raise AnswerError(Code.GENERIC, f"A playlist has {playlists.MOST_TRACKS:,} songs at most.")
    is_public = asked.flag("public")
    playlists.change(found.id, name=_name(asked), comment=comment, is_public=is_public)
    if places or more:
        playlists.edit(found.id, places, more)
    return {}


@method("deletePlaylist")
def delete_playlist(asked: Request) -> Body:
    """Delete a playlist of the user's own."""
    playlists.delete(_own(asked, "id").id)
    return {}
