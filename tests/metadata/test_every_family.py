"""The same tags come back from every family and container."""

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from tests import music
from tests.metadata import containers, tagging
from tests.metadata.conftest import Read


def _dsf_with_id3() -> bytes:
    data = containers.dsf()
    return data[:20] + struct.pack("<Q", len(data)) + data[28:] + tagging.id3_tag()


FILES: dict[str, Callable[[], bytes]] = {
    "id3.mp3": lambda: tagging.id3_tag() + music.tone("mp3"),
    "id3.aac": lambda: tagging.id3_tag() + containers.adts(),
    "id3.tta": lambda: tagging.id3_tag() + containers.true_audio(),
    "id3.wav": lambda: containers.wave(containers.chunk(b"id3 ", tagging.id3_tag())),
    "id3.aiff": lambda: containers.aiff(containers.chunk(b"ID3 ", tagging.id3_tag(), ">")),
    "id3.dsf": _dsf_with_id3,
    "id3.dff": lambda: containers.dsdiff((b"ID3 ", tagging.id3_tag())),
    "vorbis.flac": lambda: tagging.with_vorbis(music.tone("flac")),
    "vorbis.ogg": lambda: tagging.with_vorbis(music.tone("ogg"), OggVorbis),
    "vorbis.opus": lambda: tagging.with_vorbis(music.tone("opus"), OggOpus),
    "ape.ape": lambda: tagging.with_ape(containers.monkeys_audio()),
    "ape.wv": lambda: tagging.with_ape(containers.wavpack()),
    "ape.mpc": lambda: tagging.with_ape(containers.musepack()),
    "ape.mp3": lambda: tagging.with_ape(music.tone("mp3")),
    "atoms.m4a": lambda: tagging.with_atoms(containers.mp4()),
    "attributes.wma": lambda: tagging.with_attributes(containers.asf()),
}
SOUND = {
    "id3.mp3": ("mp3", "mp3", 0.3, 48_000, None, 1),
    "id3.aac": ("aac", "aac", 50 * 1024 / 44_100, 44_100, None, 2),
    "id3.tta": ("tta", "tta", 1.0, 44_100, 16, 2),
    "id3.wav": ("pcm", "wav", 0.5, 44_100, 16, 1),
    "id3.aiff": ("pcm", "aiff", 0.5, 44_100, 16, 1),
    "id3.dsf": ("dsd", "dsf", 1.0, 2_822_400, 1, 2),
    "id3.dff": ("dsd", "dff", 0.01, 2_822_400, 1, 2),
    "vorbis.flac": ("flac", "flac", 0.3, 48_000, 16, 1),
    "vorbis.ogg": ("vorbis", "ogg", 0.3, 48_000, None, 1),
    "vorbis.opus": ("opus", "ogg", 0.3, 48_000, None, 1),
    "ape.ape": ("ape", "ape", 1.0, 44_100, 16, 2),
    "ape.wv": ("wavpack", "wavpack", 1.0, 44_100, 16, 2),
    "ape.mpc": ("musepack", "musepack", 2.0, 44_100, None, 2),
    "atoms.m4a": ("aac", "mp4", 2.0, 44_100, None, 2),
    "attributes.wma": ("wma", "asf", 2.0, 44_100, None, 2),
}


UNTAGGED: dict[str, Callable[[], bytes]] = {
    "id3.mp3": lambda: music.tone("mp3"),
    "id3.aac": containers.adts,
    "id3.tta": containers.true_audio,
    "id3.wav": containers.wave,
    "id3.aiff": containers.aiff,
    "id3.dsf": containers.dsf,
    "id3.dff": containers.dsdiff,
    "vorbis.flac": lambda: music.tone("flac"),
    "vorbis.ogg": lambda: music.tone("ogg"),
    "vorbis.opus": lambda: music.tone("opus"),
    "ape.ape": containers.monkeys_audio,
    "ape.wv": containers.wavpack,
    "ape.mpc": containers.musepack,
    "ape.mp3": lambda: music.tone("mp3"),
    "atoms.m4a": containers.mp4,
}


@pytest.mark.parametrize("name", UNTAGGED)
def test_the_sound_has_one_identity_whatever_the_tags_are(name: str, read: Read) -> None:
    tagged, untagged = read(name, FILES[name]()), read(name, UNTAGGED[name]())
    assert tagged.sound_id == untagged.sound_id is not None
    assert tagged.content_id != untagged.content_id


@pytest.mark.parametrize("extension", ["mp3", "flac", "ogg", "opus", "wav", "aiff"])
def test_another_sound_has_another_identity(extension: str, read: Read) -> None:
    ids = {read(f"a.{extension}", music.tone(extension, pitch)).sound_id for pitch in (440, 550)}
    assert len(ids) == 2


def test_tags_of_many_pages_leave_the_identity_of_ogg_as_it_is(read: Read) -> None:
    plain, comments = music.tone("ogg"), {"TITLE": ["x" * 200_000]}
    tagged = tagging.with_vorbis(plain, OggVorbis, comments)
    assert read("a.ogg", tagged).sound_id == read("b.ogg", plain).sound_id is not None


@pytest.mark.parametrize("name", FILES)
def test_every_tag_is_read_as_written(name: str, read: Read) -> None:
    assert replace(read(name, FILES[name]()).tags, disc_subtitle=None) == tagging.TAGS


@pytest.mark.parametrize("name", SOUND)
def test_the_sound_is_described(name: str, read: Read) -> None:
    audio = read(name, FILES[name]()).audio
    codec, container, duration, *rest = SOUND[name]
    assert (audio.codec, audio.container) == (codec, container)
    assert audio.duration == pytest.approx(duration, abs=0.1)
    assert [audio.sample_rate, audio.bit_depth, audio.channels] == rest


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_extension_changes_nothing(name: str, read: Read) -> None:
    wrong = "x.flac" if name.endswith("mp3") else "x.mp3"
    right, other = read(name, FILES[name]()), read(wrong, FILES[name]())
    assert (other.tags, other.audio) == (right.tags, right.audio)
