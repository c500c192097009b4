"""The records that stages hand to each other, as JSON, in job arguments.

Each record is a frozen dataclass; `as_json` and `from_json` are the only way in and out, so a
stage that writes another field than its reader knows fails at once instead of losing it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from db.library.albums import AlbumSaid
from db.library.track_files import TrackKey
from db.models import Guesses
from db.scanning import scans
from jobs.content import of_part
from jobs.tags import Record, Tags
from worker.dispatch import MAX_JOB_BYTES, enqueue, enqueue_if_small

MOST_RECORD_BYTES = MAX_JOB_BYTES // 4
"""Of one file's record as JSON. What grouping adds to it fits into its job too."""


class ProblemCode(StrEnum):
    """Why a file yields no track, or a picture no cover."""

    EMPTY = "empty"
    NOT_AUDIO = "not-audio"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"
    VANISHED = "vanished"
    TOO_MUCH_MEMORY = "too-much-memory"
    TOO_SLOW = "too-slow"
    CRASHED = "crashed"
    BAD_PICTURE = "bad-picture"
    PICTURE_TOO_LARGE = "picture-too-large"
    TAGS_TOO_LARGE = "tags-too-large"
    VIDEO = "video"
    """Its sound could be read, and is not, because videos are left out."""
    SILENT_VIDEO = "silent-video"


VIDEOS = {ProblemCode.VIDEO, ProblemCode.SILENT_VIDEO}
"""What is a note and no problem: it is left out as it should be."""

PASSING = {ProblemCode.UNREADABLE, ProblemCode.VANISHED}
"""Problems that may pass though the file stays as it is: a right that was given, a share that is
back. Such a file is read again by every scan, for it is filed without its size and time."""


@dataclass(frozen=True)
class FoundFile(Record):
    """A file that discovery wants read."""

    path: str
    """Absolute, in the text form of `db.sql.path_text`."""
    size: int
    """Bytes."""
    mtime_ns: int
    track_id: int | None = None
    """The track that has this path already."""
    moved: bool = False
    """Whether the track had another path before this scan."""
    beside: list[str] = field(default_factory=list)
    """What lies beside it and speaks of it: lyrics, an artist.nfo or album.nfo."""


@dataclass(frozen=True)
class PictureInfo(Record):
    """An embedded picture, without its bytes."""

    type: int
    """The ID3v2 APIC picture type: 3 is the front cover, 4 the back."""
    mime: str
    bytes: int
    digest: str
    """SHA-256 of the picture's bytes, in hex."""


@dataclass(frozen=True)
class LyricsText(Record):
    """The lyrics of a track, as they were found."""

    source: str
    """`tags`, or `file` for those in a file beside it."""
    language: str | None
    """As ISO 639 has it, where it is said."""
    is_synced: bool
    """Whether the lines have times, as in LRC files."""
    text: str


@dataclass(frozen=True)
class AudioProperties(Record):
    """How the audio is stored. What the file does not state is None."""

    codec: str
    """mp3, aac, alac, flac, vorbis, opus, speex, pcm, wma, ape, wavpack, musepack, tta, dsd …"""
    container: str
    """mp3, mp4, flac, ogg, wav, aiff, asf, ape, wavpack, musepack, tta, dsf, aac …"""
    duration: float | None = None
    """Seconds."""
    bit_rate: int | None = None
    """Bits a second."""
    sample_rate: int | None = None
    """Hz."""
    bit_depth: int | None = None
    channels: int | None = None


