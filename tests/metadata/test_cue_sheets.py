"""What the tracks of a file are by a cue sheet, in whatever form people and programs write it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, CueSheet, CueSheetTrack, CueSheetTrackIndex
from mutagen.id3 import ID3, TXXX

from jobs.metadata.cue_text import MOST_CHARACTERS, SheetError, parse
from jobs.metadata.reader import read_file
from jobs.records import FoundFile, TrackRecord
from tests.music import write_track

TWO = """PERFORMER "Band"
TITLE "Album"
FILE "{name}" WAVE
  TRACK 01 AUDIO
    TITLE "{one}"
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Two"
    INDEX 00 00:00:07
    INDEX 01 00:00:10
"""
TAGS = {"title": "All", "artist": "Tagged", "album": "Of Tags", "date": 1980, "tracknumber": "1/1"}


def sheet(name: str = "a.flac", one: str = "One") -> str:
    return TWO.format(name=name, one=one)


def read(song: Path, **sheets: str | bytes) -> TrackRecord:
    """The record of a file with these sheets beside it, by their names without extension."""
    for name, text in sheets.items():
        data = text if isinstance(text, bytes) else text.encode()
        (song.parent / f"{name}.cue").write_bytes(data)
    beside = [f"{song.parent}/{name}.cue" for name in sheets]
    found = FoundFile(str(song), song.stat().st_size, 0, beside=beside)
    return read_file(found, root=str(song.parents[1]))


def titles(record: TrackRecord) -> list[str | None]:
    return [track.tags.title for track in record.tracks()]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A tagged file, three tenths of a second long."""
    return write_track(tmp_path / "Folder" / "a.flac", **TAGS)


WRITTEN = {
    "another case": (sheet("A.FLAC"), "One"),
    "before it was encoded": (sheet("a.wav"), "One"),
    "with another path": (sheet(r"C:\Rips\a.wav"), "One"),
    "in lower case": (sheet().lower().replace('"one"', "One").replace('"a.flac"', "a.flac"), "One"),
    "without types and quotes": (sheet().replace('"', "").replace(" WAVE", ""), "One"),
    "of one name with it": (sheet("CDImage.ape"), "One"),
    "with lines of Windows": (sheet().replace("\n", "\r\n"), "One"),
    "with lines of old Macs": (sheet().replace("\n", "\r"), "One"),
    "with tabs": (sheet().replace("    ", "\t\t").replace("TITLE ", "TITLE\t"), "One"),
    "with a mark": (b"\xef\xbb\xbf" + sheet().encode(), "One"),
    "in UTF-16": (sheet(one="Größe").encode("utf-16"), "Größe"),
    "in UTF-8": (sheet(one="Größe"), "Größe"),
    "in Windows-1252": (sheet(one="Größe").encode("cp1252"), "Größe"),
    "in Windows-1251": (sheet(one="Начало").encode("cp1251"), "Начало"),
    "with quotes in a name": (sheet(one='The "One"'), 'The "One"'),
    "with its pregap in another file": (
        sheet().replace("  TRACK 01", '  FILE "x" WAVE\nFILE "a.flac" WAVE\n  TRACK 01'),
        "One",
    ),
}


