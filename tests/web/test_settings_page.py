"""The page of the settings writes settings.toml, and takes no value with a fault."""

import html
import tomllib
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from db.settings.declarations import PLACES, SETTINGS
from tests.web.conftest import NewPage


@pytest.fixture
def page(new_page: NewPage, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The page of a fleet whose environment sets nothing."""
    for each in SETTINGS:
        if each.group != PLACES:
            monkeypatch.delenv(each.name, raising=False)
    return new_page()


def test_every_setting_is_shown_with_its_meaning_and_a_label(page: FlaskClient) -> None:
    text = html.unescape(page.get("/settings").text)
    for each in SETTINGS:
        if each.in_file:
            assert f'<label for="value-{each.key}">' in text
            assert each.help in text


def test_what_is_saved_stands_in_the_file_and_an_empty_field_takes_it_out(
    page: FlaskClient, data_dir: Path
) -> None:
    file = data_dir / "settings.toml"
    saved = page.post("/settings/watch", data={"value": "on"})
    assert saved.status_code == 303
    assert tomllib.loads(file.read_text()) == {"watch": True}
    shown = page.get("/settings").text
    assert "Restart needed" in shown
    assert 'value="on"' in shown
    page.post("/settings/watch", data={"value": ""})
    assert tomllib.loads(file.read_text()) == {}


def test_a_value_with_a_fault_is_refused_beside_its_field(
    page: FlaskClient, data_dir: Path
) -> None:
    refused = page.post("/settings/providers", data={"value": "deezr"})
    assert refused.status_code == 400
    assert "did you mean deezer?" in refused.text
    assert not (data_dir / "settings.toml").exists()


def test_a_secret_is_written_and_never_shown(page: FlaskClient, data_dir: Path) -> None:
    page.post("/settings/web_password", data={"value": "correct horse"})
    assert "correct horse" in (data_dir / "settings.toml").read_text()
    shown = page.get("/settings").text
    assert "correct horse" not in shown
    assert "set, and not shown" in shown


@pytest.mark.parametrize("key", ["database_url", "data_dir", "nothing"])
def test_where_the_data_is_cannot_be_changed_here(page: FlaskClient, key: str) -> None:
    assert page.post(f"/settings/{key}", data={"value": "x"}).status_code == 404


def test_a_broken_file_is_shown_as_it_is_and_left_alone(page: FlaskClient, data_dir: Path) -> None:
    (data_dir / "settings.toml").write_text("watch = [")
    assert "cannot be read" in page.get("/settings").text
    assert page.post("/settings/watch", data={"value": "on"}).status_code == 404
    assert (data_dir / "settings.toml").read_text() == "watch = ["