@dataclass(frozen=True)
class PartRecord(Record):
    """A track that is a part of a file."""

    part: int
    """Its number."""
    start: float
    """Seconds from the beginning of the file."""
    duration: float | None
    """Seconds; None for the last of a file whose end is not known."""
    tags: dict[str, Any]
    """What is otherwise than in the tags of the whole file."""
    guessed: Guesses = field(default_factory=dict)
    lyrics: list[LyricsText] = field(default_factory=list)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record with its lyrics."""
        lyrics = [LyricsText.from_json(each) for each in data.get("lyrics", ())]
        return cls(**{**data, "lyrics": lyrics})


@dataclass(frozen=True)
class TrackRecord(Record):
    """A file that was read, or a part of one."""

    file: FoundFile
    content_id: str
    """Equal for a file that was moved or copied; see `jobs.content`."""
    tags: Tags
    audio: AudioProperties
    sound_id: str | None = None
    """Equal for a file that was retagged too; see `jobs.content`."""
    pictures: list[PictureInfo] = field(default_factory=list)
    is_video: bool = False
    """Whether there is a film beside the sound; see `jobs.metadata.extract_batch`."""
    guessed: Guesses = field(default_factory=dict)
    """Which of the tags were guessed, and from what."""
    lyrics: list[LyricsText] = field(default_factory=list)
    part: int = 0
    """The number of the part of the file that it is; 0 for all of it."""
    start: float | None = None
    """Seconds from the beginning of the file to that of the part."""
    parts: list[PartRecord] = field(default_factory=list)
    """The tracks that a cue sheet divides the file into; none where the file is one."""
    sheets: dict[str, str | None] = field(default_factory=dict)
    """The cue sheets of the file, each with why it is not used, or None."""
    unread: dict[str, Sequence[Any]] = field(default_factory=dict)
    """What lies beside the file and could not be read: the number of the error and its words."""
    reader: int = 0
    """The version that read it, as `tracks.reader`. A record of an older musicfleet says none: what
    that has read is read again."""

    def tracks(self) -> "list[TrackRecord]":
        """The record of each part; itself where the file is one track."""
        if not self.parts:
            return [self]
        return [self._of(each) for each in self.parts]

    def _of(self, part: PartRecord) -> "TrackRecord":
        guessed = {name: each for name, each in self.guessed.items() if name not in part.tags}
        sound = self.sound_id and of_part(self.sound_id, part.start, part.duration)
        return replace(
            self,
            content_id=of_part(self.content_id, part.start, part.duration),
            tags=replace(self.tags, **part.tags),
            audio=replace(self.audio, duration=part.duration),
            sound_id=sound,
            guessed=guessed | part.guessed,
            lyrics=part.lyrics,
            part=part.part,
            start=part.start,
            parts=[],
        )

    @property
    def key(self) -> TrackKey:
        """What its track is known by."""
        return self.file.path, self.part

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record with its parts."""
        return cls(
            file=FoundFile.from_json(data["file"]),
            content_id=data["content_id"],
            tags=Tags.from_json(data["tags"]),
            audio=AudioProperties.from_json(data["audio"]),
            sound_id=data.get("sound_id"),
            pictures=[PictureInfo.from_json(picture) for picture in data.get("pictures", ())],
            is_video=data.get("is_video", False),
            guessed=data.get("guessed", {}),
            lyrics=[LyricsText.from_json(each) for each in data.get("lyrics", ())],
            part=data.get("part", 0),
            start=data.get("start"),
            parts=[PartRecord.from_json(each) for each in data.get("parts", ())],
            sheets=data.get("sheets", {}),
            unread=data.get("unread", {}),
            reader=data.get("reader", 0),
        )


@dataclass(frozen=True)
class UnreadFile(Record):
    """A file that yields no track, and why."""

    file: FoundFile
    code: ProblemCode
    message: str
    signal: str | None = None
    """What ended each process that read it: SIGSEGV, memory, timeout …; None when none did."""
    reader: int = 0
    """As of a `TrackRecord`."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record with its parts."""
        return cls(
            file=FoundFile.from_json(data["file"]),
            code=ProblemCode(data["code"]),
            message=data["message"],
            signal=data.get("signal"),
            reader=data.get("reader", 0),
        )


@dataclass(frozen=True)
class Grouping(Record):
    """Which album tracks belong to, by natural keys; see `jobs.batch.album_groups`."""

    album_artists: dict[str, list[str]] = field(default_factory=dict)
    """The album artists of each album key."""
    keys: dict[str, str | None] = field(default_factory=dict)
    """The album key of each path that was read; None for a track without an album."""
    regrouped: dict[str, str | None] = field(default_factory=dict)
    """The album key of each track, by its id as text, that was not read but changes its album."""
    unfinished: bool = False
    """Whether more tracks of these folders change their album than a job can hold."""
    discs: dict[str, tuple[int | None, Guesses | None]] = field(default_factory=dict)
    """The disc of tracks, by their ids as text, that were not read but get another one from their
    folder, with all that is guessed of them."""
    albums: dict[str, list[Any]] = field(default_factory=dict)
    """Of each album key the release that it is an edition of, which edition, and the row it keeps;
    see `db.library.albums.ensure`."""
    releases: list[str] = field(default_factory=list)
    """The releases whose tracks were looked for elsewhere."""
    titles: dict[str, list[str]] = field(default_factory=dict)
    """Whose albums of which titles were; see `jobs.batch.releases`."""
    mark: str | None = None
    """Of the known tracks that grouping went by; see `jobs.batch.siblings`."""

    def said(self) -> dict[str, AlbumSaid]:
        """What is said of each album beside its artists."""
        return {key: AlbumSaid(*self.albums.get(key, ())) for key in self.album_artists}

    def of_known(self, known: Mapping[TrackKey, int]) -> dict[int, str | None]:
        """The album key of each track that had a row: by path those read, and those regrouped."""
        regrouped = {int(track_id): key for track_id, key in self.regrouped.items()}
        rows = known.items()
        read = {track_id: self.keys[path] for (path, _), track_id in rows if path in self.keys}
        return regrouped | read


def pass_on(job: str, chunk_id: int, **records: Any) -> None:
    """Enqueue the next job of a chunk; one that is too large has its chunk cut in two instead.

    Both halves begin again at extraction. A single file is never too large: see MOST_RECORD_BYTES.
    """
    if not enqueue_if_small(job, chunk_id=chunk_id, **records):
        for part in scans.split_chunk(chunk_id):
            enqueue(scans.READING, chunk_id=part.chunk_id)
