"""Every setting: its name, its type and unit, what holds when it is unset, and its meaning."""

from enum import Enum
from typing import NamedTuple

from db.settings.providers import PROVIDERS, Offers, offering


class Kind(Enum):
    """What a setting is: in words, and which types of TOML it may have beside text."""

    TEXT = "text", ()
    TEXT_OR_OFF = "text, or off", (bool,)
    NUMBER = "number{unit}", (int, float)
    NUMBER_OR_OFF = "number{unit}, or off", (int, float, bool)
    SWITCH = "on or off", (bool,)
    LIST = "list", (list,)
    FOLDERS = "folders", (list,)
    FOLDERS_OR_SWITCH = "on, off or folders", (bool, list)
    TABLE = "NAME=VALUE list{unit}", (dict,)

    def __init__(self, words: str, types: tuple[type, ...]) -> None:
        self.words, self.types = words, types


PLACES = "Places"
SCANNING = "What scans take"
COVERS = "Covers"
WEB_SERVICES = "Web services"
ANALYSIS = "Analysis and similarity"
KEEPING = "What is kept"
WATCHING = "Watching"
PAGE = "Web UI"
NOTICES = "Messages"


class Setting(NamedTuple):
    """One setting: the environment variable, what holds when it is unset, and its meaning."""

    name: str
    default: str
    help: str
    kind: Kind = Kind.TEXT
    unit: str = ""
    group: str = PLACES
    secret: bool = False
    """Whether it is, or may hold, a password or a key, which is shown nowhere."""
    in_file: bool = True
    """Whether settings.toml may have it: it cannot say where it is itself."""
    live: bool = False
    """Whether programs take it up as they run; else `fleet reload` starts them again."""

    @property
    def key(self) -> str:
        """Its name in settings.toml and for `fleet settings`."""
        return self.name.removeprefix("FLEET_").lower()

    @property
    def type(self) -> str:
        """Its type and unit in words."""
        return self.kind.words.format(unit=f" of {self.unit}" if self.unit else "")


_RETRAINED = "The similarity model is retrained "
_RETRAINING = (
    ("DAYS", "7", "days", f"{_RETRAINED}when it is this many days old."),
    (
        *("GROWTH", "10", "per cent"),
        f"{_RETRAINED}when the library has this many per cent more tracks than at its training.",
    ),
    (
        *("GENRE_MINUTES", "15", "minutes"),
        f"{_RETRAINED}for a genre that it does not know, once it is this many minutes old.",
    ),
    (
        *("TRACKS", "100", "tracks"),
        f"{_RETRAINED}for more new tracks than this, once it is FLEET_RETRAIN_TRACKS_HOURS old.",
    ),
    (
        *("TRACKS_HOURS", "2", "hours"),
        "How many hours old the similarity model must be to be retrained for new tracks.",
    ),
    (
        *("TAGS", "5", "tags"),
        f"{_RETRAINED}for more new tags of any kind than this, once it is "
        "FLEET_RETRAIN_TAGS_HOURS old.",
    ),
    (
        *("TAGS_HOURS", "8", "hours"),
        "How many hours old the similarity model must be to be retrained for new tags.",
    ),
    (
        *("COVERAGE", "90", "per cent"),
        f"{_RETRAINED}when fewer per cent of the analysed tracks than this have a vector by it.",
    ),
    (
        *("DRIFT", "0.75", "standard deviations"),
        f"{_RETRAINED}when the audio features of newer tracks are further than this from those it "
        "was trained on, in standard deviations.",
    ),
    (
        *("RECALL_DROP", "10", "percentage points"),
        f"{_RETRAINED}when it predicts genres worse than right after its training, by more than "
        "this many percentage points.",
    ),
)
"""When it is retrained: how the name of each setting ends, its default, unit and meaning."""


