"""What a music server of the user's is asked for, whatever its API.

A module of this package has a function `connect(login, caller)`, which returns a `MusicServer`. It
asks by the caller alone, `Caller.send`, which keeps pace, breaker, retries and bounds.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

from db.models import EntityType, Role


class Login(NamedTuple):
    """How the user logs in."""

    user: str
    secret: str
    """The password, or a key of the API. It stands in no message."""
    is_key: bool = False
    """Whether it is a key."""


class TheirSong(NamedTuple):
    """A song as a server knows it. Texts are empty where it does not say."""

    id: str
    title: str
    artist: str = ""
    album: str = ""
    path: str = ""
    """Absolute, or below a folder of music; with / between folders."""
    mbids: tuple[str, ...] = ()
    """MusicBrainz ids of the track or recording, the surest first."""
    duration: float | None = None
    """Seconds."""


class TheirList(NamedTuple):
    """A playlist as a server lists it."""

    name: str
    songs: int | None = None
    """How many it has; None where the server does not say so in its list."""


class TheirEntity(NamedTuple):
    """An album or artist as a server knows it."""

    id: str
    name: str
    artist: str = ""
    """Of an album."""
    mbids: tuple[str, ...] = ()
    pictures: Mapping[Role, str] = {}
    """The mark of the picture in each role that it has there: another one with another picture."""


class MusicServer(ABC):
    """A server, asked for one user.

    All raise UnavailableError, when it does not answer as it should just now, and RefusedError,
    when it will not before its user does something; the message says what. What it sends is taken
    for what it is: texts are cut, a number that is none is left out, nothing is taken for
    granted.
    """

    repeats: ClassVar[bool] = True
    """Whether a playlist may hold a song more than once. Where not, the first place counts."""

    @abstractmethod
    def songs(self) -> Iterator[TheirSong]:
        """Every song that it has, a page at a time."""

    @abstractmethod
    def playlists(self) -> dict[str, TheirList]:
        """The playlists that belong to the user, by their ids; none of others."""

    @abstractmethod
    def songs_in(self, list_id: str) -> list[str] | None:
        """The ids of the songs in a playlist, in order; None when there is no such playlist."""

    @abstractmethod
    def write_playlist(
        self, list_id: str | None, name: str, comment: str, song_ids: Sequence[str]
    ) -> str:
        """Have a playlist of the user hold just these songs in this order; return its id.

        The playlist of this id is refreshed in place, and keeps its id where the server can do
        that; None makes a new one, and so does the id of one that is gone. Any number of songs.
        A request that makes a playlist is sent `once`: no second one comes of a lost answer.
        """

    @abstractmethod
    def delete_playlist(self, list_id: str) -> None:
        """Delete a playlist of the user. One that is gone is no error."""

    @abstractmethod
    def start_scan(self) -> None:
        """Have it look for what has changed in its folders.

        Raises RefusedError where the user may not ask for that.
        """


class PictureServer(MusicServer):
    """A server whose API takes pictures of albums and artists, too."""

    picture_roles: ClassVar[Mapping[EntityType, Sequence[Role]]]
    """Of what it takes pictures, and in which roles."""

    @abstractmethod
    def entities(self, kind: EntityType) -> Iterator[TheirEntity]:
        """Every album or every artist, of the kinds of `picture_roles`."""

    @abstractmethod
    def picture(self, their_id: str, role: Role) -> bytes | None:
        """The picture that an album or artist has in one of `picture_roles`; None for none."""

    @abstractmethod
    def write_picture(
        self, their_id: str, role: Role, data: bytes, mime: str, replaces: str | None
    ) -> str | None:
        """Give an album or artist a picture in one of `picture_roles`; return its mark.

        `replaces` is the mark of the picture of ours that is there; None: there is none. Returns
        None where there is no such album or artist any more.
        """
