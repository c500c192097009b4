"""A file that yields no track says why, in a word and in a sentence."""

import pytest
from mutagen.id3 import APIC

from db.scanning.library_files import AUDIO_EXTENSIONS
from db.sql import path_text
from jobs.errors import UnreadableFileError
from jobs.metadata.reader import read_file, read_pictures
from jobs.records import FoundFile, ProblemCode
from tests.metadata.conftest import Found, Read
from tests.metadata.containers import aiff, mp4, wave
from tests.metadata.tagging import id3_tag
from tests.music import picture, tone


@pytest.mark.parametrize(
    ("name", "data", "code", "message"),
    [
        ("a.mp3", b"", ProblemCode.EMPTY, "empty"),
        ("a.mp3", b"This is not audio at all.\n" * 50, ProblemCode.NOT_AUDIO, "no frames"),
        ("a.flac", b"This is not audio at all.\n" * 50, ProblemCode.NOT_AUDIO, "begin like"),
        ("a.mp4", mp4(b"vide"), ProblemCode.SILENT_VIDEO, "a video without sound"),
        ("a.mp4", mp4(b"text"), ProblemCode.NOT_AUDIO, "no sound track"),
        ("a.ogg", b"OggS" + bytes(100), ProblemCode.NOT_AUDIO, "no sound of Vorbis"),
        ("a.flac", tone("flac")[:60], ProblemCode.DAMAGED, "damaged flac file"),
        ("a.m4a", mp4()[:16], ProblemCode.DAMAGED, "damaged mp4 file: not a MP4 file"),
        ("a.m4a", mp4()[:60], ProblemCode.DAMAGED, "damaged mp4 file: truncated data"),
        ("a.wav", wave()[:20], ProblemCode.DAMAGED, "fmt chunk"),
        ("a.aiff", aiff()[:20], ProblemCode.DAMAGED, "COMM chunk"),
        ("a.caf", b"caff\0\1\0\0" + bytes(64), ProblemCode.UNSUPPORTED, "Core Audio Format"),
        ("a.mp3", b"\x1aE\xdf\xa3" + bytes(64), ProblemCode.DAMAGED, "FFmpeg cannot read it: Inv"),
        ("a.shn", b"junk" * 16, ProblemCode.UNSUPPORTED, ".shn files"),
    ],
)
def test_what_is_wrong_is_told(
    name: str, data: bytes, code: ProblemCode, message: str, read: Read
) -> None:
    with pytest.raises(UnreadableFileError, match=message) as caught:
        read(name, data)
    assert caught.value.code == code


def test_a_file_that_is_gone_has_vanished(found: Found) -> None:
    gone = FoundFile(found("a.mp3", b"").path + "x", 0, 0)
    with pytest.raises(UnreadableFileError, match="no longer there") as caught:
        read_file(gone)
    assert caught.value.code == ProblemCode.VANISHED


def test_a_folder_cannot_be_read(found: Found) -> None:
    folder = found("a.mp3", b"").path.rpartition("/")[0]
    with pytest.raises(UnreadableFileError, match="it is a folder, not a file") as caught:
        read_file(FoundFile(folder, 0, 0))
    assert caught.value.code == ProblemCode.UNREADABLE


def test_a_name_that_is_no_utf8_is_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = bytes(tmp_path_factory.mktemp("music")) + b"/\xff\xfe?.mp3"
    with open(path, "wb") as file:
        file.write(tone("mp3"))
    assert read_file(FoundFile(path_text.to_text(path), 0, 0)).audio.codec == "mp3"


def test_pictures_come_with_their_bytes_when_asked(found: Found) -> None:
    image = picture("red", (8, 8))
    tag = id3_tag(APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=image))
    [embedded] = read_pictures(found("a.mp3", tag + tone("mp3")).path)
    assert (embedded.type, embedded.data) == (3, image)


def test_extensions_are_lower_case_without_dots_and_no_films() -> None:
    assert {"mp3", "flac", "m4a", "ogg", "opus", "wav", "wma", "ape", "dsf"} <= AUDIO_EXTENSIONS
    assert not {"mid", "xm", "mkv", "avi", "jpg", "m3u"} & AUDIO_EXTENSIONS
    assert all(extension == extension.lower().strip(".") for extension in AUDIO_EXTENSIONS)
