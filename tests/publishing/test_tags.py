"""What was found out goes into the tags of files, and comes out of them again to the byte."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import mutagen
import pytest

from db.models import (
    Album,
    AudioFeatures,
    ChosenImage,
    EntityType,
    Fact,
    Image,
    Track,
    WrittenFile,
)
from db.publishing.written_files import Kind
from jobs.metadata.reader import read_file
from jobs.publishing import tag_delta
from jobs.records import FoundFile
from tests.metadata.test_every_family import FILES, UNTAGGED
from tests.music import picture, write_track
from tests.publishing.exports import Exports, tree

RECORDING = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
RELEASE = "1b022e01-4da6-387b-8658-8678046e4cef"


def found(track: Track, bpm: float = 128.2, key: str = "F#m") -> None:
    """What an analysis found of a track."""
    AudioFeatures.delete().where(AudioFeatures.track == track.id).execute()
    AudioFeatures.insert(
        track=track.id,
        extractor=2,
        content_id=track.content_id,
        decoder="soundfile",
        start=0,
        seconds=1,
        peak=-1,
        dynamic_range=6,
        bpm=bpm,
        bpm_confidence=0.9,
        key=key,
        key_confidence=0.9,
    ).execute()


def fact(entity_type: EntityType, entity_id: int, field: str, value: str, score: float = 1) -> None:
    """What MusicBrainz said."""
    Fact.create(
        entity_type=entity_type,
        entity_id=entity_id,
        field=field,
        value=value,
        source="musicbrainz",
        score=score,
    )


def said(path: Path) -> dict[str, object]:
    """What the tags of a file say, as far as exports write it."""
    status = path.stat()
    tags = read_file(FoundFile(str(path), status.st_size, status.st_mtime_ns)).tags
    return {
        name: getattr(tags, name)
        for name in ("bpm", "key", "replaygain_track_gain", "musicbrainz_recording_id")
    }


@pytest.fixture
def formats(exports: Exports) -> Exports:
    """A file of each format that is read, without tags, and some with all of them."""
    for name, content in UNTAGGED.items():
        file = exports.library / name.replace(".", "/track.")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content())
    for name in ("vorbis.flac", "id3.mp3", "attributes.wma", "ape.wv"):
        file = exports.library / "tagged" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(FILES[name]())
    exports.scan()
    for track in Track.select():
        found(track)
        fact(EntityType.TRACK, track.id, "recording_id", RECORDING)
    return exports


def test_each_format_takes_the_fields_reads_them_again_and_gives_its_bytes_back(
    formats: Exports,
) -> None:
    before = formats.tree()
    planned = formats.plan(Kind.TAGS, replaygain=False)
    assert formats.tree() == before
    counts = formats.run(Kind.TAGS, replaygain=False)
    written = {path for path, digest in formats.tree().items() if before[path] != digest}
    assert counts["written"] == len(written) == sum(bool(each["details"]) for each in planned)
    for name in written:
        file = formats.library / name
        assert (said(file)["key"], said(file)["musicbrainz_recording_id"]) == ("F#m", RECORDING)
        assert said(file)["bpm"] == 128
    assert {path for path in before if path.startswith("tagged/")}.isdisjoint(written)
    assert len(written) == len(UNTAGGED)
    assert formats.run(Kind.TAGS, replaygain=False) == {"unchanged": len(planned)}
    formats.scan()
    assert formats.run(Kind.TAGS, replaygain=False) == {"unchanged": len(planned)}
    assert formats.run(Kind.TAGS, undo=True) == {"removed": len(written)}
    assert formats.tree() == before
    assert not list(tag_delta.backups_dir().iterdir())


@pytest.fixture
def album(exports: Exports) -> Exports:
    """An album of several formats, whose cover somebody chose."""
    for number, extension in enumerate(("mp3", "flac", "ogg", "opus", "wav"), 1):
        tags = {"title": f"{number}", "artist": "Ann", "album": "Songs", "tracknumber": number}
        file = exports.library / f"Songs/{number}.{extension}"
        write_track(file, [] if extension in ("wav", "opus") else [picture("red")], **tags)
    exports.scan()
    for track in Track.select():
        found(track)
        fact(EntityType.TRACK, track.id, "recording_id", RECORDING)
    one = Album.get()
    fact(EntityType.ALBUM, one.id, "release_id", RELEASE)
    fact(EntityType.ALBUM, one.id, "release_group_id", RELEASE, score=0.6)
    image = Image.get()
    ChosenImage.create(entity_type="album", entity_id=one.id, image=image, source_path="/x.jpg")
    return exports


def known() -> list[object]:
    """What is to stay through an export and the scans after it."""
    return [
        sorted((track.id, track.path, track.album_id) for track in Track.select()),
        [(each.entity_id, each.role) for each in ChosenImage.select()],
        sorted((each.track_id, each.bpm, each.analysed_at) for each in AudioFeatures.select()),
        [(each.entity_id, each.value) for each in Fact.select().order_by(Fact.id)],
    ]


def test_an_album_gets_its_gains_and_ids_and_a_scan_loses_nothing_by_it(album: Exports) -> None:
    before, stood = album.tree(), known()
    times = {path: path.stat().st_mtime_ns for path in album.library.rglob("*.*")}
    assert album.run(Kind.TAGS) == {"written": 5}
    place = album.library / "Songs"
    for file in place.iterdir():
        assert said(file)["replaygain_track_gain"] == pytest.approx(-8.2, abs=0.7)
        assert said(file)["musicbrainz_recording_id"] == RECORDING
    flac = mutagen.File(place / "2.flac")
    assert flac["replaygain_album_gain"][0].endswith(" dB")
    assert flac["musicbrainz_albumid"] == [RELEASE]
    assert "musicbrainz_releasegroupid" not in flac
    assert "r128_track_gain" in mutagen.File(place / "4.opus")
    assert mutagen.File(place / "1.mp3").tags.version[:2] == (2, 4)
    album.scan()
    assert known() == stood
    assert {track.replaygain_album_gain is not None for track in Track.select()} == {True}
    written = album.tree()
    assert album.run(Kind.TAGS) == {"unchanged": 5}
    found(Track.get(Track.path.endswith("2.flac")), bpm=64)
    assert album.run(Kind.TAGS) == {"written": 1, "unchanged": 4}
    assert said(place / "2.flac")["bpm"] == 64
    assert len(list(tag_delta.backups_dir().iterdir())) == 5
    album.scan()
    assert album.run(Kind.TAGS, undo=True) == {"removed": 5}
    assert album.tree() == before != written
    assert {path: path.stat().st_mtime_ns for path in times} == times
    album.scan()
    assert [each[:2] for each in known()[0]] == [each[:2] for each in stood[0]]  # type: ignore[attr-defined,index]
    assert not WrittenFile.select().exists()


def test_what_is_written_other_programs_read_too(album: Exports) -> None:
    album.run(Kind.TAGS, replaygain=False)
    programs = 0
    for number, extension in enumerate(("mp3", "flac", "ogg", "opus", "wav"), 1):
        file = album.library / f"Songs/{number}.{extension}"
        for read in (by_ffprobe, by_taglib):
            tags = read(file)
            programs += bool(tags)
            if tags:
                assert RECORDING in tags.values() or read is by_ffprobe, (read, file, tags)
                assert {"128"} & set(tags.values()), (read, file, tags)
    if not programs:
        pytest.skip("neither ffprobe nor pytaglib is installed")


def by_ffprobe(file: Path) -> dict[str, str]:
    """The tags of a file as FFmpeg has them."""
    if shutil.which("ffprobe") is None or file.suffix == ".wav":  # of which it reads no ID3
        return {}
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format_tags:stream_tags"]
    answer = json.loads(subprocess.run([*command, file], capture_output=True, check=True).stdout)
    tags = dict(answer["format"].get("tags", {}))
    for stream in answer.get("streams", []):
        tags |= stream.get("tags", {})
    return tags


def by_taglib(file: Path) -> dict[str, str]:
    """The tags of a file as TagLib has them."""
    try:
        import taglib  # noqa: PLC0415  # it is there where somebody installed it
    except ImportError:
        return {}
    with taglib.File(file) as opened:
        return {name: values[0] for name, values in opened.tags.items()}


def test_what_its_owner_wrote_stays(album: Exports) -> None:
    file = album.library / "Songs/2.flac"
    tags = mutagen.File(file)
    tags["bpm"] = "90"
    tags.save()
    album.run(Kind.TAGS, replaygain=False)
    assert said(file)["bpm"] == 90
    tags = mutagen.File(file)
    tags["title"] = "Mine"
    tags.save()
    edited = file.read_bytes()
    assert album.run(Kind.TAGS, replaygain=False)["unchanged"] == 5
    counts = album.run(Kind.TAGS, undo=True)
    assert (counts["removed"], file.read_bytes()) == (4, edited)


def test_a_hard_link_is_not_written_through_and_a_damaged_file_costs_only_itself(
    album: Exports, tmp_path: Path
) -> None:
    linked = tmp_path / "seeded.mp3"
    os.link(album.library / "Songs/1.mp3", linked)
    before = linked.read_bytes()
    (album.library / "Songs/3.ogg").write_bytes(b"OggS, and then nothing")
    counts = album.run(Kind.TAGS, replaygain=False)
    assert (counts["written"], counts["failed"]) == (4, 1)
    assert linked.read_bytes() == before
    assert mutagen.File(album.library / "Songs/1.mp3")["TBPM"] == "128"


def test_whoever_ends_it_finds_whole_files_and_the_first_bytes_come_back(album: Exports) -> None:
    for name in ("2.flac", "3.ogg", "4.opus", "5.wav"):
        (album.library / "Songs" / name).unlink()
    album.scan()
    before = album.tree()
    album.run(Kind.TAGS, replaygain=False)
    after = album.tree()
    album.run(Kind.TAGS, undo=True)
    assert album.tree() == before
    for undo, end in ((False, after), (True, before)):
        step = 0
        while album.ended_at(step, Kind.TAGS, undo=undo, replaygain=False):
            found_there = album.tree()
            assert found_there["Songs/1.mp3"] is not None
            step += 9
        assert step > 18
        assert album.tree().keys() == end.keys()
    assert album.tree() == before


def test_a_backup_leads_back_whatever_the_bytes_are(tmp_path: Path) -> None:
    sound = os.urandom(50_000)
    cases = {
        "grown in front": (b"a" * 50 + sound, b"b" * 4000 + sound),
        "shrunk in front": (b"a" * 5000 + sound, b"b" * 10 + sound),
        "changed everywhere": (
            b"".join(b"%04d" % n + sound[n * 90 : n * 90 + 90] for n in range(500)),
            b"".join(b"%04d" % (n + 7) + sound[n * 90 : n * 90 + 90] for n in range(500)),
        ),
        "zeros": (bytes(9000) + sound, bytes(9999) + sound + bytes(77)),
        "another": (os.urandom(5000), os.urandom(7000)),
    }
    for name, (old, new) in cases.items():
        files = [tmp_path / f"{name} {each}" for each in ("old", "new", "back")]
        files[0].write_bytes(old)
        files[1].write_bytes(new)
        backup = tmp_path / f"{name} backup"
        tag_delta.write(bytes(files[0]), bytes(files[1]), backup, before="x")
        tag_delta.restore(bytes(files[1]), backup, bytes(files[2]))
        assert files[2].read_bytes() == old, name
        limit = {"changed everywhere": 24_000, "another": 6000}.get(name, 12_000)
        assert backup.stat().st_size < limit, name
    assert tree(tmp_path)
