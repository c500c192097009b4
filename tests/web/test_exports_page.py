"""Exports on the page: a dry run first, then the export; it is cancelled and undone there."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from db import settings
from db.models import ExportRun
from db.publishing import export_runs, written_files
from db.publishing.written_files import Kind
from worker import dispatch
from worker.maintenance import exports


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one place where folders may lie."""
    monkeypatch.setenv("FLEET_MUSIC_PLACES", str(tmp_path))
    return tmp_path


def test_an_export_is_begun_listed_and_cancelled(page: FlaskClient, place: Path) -> None:
    form = {"kind": "json", "folder": f"{place}/tables"}
    assert page.post("/exports", data=form).headers["Location"] == "/exports"
    (run,) = export_runs.unfinished()
    assert (run.kind, run.options) == ("json", {"folder": f"{place}/tables"})
    assert dispatch.queue("publish").count == 1
    shown = page.get("/exports/runs").text
    assert f"{place}/tables" in shown
    assert "waiting" in shown
    assert page.post("/exports/cancel", data={"run": run.id}).status_code == 303
    assert ExportRun.get().fault == export_runs.CANCELLED
    assert export_runs.CANCELLED in page.get("/exports").text
    assert page.post("/exports/cancel", data={"run": run.id}).status_code == 303


def test_what_failed_is_shown_with_its_reason(page: FlaskClient) -> None:
    run = export_runs.get(exports.begin(Kind.ART, {}))
    assert run is not None
    failed = export_runs.Outcome(export_runs.End.FAILED, "/music/a.jpg", "<b>the disk is full")
    export_runs.record(run, [1], [failed, failed])
    export_runs.end(run.id)
    shown = page.get("/exports").text
    assert "2 files failed" in shown
    assert "/music/a.jpg</span> and 1 more: &lt;b&gt;the disk is full" in shown


def test_what_was_written_can_be_undone(page: FlaskClient, place: Path) -> None:
    folder = str(place / "tables")
    path = f"{folder}/tracks.csv"
    written_files.begin(path, Kind.CSV, "0" * 64, place=folder, size=1, mtime_ns=1, source="")
    assert f'aria-label="Undo CSV in {folder}"' in page.get("/exports").text
    form = {"kind": "csv", "folder": folder, "undo": "1"}
    assert page.post("/exports", data=form).status_code == 303
    assert [(run.kind, run.undo) for run in export_runs.unfinished()] == [("csv", True)]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"kind": "json", "folder": "/etc"}, "is not in FLEET_MUSIC_PLACES"),
        ({"kind": "json", "folder": ""}, "is not in FLEET_MUSIC_PLACES"),
        ({"kind": "json", "folder": "{place}/../x"}, "is not in FLEET_MUSIC_PLACES"),
        ({"kind": "json", "folder": "{data}/x"}, "is not in FLEET_MUSIC_PLACES"),
        ({"kind": "mirror", "folder": "{place}/m", "pattern": "{{nothing}}"}, "The pattern has"),
        ({"kind": "csv", "folder": "{place}/none", "undo": "1"}, "was not written to"),
    ],
)
def test_what_cannot_be_is_refused_before_it_begins(
    page: FlaskClient,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: dict[str, str],
    says: str,
) -> None:
    data = settings.data_dir()
    monkeypatch.setenv("FLEET_MUSIC_PLACES", f"{place}:{data}")
    sent = {name: text.format(place=place, data=data) for name, text in form.items()}
    for path in ("/exports", "/exports/plan"):
        answer = page.post(path, data=sent)
        assert (answer.status_code, says in answer.text) == (400, True)
    assert export_runs.due() == []


def test_there_is_no_export_of_another_name_or_number(page: FlaskClient) -> None:
    assert page.post("/exports", data={"kind": "passwords"}).status_code == 404
    assert page.post("/exports/plan", data={}).status_code == 404
    for run in ("99", "", "-1", "x", "9" * 30):
        assert page.post("/exports/cancel", data={"run": run}).status_code == 404


def test_no_other_site_exports_anything(page: FlaskClient) -> None:
    stranger = {"Origin": "http://elsewhere"}
    for path in ("/exports", "/exports/plan", "/exports/cancel"):
        form = {"kind": "art", "run": "1"}
        assert page.post(path, data=form, headers=stranger).status_code == 403
    assert export_runs.due() == []


def test_a_dry_run_needs_a_fleet(page: FlaskClient) -> None:
    answer = page.post("/exports/plan", data={"kind": "art"})
    assert (answer.status_code, "The fleet is not up" in answer.text) == (400, True)
