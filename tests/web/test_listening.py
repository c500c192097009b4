"""A track is heard where it is shown: its file as it is, in the parts that a browser asks for."""

import os
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from db.models import Track, TrackArtist
from db.sql import path_text
from tests.web.conftest import NewPage


@pytest.fixture
def page(new_page: NewPage) -> FlaskClient:
    """The page of a library that was scanned."""
    return new_page()


def sound() -> tuple[int, Path]:
    """A track that is there, and its file."""
    track = Track.select().where(Track.missing_since.is_null()).order_by(Track.id).first()
    return track.id, Path(os.fsdecode(path_text.to_bytes(track.path)))


def test_the_file_is_served_as_it_is(page: FlaskClient) -> None:
    track_id, file = sound()
    answer = page.get(f"/tracks/{track_id}/file")
    assert answer.data == file.read_bytes()
    assert answer.mimetype.startswith("audio/")
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_part_is_served_alone(page: FlaskClient) -> None:
    track_id, file = sound()
    answer = page.get(f"/tracks/{track_id}/file", headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206
    assert answer.data == file.read_bytes()[10:20]
    beyond = page.get(f"/tracks/{track_id}/file", headers={"Range": "bytes=99999999999-"})
    assert beyond.status_code == 416


def test_a_file_that_is_gone_or_a_link_out_of_the_library_is_not_served(
    page: FlaskClient, tmp_path: Path
) -> None:
    track_id, file = sound()
    secret = tmp_path / "secret"
    secret.write_text("not music")
    kept = file.read_bytes()
    try:
        file.unlink()
        file.symlink_to(secret)
        assert page.get(f"/tracks/{track_id}/file").status_code == 404
        file.unlink()
        os.mkfifo(file)
        assert page.get(f"/tracks/{track_id}/file").status_code == 404
        file.unlink()
        assert page.get(f"/tracks/{track_id}/file").status_code == 404
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(kept)
    assert page.get("/tracks/999999/file").status_code == 404


def test_a_file_out_of_the_library_is_served_when_a_scan_took_it_in(
    page: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just that file, and while the setting is on."""
    track_id, file = sound()
    kept, outside = file.read_bytes(), tmp_path / file.name
    shutil.move(file, outside)
    os.utime(outside, ns=(0, Track.get_by_id(track_id).mtime_ns))
    try:
        file.symlink_to(outside)
        assert page.get(f"/tracks/{track_id}/file").status_code == 404
        monkeypatch.setenv("FLEET_FOLLOW_LINKS", "on")
        assert page.get(f"/tracks/{track_id}/file").data == kept
        outside.write_bytes(b"a secret of somebody")
        assert page.get(f"/tracks/{track_id}/file").status_code == 404
        outside.unlink()
        assert page.get(f"/tracks/{track_id}/file").status_code == 404
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(kept)


def test_an_album_has_a_button_for_each_track_and_a_playlist(page: FlaskClient) -> None:
    album_id = Track.get_by_id(sound()[0]).album_id
    count = Track.select().where(Track.album == album_id).count()
    assert page.get(f"/albums/{album_id}").text.count("data-play=") == count
    playlist = page.get(f"/albums/{album_id}/playlist")
    assert playlist.data.startswith(b"#EXTM3U")
    assert playlist.data.count(b"#EXTINF") == count
    assert "attachment" in playlist.headers["Content-Disposition"]


def test_of_a_part_of_a_file_just_that_is_played_and_listed(page: FlaskClient) -> None:
    track_id, _ = sound()
    here = Track.id == track_id
    Track.update(part=2, start=61.5, duration=2.25).where(here).execute()
    album_id = Track.get_by_id(track_id).album_id
    address = f'data-play="/tracks/{track_id}/file#t=61.500,63.750"'
    assert address in page.get(f"/albums/{album_id}").text
    shown = page.get(f"/tracks/{track_id}").text
    assert address in shown
    assert "Track 2 of its cue sheet, from 1:02 to 1:04" in shown
    said = page.get(f"/tracks/{track_id}.json").json
    assert said
    assert (said["tags"]["part"], said["tags"]["start"]) == (2, 61.5)
    playlist = page.get(f"/albums/{album_id}/playlist").data
    assert b"#EXTVLCOPT:start-time=61.500\n#EXTVLCOPT:stop-time=63.750\n/" in playlist


def test_an_artist_has_a_playlist_of_every_track(page: FlaskClient) -> None:
    credited = TrackArtist.select().where(TrackArtist.track == sound()[0]).first()
    count = TrackArtist.select().where(TrackArtist.artist == credited.artist_id).count()
    playlist = page.get(f"/artists/{credited.artist_id}/playlist").data
    assert playlist.count(b"#EXTINF") == count
