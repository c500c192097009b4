"""What a user says and does: stars, ratings, plays, bookmarks, and what is in the player."""

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import current_app

from db.library.search import existing
from db.models import EntityType, utc_now
from db.users import annotations, playlists
from db.users.annotations import Played
from web.rest import bodies
from web.rest.answers import AnswerError, Body, Code, moment
from web.rest.door import Listening, NowPlaying, Request, method, parsed

_LATEST = 2**53
"""Milliseconds, as JavaScript has them exactly."""
_LONGEST_PLAY = 3 * 3600
"""Seconds after which nobody is taken to play the same song still."""
_TYPES = {"tr": EntityType.TRACK, "al": EntityType.ALBUM, "ar": EntityType.ARTIST}
_PARAMETERS = {"id": ("tr", "al", "ar"), "albumId": ("al",), "artistId": ("ar",)}


def _named(asked: Request) -> dict[EntityType, list[int]]:
    """What a request names by id, albumId and artistId. Raises AnswerError."""
    found: dict[EntityType, list[int]] = defaultdict(list)
    for name, kinds in _PARAMETERS.items():
        for text in asked.texts(name):
            wanted = parsed(text, *kinds)
            found[_TYPES[wanted.kind]].append(wanted.number)
    if not found:
        raise AnswerError(Code.MISSING, f"One of {', '.join(_PARAMETERS)} is needed.")
    return found


def _require(entity_type: EntityType, ids: list[int]) -> None:
    if lacking := set(ids) - existing(entity_type, ids):
        raise AnswerError(Code.NOT_FOUND, f"There is no {entity_type} {min(lacking)}.")


@method("star")
def star(asked: Request) -> Body:
    """Star songs, albums and artists."""
    named = _named(asked)
    for entity_type, ids in named.items():
        _require(entity_type, ids)
    for entity_type, ids in named.items():
        annotations.star(asked.user.id, entity_type, ids)
    return {}


@method("unstar")
def unstar(asked: Request) -> Body:
    """Take stars away."""
    for entity_type, ids in _named(asked).items():
        annotations.unstar(asked.user.id, entity_type, ids)
    return {}


@method("setRating")
def set_rating(asked: Request) -> Body:
    """Rate a song, an album or an artist; 0 takes the rating away."""
    wanted = asked.id("id", *_TYPES)
    rating = asked.number("rating", most=annotations.MOST_STARS)
    entity_type = _TYPES[wanted.kind]
    _require(entity_type, [wanted.number])
    annotations.rate(asked.user.id, entity_type, wanted.number, rating or None)
    return {}


def _listening() -> Listening:
    found: Listening = current_app.extensions["listening"]
    return found


@method("scrobble")
def scrobble(asked: Request) -> Body:
    """Keep and count plays, or take note of what is played just now."""
    asked.text("id")
    ids, times = asked.tracks("id"), asked.texts("time")
    submission = asked.flag("submission", True)
    if times and len(times) != len(ids):
        raise AnswerError(Code.GENERIC, f"There are {len(ids)} of id, and {len(times)} of time.")
    moments = [_moment(asked.numbers("time", each, _LATEST)) for each in times]
    _require(EntityType.TRACK, ids)
    client = asked.text("c")[:100]
    if not submission:
        _listening().note(NowPlaying(asked.user.name, client, ids[-1], time.monotonic()))
        return {}
    now = utc_now()
    played = [Played(each, at) for each, at in zip(ids, moments or [now] * len(ids), strict=True)]
    annotations.record_plays(asked.user.id, played, client)
    return {}


def _moment(milliseconds: int) -> datetime:
    """Raises AnswerError for a time that has not come, but for a clock that is a day ahead."""
    latest = utc_now() + timedelta(days=1)
    if milliseconds > latest.replace(tzinfo=UTC).timestamp() * 1000:
        raise AnswerError(Code.GENERIC, f"time is {milliseconds}, which has not come yet.")
    return datetime.fromtimestamp(milliseconds / 1000, UTC).replace(tzinfo=None)


_STATES = ("starting", "playing", "paused", "stopped")


@method("reportPlayback")
def report_playback(asked: Request) -> Body:
    """What is played, and how far; a song that was played to its half, or four minutes, counts."""
    kind, state = asked.text("mediaType"), asked.text("state")
    wanted, position = asked.id("mediaId", "tr").number, asked.number("positionMs")
    if kind != "song" or state not in _STATES:
        says = f"Write song for mediaType and one of {', '.join(_STATES)} for state."
        raise AnswerError(Code.GENERIC, says)
    _require(EntityType.TRACK, [wanted])
    client = asked.text("c")[:100]
    if state != "stopped":
        found = NowPlaying(asked.user.name, client, wanted, time.monotonic(), position, state)
        _listening().note(found)
        return {}
    _listening().end(asked.user.name, client)
    seconds = bodies.song(asked, wanted).get("duration", 0)
    if not asked.flag("ignoreScrobble", False) and position / 1000 >= min(240, seconds / 2):
        annotations.record_plays(asked.user.id, [Played(wanted, utc_now())], client)
    return {}


