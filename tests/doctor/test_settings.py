"""A setting that a job would fail of is named before one does."""

from pathlib import Path

import pytest

from tests.doctor.complaints import complaint, complaints
from worker.doctor import Severity


@pytest.mark.parametrize(
    ("setting", "value", "says", "remedy"),
    [
        ("FLEET_ALBUM_COVERS", "covr", "'covr' is no source", "write a file name such as cover.*"),
        ("FLEET_ARTIST_IMAGES", "artist.*, artist.*", "stands there twice", "write it once"),
        ("FLEET_PROVIDERS", "deezr", "names 'deezr', which is no provider", "did you mean deezer?"),
        ("FLEET_PROVIDERS", "lastfm", "lastfm, which needs a key", "set FLEET_LASTFM_KEY"),
        ("FLEET_PROVIDERS", "wikidata", "demands a contact", "set FLEET_CONTACT"),
        ("FLEET_CONTACT", "me", "FLEET_CONTACT is 'me'", "write a mail address"),
        ("FLEET_PROVIDER_URLS", "dezer=http://d", "which is no service", "did you mean deezer?"),
        ("FLEET_PROVIDER_PACES", "deezer=1", "FLEET_PROVIDER_URLS does not", "leave it out"),
        ("FLEET_ANALYSIS_SECONDS", "5", "FLEET_ANALYSIS_SECONDS is '5'", "from 60 to 120"),
        ("FLEET_ANALYSIS_HOURS", "night", "FLEET_ANALYSIS_HOURS is 'night'", "22:00-07:00"),
        ("FLEET_ANALYSIS_HOURS", "7-7", "FLEET_ANALYSIS_HOURS is '7-7'", "two times of day"),
        ("FLEET_FILE_NAMES", "Name", "'Name', which has no word", "write one of DISC, TRACK"),
        ("FLEET_TAG_CHARSETS", "klingon", "no character set of tags", "write some of cp1251"),
        ("FLEET_RETRAIN_DAYS", "soon", "FLEET_RETRAIN_DAYS is 'soon'", "write a number"),
        ("FLEET_HIDDEN", "yes", "FLEET_HIDDEN is 'yes'", "write on or off"),
        ("FLEET_TOKEN_LOGIN", "always", "FLEET_TOKEN_LOGIN is 'always'", "write on or off"),
        ("FLEET_FOLLOW_LINKS", "1", "FLEET_FOLLOW_LINKS is '1'", "write on or off"),
        ("FLEET_EXTENSIONS", "mkv, a/b", "names 'a/b', which is no extension", "such as mkv"),
        ("FLEET_EXTENSIONS", "png", "names 'png', which is one of pictures", "leave it out"),
        ("FLEET_BACKUPS", "-1", "FLEET_BACKUPS is '-1'", "how many backups to keep"),
        ("FLEET_FORGET_MISSING_DAYS", "0", "FLEET_FORGET_MISSING_DAYS is '0'", "from 1 on, or"),
        ("FLEET_KEEP_LOGS_DAYS", "all", "FLEET_KEEP_LOGS_DAYS is 'all'", "from 1 on"),
        ("FLEET_WATCH_QUIET", "0", "FLEET_WATCH_QUIET is '0'", "write a number of seconds"),
        ("FLEET_WATCH_MINUTES", "x", "FLEET_WATCH_MINUTES is 'x'", "write a number of minutes"),
        ("FLEET_WATCH", "music", "FLEET_WATCH names 'music'", "absolute paths"),
        ("FLEET_MUSIC_PLACES", "~:music", "names 'music'", "write absolute paths"),
        ("FLEET_IMAGES_URL", "images", "FLEET_IMAGES_URL is 'images'", "absolute path of a folder"),
        ("FLEET_IMAGES_URL", "s4://a/b", "FLEET_IMAGES_URL is 's4://a/b'", "write s3://BUCKET"),
        ("FLEET_WEB", "0.0.0.0:8310", "which others can reach", "set a password"),
        ("FLEET_WEB_TRUSTED_PROXIES", "caddy", "FLEET_WEB_TRUSTED_PROXIES is 'caddy'", "addresses"),
        ("FLEET_WEB_TRUSTED_PROXIES", "10.0.0.1/8", "has host bits set", "such as 127.0.0.1"),
    ],
)
def test_a_setting_with_a_fault_is_named_with_what_to_write(
    prepared: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    value: str,
    says: str,
    remedy: str,
) -> None:
    for name in ("FLEET_LASTFM_KEY", "FLEET_CONTACT", "FLEET_WEB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLEET_WATCH", "on")
    monkeypatch.setenv(setting, value)
    found = complaint("settings")
    assert found.severity is Severity.ERROR
    assert says in found.says
    assert remedy in found.remedy


def test_analysis_that_is_turned_off_is_no_fault(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")
    assert complaints("settings") == []


def test_each_group_of_settings_with_a_fault_is_named(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ALBUM_COVERS", "covr")
    monkeypatch.setenv("FLEET_PROVIDERS", "deezr")
    assert len(complaints("settings")) == 2
