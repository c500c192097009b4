"""Writing fields into the tags of a file, in the form of its format, and nothing else of it.

The names are MusicBrainz Picard's
(https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html); gains in Opus are those of RFC
7845, section 5.2.1. An ID3 tag keeps its version. All of this runs in a bounded child, on a copy:
what comes out is read again by the project's own readers, and is refused unless just the fields
that were to be written are others, and the sound is the same to the byte.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from db.publishing.written_files import digest_of
from db.sql.path_text import to_bytes, to_text
from jobs.metadata import id3, xiph
from jobs.metadata.contents import Contents, RawTags
from jobs.metadata.reader import contents_of, opened_file
from jobs.publishing import disk, tag_delta

Values = Mapping[str, str]
"""A text by field of `jobs.tags.Tags`."""
_R128 = {"replaygain_track_gain": "R128_TRACK_GAIN", "replaygain_album_gain": "R128_ALBUM_GAIN"}
NO_TAGS = "files have no tags that are written"
"""What is said of a format without."""
_PIECE = 1024 * 1024
_VERSION_1 = 128
"""Bytes of an ID3v1 tag, at the end of a file."""


class _Names(NamedTuple):
    """What a field is called in each family of tags."""

    free: str
    """In Vorbis comments and APEv2."""
    id3: str
    mp4: str
    """An atom, or a name of iTunes' free ones."""
    asf: str


_ITUNES = "----:com.apple.iTunes:"
_FIELDS = {
    "bpm": _Names("BPM", "TBPM", "tmpo", "WM/BeatsPerMinute"),
    "key": _Names("KEY", "TKEY", f"{_ITUNES}initialkey", "WM/InitialKey"),
    **{
        name: _Names(name.upper(), f"TXXX:{name.upper()}", _ITUNES + name.upper(), name.upper())
        for name in (
            *("replaygain_track_gain", "replaygain_track_peak"),
            *("replaygain_album_gain", "replaygain_album_peak"),
        )
    },
    "musicbrainz_recording_id": _Names(
        "MUSICBRAINZ_TRACKID",
        "UFID:http://musicbrainz.org",
        f"{_ITUNES}MusicBrainz Track Id",
        "MusicBrainz/Track Id",
    ),
    **{
        name: _Names(free, f"TXXX:MusicBrainz {said}", f"{_ITUNES}MusicBrainz {said}", asf)
        for name, free, said, asf in (
            (
                "musicbrainz_release_id",
                "MUSICBRAINZ_ALBUMID",
                "Album Id",
                "MusicBrainz/Album Id",
            ),
            (
                "musicbrainz_release_group_id",
                "MUSICBRAINZ_RELEASEGROUPID",
                "Release Group Id",
                "MusicBrainz/Release Group Id",
            ),
        )
    },
}


class Work(NamedTuple):
    """A file to write into, as JSON for the child."""

    path: str
    """In the text form of `db.sql.path_text`."""
    wanted: dict[str, str]
    ours: dict[str, list[str | None]]
    """What was written before: by field the text that was wanted, and as it was read again; None:
    whatever is there."""
    temporary: str
    """Where the new file is written."""
    backup: str
    """Where the backup of a new file is written."""
    base: str
    """The backup that leads from the present file to the first; empty where it is the first."""


def plan(work: list[Any]) -> dict[str, Any]:
    """What would be written: `changes`, by field what is there and what would be. In the child."""
    asked = Work(*work)
    contents = _read(asked.path, asked.path)
    changes = _changes(contents.tags, asked)
    if changes and contents.audio.container not in _WRITABLE:
        raise ValueError(f"{contents.audio.container} {NO_TAGS}")
    return {"changes": changes}


def prepare(work: list[Any]) -> dict[str, Any]:
    """Write the new file beside its place, and its backup. Runs in the child.

    Returns `changes`, and where there are any the digests `present` and `before` (of the file as it
    is and as it first was) and `after`, and `fields`, all that is ours in it.
    """
    asked = Work(*work)
    contents = _read(asked.path, asked.path)
    changes = _changes(contents.tags, asked)
    if not changes:
        return {"changes": []}
    path, temporary = to_bytes(asked.path), to_bytes(asked.temporary)
    disk.remove(temporary)
    disk.clone(path, temporary)
    values = {name: text for name, _, text in changes}
    _write(os.fsdecode(temporary), contents.audio.container, contents.audio.codec, values)
    again = _read(asked.temporary, asked.path)
    _check(contents, again, values)
    if _sound(asked.path, contents) != _sound(asked.temporary, again):
        raise ValueError("the sound would not stay the same")
    return {
        "changes": changes,
        "present": digest_of(path),
        "before": _back_up(asked, path, temporary),
        "after": digest_of(temporary),
        "fields": {
            **{name: each for name, each in asked.ours.items() if name not in values},
            **{name: [text, _joined(again.tags, name)] for name, text in values.items()},
        },
    }


