"""A tempo that its owner corrected stays; what tags say beside ours is compared and listed."""

import json
from typing import Any

import pytest

from db import ledger
from db.library import second_opinions
from db.library.audio_features import correct_tempo, record_features, tempo_meant, tempo_of_taps
from db.models import AudioFeatures, EntityType, Fact, Kind, LedgerRow, State, Track
from db.sql.connection import transaction
from tests.databases import ON_BOTH, ON_SQLITE
from worker.cli.fleet import run
from worker.errors import ExitCode

FOUND: dict[str, Any] = {
    **{"extractor": 1, "content_id": "", "decoder": "soundfile", "start": 0, "seconds": 1},
    **{"peak": -1.0, "rms": 0.1, "dynamic_range": 9.0, "loudness": -12.0, "centroid": 1800.0},
    **{"pulse": 0.2, "onset_rate": 3.0, "bpm_confidence": 0.6, "key": "Am", "mode": "minor"},
    **{"camelot": "8A", "key_confidence": 0.7, "energy": 0.5, "bpm": 150.0, "danceability": 0.5},
    **{"valence": 0.4, "synthetic_tags": [["fast", "bpm 150"]]},
}
BY_TEMPO = ("bpm", "danceability", "valence", "synthetic_tags")


def track(number: int = 1, *, analysed: bool = True, **tags: Any) -> int:
    """The id of a track that was found to be of 150 beats a minute, in A minor."""
    path = f"/music/{number}.flac"
    place = {"path": path, "folder": "/music", "group_folder": "/music", "content_id": path}
    empty = {"codec": "flac", "container": "flac", "size": 0, "mtime_ns": 0}
    made = Track.create(**place, **empty, title=f"Title {number}", **tags)
    if analysed:
        with transaction():
            record_features([{**FOUND, "track": made.id}])
            ledger.need(Kind.VECTOR, EntityType.TRACK, [made.id])
            LedgerRow.update(state=State.DONE).execute()
    return int(made.id)


def shown(track_id: int) -> dict[str, Any]:
    """What the table has that follows from the tempo."""
    row = AudioFeatures.get_by_id(track_id)
    return {name: getattr(row, name) for name in BY_TEMPO}


@ON_BOTH
def test_a_corrected_tempo_stays_through_every_analysis_until_it_is_withdrawn(
    database: str,
) -> None:
    number = track()
    assert correct_tempo(number, 75.0)
    corrected = shown(number)
    assert corrected["bpm"] == 75.0
    assert [tag for tag, _ in corrected["synthetic_tags"]] == ["melancholic", "slow"]
    assert corrected["valence"] < 0.4
    again = {**FOUND, "track": number, "bpm": 148.0, "danceability": 0.6}
    for _ in range(2):
        record_features([again])
        assert shown(number) == corrected
    assert not correct_tempo(number, 75.0)
    assert correct_tempo(number, None)
    assert shown(number) == {name: again[name] for name in BY_TEMPO}


@ON_SQLITE
def test_a_correction_asks_for_the_vector_that_goes_by_the_tempo(database: str) -> None:
    number = track()
    correct_tempo(number, 75.0)
    row = LedgerRow.get(LedgerRow.kind == Kind.VECTOR)
    assert (row.entity_id, row.state) == (number, State.TODO)


@ON_SQLITE
def test_a_tempo_that_was_corrected_before_any_analysis_stays_after_it(database: str) -> None:
    number = track(analysed=False)
    correct_tempo(number, 75.0)
    record_features([{**FOUND, "track": number}])
    assert shown(number)["bpm"] == 75.0
    correct_tempo(number, None)
    assert shown(number)["bpm"] == 150.0


@ON_SQLITE
def test_silence_has_a_tempo_when_its_owner_says_so_and_else_stays_silence(database: str) -> None:
    number = track(analysed=False)
    silent = {name: FOUND[name] for name in ("extractor", "content_id", "decoder", "peak")}
    beside = {"start": 0, "seconds": 1, "dynamic_range": 0.0, "synthetic_tags": [["silent", "x"]]}
    record_features([{**silent, **beside, "track": number}])
    correct_tempo(number, 60.0)
    assert shown(number) == {
        **{"bpm": 60.0, "danceability": None, "valence": None},
        "synthetic_tags": [["silent", "x"]],
    }


def test_a_tempo_is_written_as_beats_a_minute_or_as_twice_or_half_of_the_present_one() -> None:
    written = {"x2": 174.0, "\u00d72": 174.0, "/2": 43.5, "÷2": 43.5, "90.5": 90.5, " 120 ": 120.0}
    assert {text: tempo_meant(text, 87.0) for text in written} == written
    for text in ("", "fast", "nan", "inf", "19.9", "401", "-90", "1e9"):
        with pytest.raises(ValueError, match=r"is no tempo — write x2, /2, or 20 to 400"):
            tempo_meant(text, 87.0)
    with pytest.raises(ValueError, match="there is no tempo to apply 'x2' to — write it in"):
        tempo_meant("x2", None)