@pytest.mark.parametrize(("text", "one"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_sheet_may_be_written_in_many_ways(
    song: Path, text: str | bytes, one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TAG_CHARSETS", "cp1251")
    record = read(song, a=text)
    assert titles(record) == [one, "Two" if isinstance(text, bytes) or "two" not in text else "two"]
    first, second = record.tracks()
    assert (first.part, first.start, second.part) == (1, 0.0, 2)
    assert second.start == pytest.approx(10 / 75)
    assert second.audio.duration == pytest.approx(0.3 - 10 / 75, abs=0.001)
    assert record.sheets == {f"{song.parent}/a.cue": None}


def test_the_sheet_comes_before_the_tags_of_the_file_which_say_what_it_does_not(
    song: Path,
) -> None:
    of_second = "    PERFORMER Guest\n    ISRC USABC1234567\n    INDEX 00"
    of_album = 'REM GENRE "Rock"\nREM REPLAYGAIN_ALBUM_GAIN -3 dB\n'
    first, second = read(song, a=of_album + sheet().replace("    INDEX 00", of_second)).tracks()
    tags = first.tags
    assert (tags.album, tags.album_artists, tags.artists) == ("Album", ["Band"], ["Band"])
    assert (tags.date, tags.genres, tags.track, tags.track_total) == ("1980", ["Rock"], 1, 2)
    assert (tags.replaygain_album_gain, first.guessed) == (-3, {})
    assert (second.tags.artists, second.tags.isrcs, second.tags.track) == (
        *(["Guest"], ["USABC1234567"], 2),
    )
    bare = "\n".join(line for line in sheet().splitlines() if line.startswith(" "))
    for track in read(song, a=bare).tracks():
        assert (track.tags.album, track.tags.artists) == ("Of Tags", ["Tagged"])
    ids = {(each.content_id, each.sound_id) for each in (first, second)}
    assert len({identity for pair in ids for identity in pair}) == 4


def test_a_sheet_in_the_file_is_as_one_beside_it_which_comes_first(song: Path) -> None:
    flac = FLAC(song)
    flac["CUESHEET"] = sheet("CDImage.wav", one="Inside")
    flac.save()
    assert titles(read(song)) == ["Inside", "Two"]
    assert titles(read(song, a=sheet(one="Beside"))) == ["Beside", "Two"]
    record = read(song, a="no sheet")
    assert (titles(record), list(record.sheets.values())) == (
        *(["Inside", "Two"], ["it has no TRACK", None]),
    )
    flac["CUESHEET"] = "junk"
    flac.save()
    record = read(song)
    assert (titles(record), record.sheets) == (
        *(["All"], {str(song): "in the tags of the file: it has no TRACK"}),
    )
    mp3 = write_track(song.parent / "b.mp3", **TAGS)
    tags = ID3(mp3)
    tags.add(TXXX(encoding=3, desc="CUESHEET", text=[sheet("b.wav")]))
    tags.save()
    assert titles(read(mp3)) == ["One", "Two"]


def test_a_block_of_flac_divides_a_file(song: Path) -> None:
    flac = FLAC(song)
    block = CueSheet(None)
    for number, start in ((1, 0), (2, 4800), (170, 14_400)):
        track = CueSheetTrack(number, start)
        track.indexes = [CueSheetTrackIndex(1, 0)] if number < 170 else []
        block.tracks.append(track)
    flac.cuesheet = block
    flac.metadata_blocks.append(block)
    flac["TITLE[1]"] = "First"
    flac.save()
    first, second = read(song).tracks()
    assert (first.tags.title, first.tags.album, second.tags.title) == ("First", "Of Tags", None)
    assert second.start == pytest.approx(0.1, abs=0.01)
    del flac["TITLE[1]"]
    flac.save()
    assert [each.tags.title for each in read(song).tracks()] == ["All"]


def test_the_disc_that_nothing_else_says_is_that_of_the_name_of_the_file(tmp_path: Path) -> None:
    song = write_track(tmp_path / "Folder" / "Album CD2.flac", title="All")
    for text, disc, guessed in (
        (sheet(song.name), 2, {"disc": "file name"}),
        (f"REM DISCNUMBER 3\n{sheet(song.name)}", 3, {}),
    ):
        for track in read(song, a=text).tracks():
            assert (track.tags.disc, track.guessed) == (disc, guessed)


def test_tags_of_one_part_say_what_the_sheet_does_not_say_of_it(tmp_path: Path) -> None:
    of_parts = {
        "cue_track02_title": "Not this",
        "cue_track02_genre": "Dub",
        "cue_track02_lyrics": "Of the second",
        "CUE_TRACK1_COMPOSER": "Somebody",
        "cue_track77_title": "Of none",
        "cue_track02_unknown": "x",
    }
    for name, kind in (("a.flac", FLAC), ("b.mp3", ID3), ("c.mp3", APEv2)):
        song = write_track(tmp_path / "Folder" / name, **TAGS)
        tags = APEv2() if kind is APEv2 else kind(song)
        for key, text in of_parts.items():
            if kind is ID3:
                tags.add(TXXX(encoding=3, desc=key, text=[text]))
            else:
                tags[key] = text
        tags.save(song)
        first, second = read(song, a=sheet(name)).tracks()
        assert (second.tags.title, second.tags.genres) == ("Two", ["Dub"])
        assert [each.text for each in second.lyrics] == ["Of the second"]
        assert (second.tags.has_lyrics, first.tags.has_lyrics) == (True, False)
        assert (first.tags.composers, second.tags.composers) == (["Somebody"], [])


LRC = """[ti:All of it]
[offset:0]
[00:00.05]First
[00:00.14][00:00.20]<00:00.15>Se<00:00.18>cond
No time
"""


def test_each_part_has_its_lines_of_synced_lyrics_and_none_those_without_times(song: Path) -> None:
    lrc = song.with_suffix(".lrc")
    lrc.write_text(LRC)
    (song.parent / "a.cue").write_text(sheet())
    beside = [str(lrc), f"{song.parent}/a.cue"]
    found = FoundFile(str(song), song.stat().st_size, 0, beside=beside)
    first, second = read_file(found, root=str(song.parents[1])).tracks()
    assert [each.text for each in first.lyrics] == ["[00:00.05]First"]
    (timed,) = second.lyrics
    assert timed.text == (
        "[00:00.01]<00:00.02>Se<00:00.05>cond\n[00:00.07]<00:00.02>Se<00:00.05>cond"
    )
    assert (timed.source, timed.is_synced, second.tags.has_lyrics) == ("file", True, True)
    lrc.write_text("Without times\n")
    assert [each.lyrics for each in read_file(found).tracks()] == [[], []]


def test_a_sheet_in_the_folder_of_an_album_is_of_the_discs_in_it(tmp_path: Path) -> None:
    album = tmp_path / "Album"
    files = [write_track(album / disc / "image.flac", **TAGS) for disc in ("CD1", "CD 2")]
    for text, name, parts in (
        (sheet(r"CD1\image.wav"), "x", (2, 0)),
        (sheet("cd 2/image.flac"), "x", (0, 2)),
        (sheet("image.flac"), "Album CD2", (0, 2)),
    ):
        written = album / f"{name}.cue"
        written.write_text(text)
        records = [
            read_file(FoundFile(str(file), file.stat().st_size, 0, beside=[str(written)]))
            for file in files
        ]
        assert tuple(len(each.parts) for each in records) == parts
        assert {why for each in records for why in each.sheets.values()} == {None}
    written.rename(album / "all.cue")
    of_both = FoundFile(str(files[0]), files[0].stat().st_size, 0, beside=[f"{album}/all.cue"])
    assert "several folders" in str(read_file(of_both).sheets)


def test_a_file_that_is_one_track_keeps_its_tags_and_the_sheet_says_what_they_lack(
    tmp_path: Path,
) -> None:
    song = write_track(tmp_path / "Folder" / "02.flac", title="Mine", artist="Tagged")
    split = sheet("01.wav").replace("    INDEX 01 00:00:10", 'FILE "02.wav"\nINDEX 01 00:00:00')
    record = read(song, x=split)
    tags = record.tags
    assert record.parts == []
    assert (tags.title, tags.artists, tags.album, tags.track) == ("Mine", ["Tagged"], "Album", 2)
    assert record.guessed == dict.fromkeys(
        ("album", "album_artists", "track", "track_total"), "cue sheet"
    )


WRONG = {
    "": "no TRACK",
    sheet().replace("00:00:10", "00:00:00"): "TRACK 02 does not begin after TRACK 01",
    sheet().replace("00:00:10", "00:01:00"): "TRACK 02 begins at 1.0 s, and the file ends at 0.3 s",
    sheet().replace("00:00:10", "00:61:99"): "TRACK 02 begins at '00:61:99', which is no time",
    sheet().replace("    INDEX 01 00:00:10", ""): "TRACK 02 has no INDEX 01",
    sheet().replace("AUDIO", "MODE1/2352"): "no TRACK that is AUDIO",
    'FILE "b.flac"\nTRACK 01\nINDEX 01 0:0:0\nFILE "c.flac"\nTRACK 02\nINDEX 01 0:0:0': "'b.flac'",
    "x" * (MOST_CHARACTERS + 1): "more than 30,000 characters",
    "TRACK 01 AUDIO\nINDEX 01 00:00:00\n" * 501: "more than 500 tracks",
    "\0\1\2" * 1_000_000: "bytes",
}


@pytest.mark.parametrize(("text", "why"), WRONG.items(), ids=range(len(WRONG)))
def test_a_sheet_that_is_wrong_is_not_used_and_says_why(song: Path, text: str, why: str) -> None:
    record = read(song, a=text)
    assert (titles(record), record.parts) == (["All"], [])
    assert why in str(record.sheets[f"{song.parent}/a.cue"])


def test_of_two_files_that_a_sheet_may_mean_the_one_that_it_names_is_its(song: Path) -> None:
    write_track(song.parent / "a.wav")
    record = read(song, a=sheet("a.wav"))
    assert (titles(record), record.sheets) == (["All"], {})


ODD = (
    "FILE",
    "INDEX 01",
    "TRACK",
    "REM",
    "INDEX 01 9:9:9",
    "TRACK \u0661 AUDIO",
    "INDEX \xb9 0:0:0",
)
LINES = st.sampled_from([*sheet().splitlines(), *ODD])


@given(lines=st.lists(LINES | st.text(max_size=30), max_size=60))
@settings(max_examples=200)
def test_any_text_is_a_sheet_or_says_why_not(lines: list[str]) -> None:
    try:
        found = parse("\n".join(lines))
    except SheetError:
        return
    assert all(track.start >= 0 for each in found.files.values() for track in each)