@method("getNowPlaying")
def now_playing(asked: Request) -> Body:
    """What users play just now, each of them as their players say."""
    now = time.monotonic()
    found = [each for each in _listening().all() if now - each.since < _LONGEST_PLAY]
    if not asked.user.is_admin:
        found = [each for each in found if each.user == asked.user.name]
    songs = {each["id"]: each for each in bodies.songs(asked, [each.track_id for each in found])}
    entries = [
        songs[f"tr-{each.track_id}"]
        | {
            "username": each.user,
            "minutesAgo": int((now - each.since) // 60),
            "playerId": number,
            "playerName": each.client,
            "state": each.state,
            "positionMs": each.position,
        }
        for number, each in enumerate(found, 1)
        if f"tr-{each.track_id}" in songs
    ]
    return {"nowPlaying": {"entry": entries}}


@method("getBookmarks")
def bookmarks(asked: Request) -> Body:
    """The user's bookmarks."""
    found = playlists.bookmarks(asked.user.id)
    songs = {each["id"]: each for each in bodies.songs(asked, [each.track_id for each in found])}
    marks = [
        {
            "position": each.position,
            "username": asked.user.name,
            **({"comment": each.comment} if each.comment else {}),
            "created": moment(each.created_at),
            "changed": moment(each.changed_at),
            "entry": songs[f"tr-{each.track_id}"],
        }
        for each in found
        if f"tr-{each.track_id}" in songs
    ]
    return {"bookmarks": {"bookmark": marks}}


@method("createBookmark")
def create_bookmark(asked: Request) -> Body:
    """Have a bookmark in a song be there."""
    wanted = asked.id("id", "tr").number
    position = asked.number("position", most=_LATEST)
    _require(EntityType.TRACK, [wanted])
    comment = asked.text("comment", "") or None
    playlists.set_bookmark(asked.user.id, wanted, position, comment)
    return {}


@method("deleteBookmark")
def delete_bookmark(asked: Request) -> Body:
    """Delete the bookmark in a song."""
    if not playlists.delete_bookmark(asked.user.id, asked.id("id", "tr").number):
        raise AnswerError(Code.NOT_FOUND, "There is no bookmark of yours in this song.")
    return {}


@method("savePlayQueue", "savePlayQueueByIndex")
def save_play_queue(asked: Request) -> Body:
    """Keep what the user has in the player; without songs it is empty from now on."""
    ids = asked.tracks("id")
    _require(EntityType.TRACK, list(dict.fromkeys(ids)))
    place = None
    if ids and asked.has("current"):
        current = asked.id("current", "tr").number
        if current not in ids:
            raise AnswerError(Code.GENERIC, "current is none of the songs of the queue.")
        place = ids.index(current)
    elif ids:
        place = asked.number("currentIndex", 0 if not asked.has("currentIndex") else None)
        if place >= len(ids):
            raise AnswerError(Code.MISSING, f"currentIndex is {place}, of {len(ids)} songs.")
    position = asked.number("position", 0, _LATEST)
    playlists.save_queue(asked.user.id, ids, place, position, asked.text("c")[:100])
    return {}


def _play_queue(asked: Request, name: str, said: Callable[[list[Body], int], Body]) -> Body:
    nothing = playlists.Queue([], None, 0, asked.user.created_at, "")
    found = playlists.queue(asked.user.id) or nothing
    songs = bodies.songs(asked, found.track_ids)
    body = {
        "username": asked.user.name,
        "changed": moment(found.changed_at),
        "changedBy": found.changed_by,
        "position": found.position,
        "entry": songs,
    }
    return {name: body | (said(songs, found.current) if found.current is not None else {})}


@method("getPlayQueue")
def play_queue(asked: Request) -> Body:
    """What the user has in the player, wherever it was saved."""
    return _play_queue(asked, "playQueue", lambda songs, place: {"current": songs[place]["id"]})


@method("getPlayQueueByIndex")
def play_queue_by_index(asked: Request) -> Body:
    """The same, with the place of the song that is played."""
    return _play_queue(asked, "playQueueByIndex", lambda _, place: {"currentIndex": place})
