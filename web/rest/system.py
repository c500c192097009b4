"""The server itself: ping, extensions, scans, and users."""

from typing import Any

from db.scanning import scans
from db.users import accounts
from db.users.accounts import Account
from web.rest.answers import AnswerError, Body, Code
from web.rest.door import Request, method, plain
from worker.maintenance import roots

EXTENSIONS = {
    "apiKeyAuthentication": [1],
    "formPost": [1],
    "indexBasedQueue": [1],
    "playbackReport": [1],
    "songLyrics": [1],
    "sonicSimilarity": [1],
}
"""What goes beyond Subsonic, each with its versions."""


@method("ping")
def ping(_: Request) -> Body:
    """Nothing but that the login is right."""
    return {}


@method("getLicense")
def licence(_: Request) -> Body:
    """Free software needs none."""
    return {"license": {"valid": True}}


@method("getOpenSubsonicExtensions", is_open=True)
def extensions(_: Request) -> Body:
    """What goes beyond Subsonic."""
    listed = [{"name": name, "versions": versions} for name, versions in EXTENSIONS.items()]
    return {"openSubsonicExtensions": listed}


@method("tokenInfo")
def token_info(asked: Request) -> Body:
    """Whose the API key of the request is."""
    if not asked.has("apiKey"):
        raise AnswerError(Code.MISSING, "The parameter apiKey is missing.")
    return {"tokenInfo": {"username": asked.user.name}}


@method("getScanStatus")
def scan_status(_: Request) -> Body:
    """Whether the library is scanned, and how many files were found."""
    running = scans.all_unfinished()
    count = sum(scan.found for scan in running) if running else _songs()
    return {"scanStatus": {"scanning": bool(running), "count": count}}


def _songs() -> int:
    from db.library.statistics import library_totals  # noqa: PLC0415  # few ask

    return library_totals().tracks


@method("startScan")
def start_scan(asked: Request) -> Body:
    """Begin a scan of each root that none runs of, as the page and the command do."""
    _require_admin(asked)
    for root in scans.roots():
        if not scans.overlapping(root):
            roots.begin(root)
    return scan_status(asked)


def _require_admin(asked: Request) -> None:
    if not asked.user.is_admin:
        raise AnswerError(Code.NOT_ALLOWED, f"{asked.user.name} is no administrator.")


def _described(user: Account) -> Body:
    """A user, with what the user may do."""
    body: dict[str, Any] = {"username": user.name, "adminRole": user.is_admin}
    return body | dict.fromkeys(_GIVEN, True) | dict.fromkeys(_NOT_GIVEN, False)


_GIVEN = ("streamRole", "downloadRole", "playlistRole", "settingsRole", "scrobblingEnabled")
_NOT_GIVEN = (
    *("uploadRole", "coverArtRole", "commentRole", "podcastRole", "jukeboxRole", "shareRole"),
    "videoConversionRole",
)


@method("getUser")
def get_user(asked: Request) -> Body:
    """A user: oneself, or for an administrator any."""
    return {"user": _described(account_of(asked, asked.text("username")))}


def account_of(asked: Request, name: str) -> Account:
    """Oneself, or for an administrator the user of this name. Raises AnswerError."""
    if name.casefold() != asked.user.name.casefold():
        _require_admin(asked)
    found = accounts.account(name)
    if found is None:
        raise AnswerError(Code.NOT_FOUND, f"There is no user {name[:64]!r}.")
    return found


@method("getUsers")
def get_users(asked: Request) -> Body:
    """All users, for an administrator."""
    _require_admin(asked)
    return {"users": {"user": [_described(each) for each in accounts.accounts()]}}


@method("createUser")
def create_user(asked: Request) -> Body:
    """Add a user; of the roles only that of the administrator can be given."""
    _require_admin(asked)
    name, password = asked.text("username"), plain(asked.text("password"))
    asked.text("email")  # required, and kept nowhere
    accounts.add(name, password, is_admin=bool(asked.flag("adminRole")))
    return {}


@method("updateUser")
def update_user(asked: Request) -> Body:
    """Change the password of a user, and whether the user is an administrator."""
    _require_admin(asked)
    found = account_of(asked, asked.text("username"))
    is_admin = asked.flag("adminRole")
    if asked.has("password"):
        accounts.set_password(found.name, plain(asked.text("password")))
    if is_admin is not None:
        accounts.set_admin(found.name, is_admin)
    return {}


@method("deleteUser")
def delete_user(asked: Request) -> Body:
    """Remove another user with all that is theirs."""
    _require_admin(asked)
    found = account_of(asked, asked.text("username"))
    if found.id == asked.user.id:
        raise AnswerError(
            Code.NOT_ALLOWED, "Nobody can remove themselves: see `fleet user remove`."
        )
    accounts.remove(found.name)
    return {}


@method("changePassword")
def change_password(asked: Request) -> Body:
    """Give oneself, or as an administrator anybody, another password."""
    name, password = asked.text("username"), plain(asked.text("password"))
    accounts.set_password(account_of(asked, name).name, password)
    return {}


_NOTHING: dict[str, Body] = {
    "getChatMessages": {"chatMessages": {}},
    "getInternetRadioStations": {"internetRadioStations": {}},
    "getNewestPodcasts": {"newestPodcasts": {}},
    "getPodcasts": {"podcasts": {}},
    "getShares": {"shares": {}},
    "getVideos": {"videos": {}},
}
"""Lists of what this server has none of."""
_NOT_SERVED = (
    *("addChatMessage", "createInternetRadioStation", "createPodcastChannel", "createShare"),
    *("deleteInternetRadioStation", "deletePodcastChannel", "deletePodcastEpisode", "deleteShare"),
    *("downloadPodcastEpisode", "getAvatar", "getCaptions", "getPodcastEpisode", "getVideoInfo"),
    *("getTranscodeDecision", "getTranscodeStream", "hls", "hls.m3u8", "jukeboxControl"),
    *("refreshPodcasts", "updateInternetRadioStation", "updateShare"),
)


@method(*_NOTHING)
def nothing(asked: Request) -> Body:
    """An empty list."""
    return _NOTHING[asked.name]


@method(*_NOT_SERVED)
def refuse(_: Request) -> Body:
    """Nothing."""
    raise AnswerError(
        Code.GENERIC, "This server has no podcasts, radio, shares, chat, videos and transcoding."
    )
