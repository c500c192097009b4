"""Which recording a track is that no identified album has."""

import json
import os
import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from db.ledger import Cause
from db.models import EntityType, Scan, State, Track
from db.sql.path_text import to_bytes, to_text
from tests.enrichment.conftest import Has
from tests.enrichment.library import RELEASE, enrich_track, said, standing, track
from tests.providers.conftest import TurnOn
from tests.providers.server import WebServer, page, status
from tests.providers.shapes import acoustid, mb_found, mb_id, mb_recording

SONG = mb_recording(10, "First Light", 200.0)
LIVE = mb_recording(11, "First Light", 260.0)
REISSUE = mb_recording(12, "First Light", 201.0)
RECORDING = f"recording/{mb_id(10)}"
FINGERPRINT = "AQADtEmUaEkSRZEGAAAAAA"
Install = Callable[[str], None]

pytestmark = pytest.mark.usefixtures("tables")


@pytest.fixture
def install_fpcalc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a program that prints what fpcalc would."""

    def install(prints: str) -> None:
        program = tmp_path / "fpcalc"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


def test_a_recording_id_in_the_tags_costs_one_request(server: WebServer, musicbrainz: Has) -> None:
    musicbrainz(RECORDING, SONG)
    track_id = track("First Light", 200.0, musicbrainz_recording_id=mb_id(10))
    row = enrich_track(track_id)
    assert (row.state, row.sources) == (State.DONE, ["musicbrainz"])
    assert server.paths() == [f"/musicbrainz/{RECORDING}"]
    assert said(EntityType.TRACK, track_id) == {
        "recording_id": mb_id(10),
        "first_release_date": "1999-05-01",
        "isrcs": ["GBAAA9900010"],
        "artists": [{"name": "Somebody", "id": mb_id(1)}],
        "genres": ["dub"],
        "match": {"by": "recording id in the tags", "why": []},
    }


def test_an_isrc_says_which_recording_it_is(server: WebServer, musicbrainz: Has) -> None:
    musicbrainz("isrc/GBAAA9900010", {"isrc": "GBAAA9900010", "recordings": [SONG]})
    track_id = track("First Light", 200.0, isrcs=["gb-aaa-99-00010", "../x"])
    assert enrich_track(track_id).state == State.DONE
    assert said(EntityType.TRACK, track_id)["match"]["by"] == "ISRC GBAAA9900010"
    assert len(server.asked) == 1


def test_an_isrc_of_another_song_is_not_believed(musicbrainz: Has) -> None:
    other = mb_recording(13, "Nothing Like It", 200.0)
    musicbrainz("isrc/GBAAA9900010", {"isrc": "GBAAA9900010", "recordings": [other]})
    musicbrainz("recording", mb_found("recordings"))
    row = enrich_track(track("First Light", 200.0, isrcs=["GBAAA9900010"]))
    assert row.state == State.NONE
    assert "ISRC GBAAA9900010: 0 recordings of that title" in row.reason


def test_a_search_takes_the_recording_of_that_length(musicbrainz: Has) -> None:
    musicbrainz("recording", mb_found("recordings", LIVE, SONG))
    musicbrainz(RECORDING, SONG)
    track_id = track("First Light", 201.0)
    assert enrich_track(track_id).state == State.DONE
    assert said(EntityType.TRACK, track_id)["match"]["why"] == [
        f"Somebody - First Light ({mb_id(10)})",
        "title 1.00",
        "artists 1.00",
        "length 1.00",
    ]


def test_of_recordings_that_fit_equally_well_none_is_taken(musicbrainz: Has) -> None:
    musicbrainz("recording", mb_found("recordings", SONG, REISSUE))
    row = enrich_track(track("First Light", 200.0))
    assert (row.state, row.reason) == (State.NONE, "search: 2 recordings fit equally well")


def test_the_album_in_the_tags_decides_between_them(musicbrainz: Has) -> None:
    on = mb_found("releases", RELEASE)["releases"]
    musicbrainz("recording", mb_found("recordings", REISSUE, SONG | {"releases": on}))
    musicbrainz(RECORDING, SONG)
    track_id = track("First Light", 200.0, album_title="Blue Record")
    assert enrich_track(track_id).state == State.DONE
    assert said(EntityType.TRACK, track_id)["recording_id"] == mb_id(10)


@pytest.mark.parametrize("title", [None, "", "!" * 300])
def test_a_track_that_nothing_can_be_asked_by_is_settled(
    server: WebServer, musicbrainz: Has, title: str | None
) -> None:
    assert enrich_track(track(title, 200.0)).state == State.NONE
    assert server.connections == 0


def test_its_artists_are_asked_for_after_it(musicbrainz: Has) -> None:
    musicbrainz(RECORDING, SONG)
    enrich_track(track("First Light", 200.0, musicbrainz_recording_id=mb_id(10)))
    assert standing(EntityType.ARTIST, 1).state == State.TODO


def test_a_track_is_known_by_its_sound(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn, install_fpcalc: Install
) -> None:
    turn_on("musicbrainz", "acoustid")
    install_fpcalc(json.dumps({"duration": 200.4, "fingerprint": FINGERPRINT}))
    server.routes["/acoustid/lookup"] = page(acoustid(mb_id(10), "First Light", 0.97))
    musicbrainz(RECORDING, SONG)
    track_id = track("First Light", 200.0)
    row = enrich_track(track_id)
    assert (row.state, row.sources) == (State.DONE, ["musicbrainz", "acoustid"])
    assert server.asked[0] == (
        "/acoustid/lookup",
        {
            "client": "acoustidkey",
            "meta": "recordings",
            "duration": "200",
            "fingerprint": FINGERPRINT,
            "format": "json",
        },
    )
    match = said(EntityType.TRACK, track_id)["match"]
    assert (match["by"], match["why"][-1]) == ("AcoustID", "sound 0.97")


@pytest.mark.parametrize(("score", "title"), [(0.5, "First Light"), (0.97, "Nothing Like It")])
def test_what_sounds_hardly_like_it_or_is_called_otherwise_is_not_taken(
    server: WebServer,
    musicbrainz: Has,
    turn_on: TurnOn,
    install_fpcalc: Install,
    score: float,
    title: str,
) -> None:
    turn_on("musicbrainz", "acoustid")
    install_fpcalc(json.dumps({"duration": 200.4, "fingerprint": FINGERPRINT}))
    server.routes["/acoustid/lookup"] = page(acoustid(mb_id(10), title, score))
    musicbrainz("recording", mb_found("recordings"))
    row = enrich_track(track("First Light", 200.0))
    assert row.state == State.NONE
    assert "AcoustID: 0 recordings of that title match" in row.reason


@pytest.mark.parametrize("prints", ["", "ERROR: could not decode", '{"duration": 3}', "[]"])
def test_a_file_that_fpcalc_cannot_decode_is_searched_for(
    musicbrainz: Has, turn_on: TurnOn, install_fpcalc: Install, prints: str
) -> None:
    turn_on("musicbrainz", "acoustid")
    install_fpcalc(prints)
    musicbrainz("recording", mb_found("recordings", SONG))
    musicbrainz(RECORDING, SONG)
    assert enrich_track(track("First Light", 200.0)).state == State.DONE


def test_a_track_whose_root_is_away_waits_for_it_and_asks_nobody(
    server: WebServer,
    musicbrainz: Has,
    turn_on: TurnOn,
    install_fpcalc: Install,
    tmp_path: Path,
) -> None:
    turn_on("musicbrainz", "acoustid")
    install_fpcalc(json.dumps({"duration": 200.4, "fingerprint": FINGERPRINT}))
    Scan.create(root=str(tmp_path / "away"))
    track_id = track("First Light", 200.0)
    Track.update(path=str(tmp_path / "away" / "1.flac")).execute()
    row = enrich_track(track_id)
    assert (row.state, row.cause) == (State.WAITING, Cause.ROOT_AWAY)
    assert row.place == str(tmp_path / "away")
    assert server.asked == []


def test_without_fpcalc_it_is_told_what_is_missing(
    musicbrainz: Has, turn_on: TurnOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_on("musicbrainz", "acoustid")
    monkeypatch.setenv("PATH", "/nowhere")
    musicbrainz("recording", mb_found("recordings"))
    row = enrich_track(track("First Light", 200.0))
    assert "fpcalc is not installed — install libchromaprint-tools" in row.reason


def test_a_key_that_acoustid_refuses_is_named(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn, install_fpcalc: Install
) -> None:
    turn_on("musicbrainz", "acoustid")
    install_fpcalc(json.dumps({"duration": 200.4, "fingerprint": FINGERPRINT}))
    error = {"status": "error", "error": {"code": 4, "message": "invalid API key"}}
    server.routes["/acoustid/lookup"] = status(400, json.dumps(error).encode())
    with pytest.raises(Exception, match=r"invalid API key.*check FLEET_ACOUSTID_KEY"):
        enrich_track(track("First Light", 200.0))


@pytest.mark.skipif(shutil.which("fpcalc") is None, reason="fpcalc is not installed")
def test_the_real_fpcalc_makes_a_fingerprint(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn, tmp_path: Path
) -> None:
    turn_on("musicbrainz", "acoustid")
    path = to_text(os.fsencode(tmp_path) + b"/a b\xff.wav")
    with wave.open(os.fsdecode(to_bytes(path)), "wb") as file:
        file.setparams((1, 2, 11025, 0, "NONE", ""))
        file.writeframes(bytes(2 * 11025 * 10))
    server.routes["/acoustid/lookup"] = page(acoustid(mb_id(10), "First Light", 0.97))
    musicbrainz(RECORDING, SONG)
    assert enrich_track(track("First Light", 10.0, path=path)).state == State.DONE