def test_taps_make_a_tempo_and_one_that_was_missed_changes_nothing() -> None:
    assert tempo_of_taps([0, 0.5, 1.0, 1.5]) == 120.0
    assert tempo_of_taps([0, 0.5, 1.0, 2.0, 2.5, 3.02]) == pytest.approx(119, abs=1)
    assert tempo_of_taps([0, 0.5, 1.0]) is None
    assert tempo_of_taps([1.0] * 9) is None


KEYS = {
    **{"Am": "8A", "A minor": "8A", "Amin": "8A", "a-Moll": "8A", "8A": "8A", "08a": "8A"},
    **{"1m": "8A", "C": "8B", "C major": "8B", "CM": "8B", "C-Dur": "8B", "Cmaj": "8B"},
    **{"8B": "8B", "1d": "8B", "F#m": "11A", "F♯ minor": "11A", "Gbm": "11A", "Fis-Moll": "11A"},
    **{"Bb": "6B", "B♭ major": "6B", "Es-Dur": "5B", "Eb": "5B", "As-moll": "1A", "Abm": "1A"},
    **{"B": "1B", "H": "1B", "Bm": "10A", "C sharp minor": "12A", "Cb": "1B", "12B": "12B"},
    **{"o": None, "": None, "13A": None, "Amx": None, "x" * 5000: None, "0A": None},
}


def test_keys_are_known_however_tags_write_them() -> None:
    assert {key: second_opinions.camelot_of(key) for key in KEYS} == KEYS


DIFFERENT = [
    ({"bpm": 150.0, "key": "Am"}, []),
    ({"bpm": 154.0, "key": "8A"}, []),
    ({"bpm": 75.2}, [("tempo", 75.2, "half")]),
    ({"bpm": 299.0}, [("tempo", 299.0, "double")]),
    ({"bpm": 100.0, "key": "C"}, [("tempo", 100.0, "another"), ("key", "C", "relative")]),
    ({"key": "Em"}, [("key", "Em", "a fifth away")]),
    ({"key": "A"}, [("key", "A", "other mode")]),
    ({"key": "F#m"}, [("key", "F#m", "another")]),
    ({"key": "o"}, []),
]


@ON_BOTH
def test_what_tags_and_other_analysers_say_otherwise_is_listed(database: str) -> None:
    ids = [track(number, **tags) for number, (tags, _) in enumerate(DIFFERENT)]
    track(100, analysed=False, bpm=99.0)
    other = track(101)
    about = {"entity_type": "track", "entity_id": other, "source": "audiomuse", "score": 1.0}
    Fact.create(field="tempo", value=75.0, **about)
    Fact.create(field="key", value="A minor", **about)
    wanted = [
        (track_id, *each)
        for track_id, (_, found) in zip(ids, DIFFERENT, strict=True)
        for each in found
    ]
    wanted.append((other, "tempo", 75.0, "half"))
    found = second_opinions.differences(0, 1000)
    listed = [(e.track_id, e.opinion.field, e.opinion.value, e.opinion.difference) for e in found]
    assert listed == wanted
    parts, after = [], 0
    while some := second_opinions.differences(after, 2):
        after = some[-1].track_id
        parts += some
    assert parts == found


@ON_SQLITE
def test_a_corrected_tempo_is_what_others_are_compared_with(database: str) -> None:
    number = track(bpm=75.0)
    assert [each.difference for each in second_opinions.opinions(number)] == ["half"]
    correct_tempo(number, 75.0)
    assert second_opinions.differences(0, 10) == []


@ON_SQLITE
def test_the_command_corrects_shows_and_withdraws(
    database: str, queues: object, capsys: pytest.CaptureFixture[str]
) -> None:
    number = track(bpm=75.0)

    def tempo(*arguments: str) -> dict[str, Any]:
        assert run(["tempo", f"track:{number}", *arguments, "--json"]) == ExitCode.OK
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return {name: printed[name] for name in ("bpm", "bpm_from", "found_bpm")}

    found = {"bpm": 150.0, "bpm_from": "sound", "found_bpm": 150.0}
    assert tempo() == found
    assert tempo("/2") == {"bpm": 75.0, "bpm_from": "owner", "found_bpm": 150.0}
    assert tempo("88") == {"bpm": 88.0, "bpm_from": "owner", "found_bpm": 150.0}
    assert run(["differences"]) == ExitCode.OK
    assert "88\t75\ttags\tanother" in capsys.readouterr().out
    assert tempo("--withdraw") == found
    assert run(["tempo", f"track:{number}", "0"]) == ExitCode.BAD_INPUT
    assert "write x2, /2, or 20 to 400 beats a minute" in capsys.readouterr().err