SETTINGS = (
    Setting(
        "FLEET_DATA_DIR",
        "$XDG_DATA_HOME/musicfleet, else ~/.local/share/musicfleet",
        "The data folder: the fleet keeps its database, pictures, sockets and logs there.",
        in_file=False,
    ),
    Setting(
        "FLEET_DATABASE_URL",
        "library.db in the data folder (SQLite)",
        "The URL of the database: postgresql://USER:PASSWORD@HOST/DATABASE or "
        "sqlite:////absolute/path.",
        secret=True,
    ),
    Setting(
        "FLEET_REDIS_URL",
        "the fleet runs a Valkey of its own on a unix socket",
        "The redis://, rediss:// or unix:// URL of another Redis or Valkey, or "
        "redis+sentinel://HOST:PORT,…/SERVICE of its sentinels. The fleet then starts none itself.",
        secret=True,
    ),
    Setting(
        "FLEET_IMAGES_URL",
        "the folder images in the data folder",
        "Where pictures are kept: the absolute path of a folder, or the address of an object "
        "store, such as s3://BUCKET/PREFIX, which takes the extra `s3`. Hosts share one.",
    ),
    Setting(
        "FLEET_SUPERVISOR",
        "none: `fleet up` starts a supervisord",
        "Who starts and stops the programs, where that is not `fleet up`: compose, systemd or "
        "kubernetes. The files that `fleet config render` makes for these say so themselves.",
        group=PLACES,
        in_file=False,
    ),
    Setting(
        "FLEET_REDIS_PREFIX",
        "none: keys are rq:… and fleet:…",
        "A word that the names of all keys in Redis begin with, before a colon, so that several "
        "fleets and other programs of RQ can share one: letters, digits, _, - and points. Tools of "
        "RQ see this fleet with RQ_KEY_PREFIX=WORD:rq.",
    ),
    Setting(
        "FLEET_QUEUES",
        "the queues.toml that musicfleet came with",
        "A profile, `small` or `large`, or the path of another queues.toml.",
    ),
    Setting(
        "FLEET_HOST",
        "the name of the machine",
        "Which of the hosts in queues.toml this machine is, where several share the work.",
    ),
    Setting(
        "FLEET_PROGRAMS",
        "all",
        "The programs that run on this machine, with commas, where several share the work: of "
        "queues.toml, and `scheduler`, `web` and `watch`. all: what queues.toml says of this host. "
        "`fleet up` sets it by `--only`.",
    ),
    Setting(
        "FLEET_HIDDEN",
        "off",
        "on: scans take in files and folders whose names begin with a dot. What systems and "
        "programs leave, such as .Trash-1000 and ._song.mp3, they never take in.",
        Kind.SWITCH,
        group=SCANNING,
    ),
    Setting(
        "FLEET_FOLLOW_LINKS",
        "off",
        "on: scans follow symbolic links that lead out of the scanned folder. Those that lead to "
        "another place in it they always follow, and nothing is found twice.",
        Kind.SWITCH,
        group=SCANNING,
    ),
    Setting(
        "FLEET_EXTENSIONS",
        "none: audio files, and no videos",
        "Extensions of files that scans take in too, with commas: mkv, mp4, mov, avi and others "
        "for the sound of videos, mod, oma and others for formats that are seldom. After you have "
        "taken one out of it, `fleet scan --deep` takes its files out of the library.",
        Kind.LIST,
        group=SCANNING,
    ),
    Setting(
        "FLEET_ALBUM_COVERS",
        "cover.*, folder.*, front.*, albumart.*, embedded, album.*, *front*.*, albumart*large*.*, "
        "title, scans, only, external",
        "The sources of an album's cover, best first; see below.",
        kind=Kind.LIST,
        group=COVERS,
    ),
    Setting(
        "FLEET_DISC_COVERS",
        "disc*.*, cd*.*, cover.*, folder.*, front.*, discsubtitle, embedded",
        "The sources of the cover of a single disc, best first; see below.",
        kind=Kind.LIST,
        group=COVERS,
    ),
    Setting(
        "FLEET_ARTIST_IMAGES",
        "artist.*, album/artist.*, folder.*, thumb.*, name, nfo, external",
        "The sources of an artist's picture, best first; see below.",
        kind=Kind.LIST,
        group=COVERS,
    ),
    Setting(
        "FLEET_PROVIDERS",
        "none: the fleet sends no request to the web",
        "The web services that the fleet asks for what is not on disk, in order. Album covers: "
        f"{', '.join(offering(Offers.ALBUM_COVERS))}. Artist images: "
        f"{', '.join(offering(Offers.ARTIST_IMAGES))}. Facts: {', '.join(offering(Offers.FACTS))}.",
        kind=Kind.LIST,
        group=WEB_SERVICES,
    ),
    Setting(
        "FLEET_CONTACT",
        "requests name no contact",
        "A mail address or URL of yours, which the fleet sends to providers in the User-Agent. "
        f"These demand it: {', '.join(each.name for each in PROVIDERS if each.needs_contact)}.",
        group=WEB_SERVICES,
    ),
    *(
        Setting(each.key.setting, each.key.default, each.key.help, group=WEB_SERVICES, secret=True)
        for each in PROVIDERS
        if each.key is not None
    ),
    Setting(
        "FLEET_PROVIDER_URLS",
        "each provider's public address",
        "NAME=URL, …: other addresses of providers, such as a local mirror of musicbrainz.",
        kind=Kind.TABLE,
        group=WEB_SERVICES,
    ),
    Setting(
        "FLEET_PROVIDER_PACES",
        "the rate limit of each provider",
        "NAME=SECONDS, …: the least time between two requests to a server of your own that "
        "FLEET_PROVIDER_URLS names.",
        kind=Kind.TABLE,
        unit="seconds",
        group=WEB_SERVICES,
    ),
    Setting(
        "FLEET_FILE_NAMES",
        "DISC-TRACK ARTIST - TITLE; DISC-TRACK TITLE; TRACK ARTIST - TITLE; TRACK TITLE; "
        "ARTIST - ALBUM - TRACK TITLE; ALBUM - TRACK TITLE; ARTIST - TRACK TITLE; ARTIST - TITLE; "
        "TITLE",
        "What the names of files say where tags lack it, best first; off: nothing. See below.",
    ),
    Setting(
        "FLEET_FOLDER_NAMES",
        "ARTIST/ARTIST - YEAR - ALBUM; ARTIST/ARTIST - ALBUM (YEAR); ARTIST/ARTIST - ALBUM; "
        "ARTIST - YEAR - ALBUM; ARTIST - ALBUM (YEAR); ARTIST/YEAR - ALBUM; ARTIST/(YEAR) ALBUM; "
        "ARTIST/ALBUM (YEAR); ARTIST/ALBUM; YEAR - ALBUM; (YEAR) ALBUM; ALBUM (YEAR); "
        "ARTIST - ALBUM; ALBUM",
        "What the names of folders say where tags lack it, best first; off: nothing. See below.",
    ),
    Setting(
        "FLEET_TAG_CHARSETS",
        "none",
        "In which character sets texts may be written that claim to be Latin-1, the likeliest "
        "first, such as cp1251, gbk, shift_jis. UTF-8 and Windows-1252 are recognised anyway.",
    ),
    Setting(
        "FLEET_ANALYSIS_SECONDS",
        "90",
        "How many seconds from the middle of each track the fleet analyses, from 60 to 120; off: "
        "none. When you turn it on again, the tracks that were left out are analysed.",
        kind=Kind.NUMBER_OR_OFF,
        unit="seconds",
        group=ANALYSIS,
    ),
    Setting(
        "FLEET_ANALYSIS_HOURS",
        "always",
        "Between which hours of the day, in local time, the fleet analyses tracks, such as "
        "22:00-07:00. Outside of them its queue is paused, after the job at hand; "
        "`fleet queue resume` has it go on for once.",
        group=ANALYSIS,
        live=True,
    ),
    *(
        Setting(f"FLEET_RETRAIN_{name}", default, says, Kind.NUMBER, unit, ANALYSIS)
        for name, default, unit, says in _RETRAINING
    ),
    Setting(
        "FLEET_BACKUPS",
        "7",
        "How many daily copies of the database the fleet keeps in the folder `backups` of the data "
        "folder; 0: it makes none.",
        kind=Kind.NUMBER,
        unit="copies",
        group=KEEPING,
    ),
    Setting(
        "FLEET_FORGET_MISSING_DAYS",
        "never",
        "After how many days the fleet deletes the rows of a track whose file is gone, with the "
        "covers that the user chose for it. It never does while the scanned folder is not there.",
        kind=Kind.NUMBER,
        unit="days",
        group=KEEPING,
    ),
    Setting(
        "FLEET_KEEP_LOGS_DAYS",
        "30",
        "How many days the fleet keeps old logs, compressed, in the folder `logs` of the data "
        "folder.",
        kind=Kind.NUMBER,
        unit="days",
        group=KEEPING,
    ),
    Setting(
        "FLEET_WATCH",
        "off",
        "on: the fleet watches every scanned folder, and takes in what is new, changed or gone "
        "within seconds. Or the folders to watch, with `:` between them. See `fleet watch`.",
        kind=Kind.FOLDERS_OR_SWITCH,
        group=WATCHING,
    ),
    Setting(
        "FLEET_WATCH_QUIET",
        "5",
        "How many seconds a watched folder must stay unchanged before the fleet takes it in.",
        kind=Kind.NUMBER,
        unit="seconds",
        group=WATCHING,
    ),
    Setting(
        "FLEET_WATCH_MINUTES",
        "60",
        "How many minutes lie between two scans of a folder that cannot be watched, such as one on "
        "a network share.",
        kind=Kind.NUMBER,
        unit="minutes",
        group=WATCHING,
    ),
    Setting(
        "FLEET_WEB",
        "127.0.0.1:8310",
        "HOST:PORT where the web UI listens. Port 0 takes any free port; off turns the web UI off.",
        kind=Kind.TEXT_OR_OFF,
        group=PAGE,
    ),
    Setting(
        "FLEET_WEB_PASSWORD",
        "no login: every user of this machine has access, and no other machine",
        "The password of the web UI. Without one the web UI listens on loopback addresses alone.",
        group=PAGE,
        secret=True,
    ),
    Setting(
        "FLEET_WEB_TRUSTED_PROXIES",
        "no proxy is believed",
        "The addresses or networks of reverse proxies, with commas. Of what they send on, the web "
        "UI believes X-Forwarded-For and X-Forwarded-Proto.",
        kind=Kind.LIST,
        group=PAGE,
    ),
    Setting(
        "FLEET_TOKEN_LOGIN",
        "off",
        "on: players may log in by token and salt, which takes passwords that can be read again. "
        "Those set from then on are kept encrypted, beside the hash, with a key in the run folder. "
        "Off: none is kept, and players log in by password or API key.",
        Kind.SWITCH,
        group=PAGE,
    ),
    Setting(
        "FLEET_NOTIFY",
        "off",
        "The services that send you messages: URLs of Apprise with commas, such as "
        "ntfy://ntfy.sh/TOPIC or mailto://USER:PASSWORD@HOST. It takes the extra `notify`. "
        "`fleet notify test` sends a message.",
        kind=Kind.LIST,
        group=NOTICES,
        secret=True,
    ),
    Setting(
        "FLEET_NOTIFY_ABOUT",
        "everything",
        "What messages are about: everything, or of these, with commas: scan (one ended with "
        "problems), program (supervisord gave it up), queue (jobs wait too long), disk (nearly "
        "full), folder (of music, gone), backup (failed).",
        kind=Kind.LIST,
        group=NOTICES,
    ),
    Setting(
        "FLEET_MUSIC_PLACES",
        "~:/music:/data:/mnt:/media:/run/media:/srv:/volume1:/share",
        "In which folders, with `:` between them, the web UI lists and takes folders of music: "
        "home, the usual volumes of containers, disks, servers and NAS. It lists nothing else. "
        "`fleet scan` takes any folder.",
        kind=Kind.FOLDERS,
        group=PAGE,
        live=True,
    ),
    Setting(
        "FLEET_DEBUG",
        "unset",
        "Any value: errors of `fleet` show their traceback.",
        in_file=False,
    ),
)
