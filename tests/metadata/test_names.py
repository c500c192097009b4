"""What tags lack is taken from the names of a file and its folders, as far as they agree."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import SettingError
from db.models import Source
from db.settings import reading
from jobs.metadata.beside import completed
from jobs.records import FoundFile
from jobs.tags import Tags

ROOT = "/music"
BARE = {"title": "First Light", "track": 1, "artists": ["Band"], "album": "Album"}

UNTAGGED: dict[str, dict[str, Any]] = {
    "Band/Album/01 - First Light.wav": BARE,
    "Band/Album/01. First Light.wav": BARE,
    "Band/Album/01 First Light.wav": BARE,
    "Band/Album/01_First_Light.wav": BARE,
    "Band/Album/1-01 First Light.wav": BARE | {"disc": 1},
    "Band/Album/CD2/01 First Light.wav": BARE | {"disc": 2},
    "Band/Album/B1 - First Light.wav": BARE | {"disc": 2},
    "Band/1999 - Album/01 First Light.wav": BARE | {"date": "1999"},
    "Band/(1999) Album/01 First Light.wav": BARE | {"date": "1999"},
    "Band/Album [1999] [FLAC]/01 First Light.wav": BARE | {"date": "1999"},
    "Rock/Band - Album (1999)/01 First Light.wav": BARE | {"date": "1999"},
    "Band - Album/01 First Light.wav": BARE,
    "Band/Band - 1999 - Album/01 First Light.wav": BARE | {"date": "1999"},
    "Music/Band/Album/Band - Album - 01 - First Light.wav": BARE,
    "Band - Album - 01 - First Light.wav": BARE,
    "Band/Album/01 - Prelude - Part 2.wav": BARE | {"title": "Prelude - Part 2"},
    "Band/Album/Prelude - Part 2.wav": {
        **{"title": "Prelude - Part 2", "artists": ["Band"], "album": "Album"}
    },
    "Rock/Ballads/Singer - Song.mp3": {"title": "Song", "artists": ["Singer"]},
    "Album/01. Band - First Light.wav": BARE,
    "Album/First Light.wav": {"title": "First Light", "album": "Album"},
    "Various Artists/Album/01 Band - First Light.wav": BARE
    | {"album_artists": ["Various Artists"]},
    "Singer - Song.opus": {"title": "Song", "artists": ["Singer"]},
    "Downloads/2019/Singer - Song.mp3": {"title": "Song", "artists": ["Singer"]},
    "50 Cent - In da Club.mp3": {"title": "In da Club", "artists": ["50 Cent"]},
    "99 Luftballons.mp3": {"title": "99 Luftballons"},
    "1979.mp3": {"title": "1979"},
    "Band/Album/Track 07.wav": {"track": 7, "artists": ["Band"], "album": "Album"},
    "Jane/The Book/The Book - Chapter 112.mp3": {
        **{"title": "The Book - Chapter 112", "track": 112, "artists": ["Jane"]},
        "album": "The Book",
    },
    "Jane/The Book/Kapitel 7 Das Ende.mp3": {
        **{"title": "Kapitel 7 Das Ende", "track": 7, "artists": ["Jane"], "album": "The Book"}
    },
    "Chapter 24 of my life.mp3": {"title": "Chapter 24 of my life"},
    "Band/Album/07.wav": {"track": 7, "artists": ["Band"], "album": "Album"},
    "Unknown Artist/Unknown Album/01 Track 1.m4a": {"track": 1},
}


@pytest.mark.parametrize("path", UNTAGGED)
def test_a_file_without_tags_is_what_its_names_say(path: str) -> None:
    tags, guessed = completed(Tags(), FoundFile(f"{ROOT}/{path}", 0, 0), ROOT, {})
    assert tags == Tags(**UNTAGGED[path])
    assert set(guessed) == set(UNTAGGED[path])


PARTLY_TAGGED = [
    ("Band/Album/01 First Light.wav", {"artists": ["Somebody"]}, {"title", "track", "album"}),
    (
        "Band/1999 - Album/01 First Light.wav",
        {"album": "album"},
        {"title", "artists", "track", "date"},
    ),
    ("Band/1999 - Other/01 First Light.wav", {"album": "Album"}, {"title", "track"}),
    ("Band/Album/7 Seconds.wav", {"title": "7 Seconds", "artists": ["Band"]}, set()),
    (
        "Band/Album/07 7 Seconds.wav",
        {"title": "7 Seconds", "artists": ["Band"]},
        {"track", "album"},
    ),
    ("Band/Singles/First Light.wav", {"title": "First Light", "artists": ["Band"]}, set()),
    ("Band/Album/01 First Light.wav", {"track": 2}, {"title", "artists", "album"}),
]


@pytest.mark.parametrize(("path", "tags", "guessed"), PARTLY_TAGGED)
def test_tags_that_are_there_stay_and_names_that_say_otherwise_say_nothing(
    path: str, tags: dict[str, Any], guessed: set[str]
) -> None:
    found, guesses = completed(Tags(**tags), FoundFile(f"{ROOT}/{path}", 0, 0), ROOT, {})
    assert set(guesses) == guessed
    assert all(getattr(found, name) == value for name, value in tags.items())


def test_each_guess_names_the_name_that_it_is_from() -> None:
    _, guessed = completed(
        Tags(), FoundFile(f"{ROOT}/Band/1999 - Album/CD1/01 Song.wav", 0, 0), ROOT, {}
    )
    of_file = dict.fromkeys(("title", "track"), Source.FILE_NAME)
    assert guessed == of_file | dict.fromkeys(("disc", "artists", "album", "date"), Source.FOLDER)


def test_patterns_of_the_settings_take_the_place_of_these(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_FILE_NAMES", "TITLE by ARTIST")
    monkeypatch.setenv("FLEET_FOLDER_NAMES", "off")
    tags, _ = completed(Tags(), FoundFile(f"{ROOT}/No/Folder/Song by Singer.wav", 0, 0), ROOT, {})
    assert tags == Tags(title="Song", artists=["Singer"])


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("FLEET_FILE_NAMES", "NUMBER Name", "'NUMBER Name', which has no word"),
        ("FLEET_FILE_NAMES", "ALBUM/TITLE", "write it in FLEET_FOLDER_NAMES"),
        ("FLEET_FOLDER_NAMES", "ALBUM ALBUM ALBUM", "has a word three times"),
        ("FLEET_TAG_CHARSETS", "cp1251, klingon", "'klingon', which is no character set"),
        ("FLEET_TAG_CHARSETS", "utf-16", "'utf-16', which is no character set"),
    ],
)
def test_a_pattern_that_means_nothing_is_named(
    setting: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting, value)
    with pytest.raises(SettingError, match=says):
        reading.check()


NAMES = st.text(alphabet=st.sampled_from("AB 01-._()[]/ä\uf7ff"), min_size=1, max_size=80)


@given(NAMES)
def test_no_name_is_too_odd(name: str) -> None:
    tags, guessed = completed(Tags(), FoundFile(f"{ROOT}/{name}", 0, 0), ROOT, {})
    assert {each for each in guessed if not getattr(tags, each)} == set()