def complete(work: list[Any]) -> bool:
    """Write what lacks into a copy that nobody else has. Runs in the child."""
    copy, named, wanted = work
    contents = _read(copy, named)
    values = {name: text for name, text in wanted.items() if not _joined(contents.tags, name)}
    if values:
        sound = _sound(copy, contents)
        _write(os.fsdecode(to_bytes(copy)), contents.audio.container, contents.audio.codec, values)
        again = _read(copy, named)
        _check(contents, again, values)
        if _sound(copy, again) != sound:
            raise ValueError("the sound would not stay the same")
    return True


def _back_up(asked: Work, path: bytes, temporary: bytes) -> str:
    """Write the backup that leads from the new file to the first; the first one's digest."""
    backup = Path(asked.backup)
    first, trial = (os.fsencode(f"{backup}.{name}") for name in ("first", "trial"))
    backup.parent.mkdir(parents=True, exist_ok=True)
    try:
        for each in (first, trial):
            disk.remove(each)
        before = tag_delta.restore(path, Path(asked.base), first) if asked.base else digest_of(path)
        tag_delta.write(first if asked.base else path, temporary, backup, before=before)
        if tag_delta.restore(temporary, backup, trial) != before:
            raise ValueError("the backup does not lead back to the file")
    finally:
        for each in (first, trial):
            disk.remove(each)
    return before


def _changes(tags: RawTags, asked: Work) -> list[list[str]]:
    """[field, what is there, what is to be] of what lacks, or is ours and to be another."""
    found = []
    for name, text in asked.wanted.items():
        present = _joined(tags, name)
        wanted, read = asked.ours.get(name, ("", ""))
        if not present or (read in (present, None) and text not in {wanted, present}):
            found.append([name, present, text])
    return found


def _joined(tags: RawTags, name: str) -> str:
    return "; ".join(tags.get(name, []))


def _read(path: str, named: str) -> Contents:
    """What a file holds that is called as another is."""
    with opened_file(path) as (file, size):
        return contents_of(file, size, named.rpartition(".")[2].lower())


def _check(before: Contents, after: Contents, values: Values) -> None:
    """Raises ValueError unless just these fields have changed."""
    lacking = [name for name in values if not after.tags.get(name)]
    if lacking:
        raise ValueError(f"{', '.join(lacking)} cannot be written into this format")
    others = [
        name
        for name in {*before.tags, *after.tags} - values.keys()
        if before.tags.get(name) != after.tags.get(name)
    ]
    if others:
        raise ValueError(f"{', '.join(sorted(others))} would not stay as they are")
    if [each.data for each in before.pictures] != [each.data for each in after.pictures]:
        raise ValueError("its pictures would not stay as they are")


def _sound(path: str, contents: Contents) -> str:
    """The digest of all that is sound in a file. Raises ValueError where that is not known."""
    with opened_file(path) as (file, size):
        spans = contents.sound
        if contents.audio.container == "flac":
            _, _, start = id3.tags_at(file, 0)
            spans = xiph.sound_frames(file, start, size)
        if not spans:
            raise ValueError("it is not known which of its bytes are the sound")
        digest = sha256()
        for start, end in spans:
            if contents.audio.container == "ogg":
                _digest_pages(file, start, end, digest.update)
                continue
            file.seek(start)
            left = end - start
            while left > 0 and (piece := file.read(min(_PIECE, left))):
                digest.update(piece)
                left -= len(piece)
        return digest.hexdigest()


def _digest_pages(file: BinaryIO, start: int, end: int, update: Callable[[bytes], object]) -> None:
    """Digest what pages of Ogg hold; their numbers and checksums follow from what is before."""
    while start < end:
        file.seek(start)
        head = file.read(27)
        if len(head) < 27 or not head.startswith(b"OggS"):
            update(head + file.read(end - start))
            return
        lengths = file.read(head[26])
        update(head[:18] + lengths + file.read(sum(lengths)))
        start += 27 + len(lengths) + sum(lengths)


def _write(path: str, container: str, codec: str, values: Values) -> None:
    """Write these fields into the tags of a file. Raises ValueError for a format without any."""
    if container in ("mp3", "aac"):
        _write_id3(path, values)
    elif container in _CHUNKED:
        _write_chunk(path, _CHUNKED[container], values)
    elif container in ("flac", "ogg"):
        _write_comments(path, codec if container == "ogg" else "", values)
    elif container == "mp4":
        _write_mp4(path, values)
    elif container == "asf":
        _write_asf(path, values)
    elif container in _APE:
        _write_ape(path, values)
    else:
        raise ValueError(f"{container} {NO_TAGS}")


_CHUNKED = {
    "wav": ("mutagen.wave", "WAVE"),
    "aiff": ("mutagen.aiff", "AIFF"),
    "dsf": ("mutagen.dsf", "DSF"),
    "dff": ("mutagen.dsdiff", "DSDIFF"),
    "tta": ("mutagen.trueaudio", "TrueAudio"),
}
"""Containers with a tag of ID3 in a place of their own: mutagen's module and class."""
_APE = ("ape", "wavpack", "musepack", "optimfrog", "tak")
_WRITABLE = {"mp3", "aac", "flac", "ogg", "mp4", "asf", *_CHUNKED, *_APE}
_OGG = {
    "": ("mutagen.flac", "FLAC"),
    "vorbis": ("mutagen.oggvorbis", "OggVorbis"),
    "opus": ("mutagen.oggopus", "OggOpus"),
    "flac": ("mutagen.oggflac", "OggFLAC"),
    "speex": ("mutagen.oggspeex", "OggSpeex"),
}


def _class(where: tuple[str, str]) -> Any:
    from importlib import import_module  # noqa: PLC0415  # a format of mutagen's at a time

    return getattr(import_module(where[0]), where[1])


def _write_id3(path: str, values: Values) -> None:
    """Write frames, with the version of the tag, and leave an ID3v1 tag as it is."""
    from mutagen.id3 import ID3, ID3NoHeaderError  # noqa: PLC0415  # as above

    tail = _tail(path)
    version = 4
    try:
        tags = ID3(path, translate=False)
        version = max(3, tags.version[1])
        if tags.version[1] < 3:
            tags = ID3(path)
            tags.update_to_v23()
    except ID3NoHeaderError:
        tags = ID3()
    _add_frames(tags, values)
    tags.save(path, v2_version=version, v23_sep=None)
    if tail.startswith(b"TAG"):
        with open(path, "r+b") as file:  # bytes that are no UTF-8
            file.seek(-_VERSION_1, os.SEEK_END)
            file.write(tail)


def _tail(path: str) -> bytes:
    with open(path, "rb") as file, suppress(OSError):  # as above
        file.seek(-_VERSION_1, os.SEEK_END)
        return file.read()
    return b""


def _write_chunk(path: str, where: tuple[str, str], values: Values) -> None:
    audio = _class(where)(path)
    version = 4
    if audio.tags is None:
        audio.add_tags()
    elif audio.tags.version[1] < 4:
        version = 3
        audio.tags.update_to_v23()
    _add_frames(audio.tags, values)
    audio.tags.save(path, v2_version=version, v23_sep=None)


def _add_frames(tags: Any, values: Values) -> None:
    from mutagen.id3 import TXXX, UFID, Encoding, Frames  # noqa: PLC0415  # as above

    for name, text in values.items():
        kind, _, description = _FIELDS[name].id3.partition(":")
        if kind == "UFID":
            tags.add(UFID(owner=description, data=text.encode("ascii")))
        elif kind == "TXXX":
            tags.add(TXXX(encoding=Encoding.LATIN1, desc=description, text=[text]))
        else:
            tags.add(Frames[kind](encoding=Encoding.LATIN1, text=[text]))


def _write_comments(path: str, codec: str, values: Values) -> None:
    audio = _class(_OGG[codec])(path)
    if audio.tags is None:
        audio.add_tags()
    for name, text in values.items():
        if codec == "opus" and name in _R128:
            audio.tags[_R128[name]] = str(round((float(text.split()[0]) - 5) * 256))
        else:
            audio.tags[_FIELDS[name].free] = text
    audio.save()


def _write_mp4(path: str, values: Values) -> None:
    audio = _class(("mutagen.mp4", "MP4"))(path)
    if audio.tags is None:
        audio.add_tags()
    for name, text in values.items():
        atom = _FIELDS[name].mp4
        audio.tags[atom] = [text.encode()] if atom.startswith("----") else [round(float(text))]
    audio.save()


def _write_asf(path: str, values: Values) -> None:
    audio = _class(("mutagen.asf", "ASF"))(path)
    for name, text in values.items():
        audio.tags[_FIELDS[name].asf] = [text]
    audio.save()


def _write_ape(path: str, values: Values) -> None:
    from mutagen.apev2 import APENoHeaderError, APEv2  # noqa: PLC0415  # as above

    try:
        tags = APEv2(path)
    except APENoHeaderError:
        tags = APEv2()
    for name, text in values.items():
        tags[_FIELDS[name].free] = text
    tags.save(path)


def beside(path: str) -> str:
    """Where the new file is written, in the text form."""
    return to_text(disk.beside(to_bytes(path)))
