"""The page of the history: charts of samples, as tables and as JSON."""

import json
from datetime import UTC, datetime, timedelta

from click.testing import CliRunner
from flask.testing import FlaskClient

from db.maintenance.fleet_history import Sample, record_sample
from worker.cli.report import history


def test_the_charts_of_a_period_have_words_a_table_and_json(page: FlaskClient) -> None:
    assert "Nothing is known of this time yet" in page.get("/history").text
    now = datetime.now(UTC)
    for hours, tracks in ((30, 4), (2, 1_234)):
        counts = {"scan": [hours, 0, 0, hours]}
        record_sample(
            Sample(counts, {"tracks": tracks}, {"web": 2**25}), now - timedelta(hours=hours)
        )
    text = page.get("/history").text
    assert "scan: 2 at the end, 30 at most jobs." in text
    assert "tracks: 1,234 at the end, 1,234 at most." in text
    assert text.count("As a table") == 4
    assert '<td class="n">1234</td>' in text
    answer = page.get("/history?period=week", headers={"Accept": "application/json"}).json
    assert answer is not None
    assert (answer["version"], answer["period"]) == (1, "week")
    charts = {chart["name"]: chart["series"] for chart in answer["charts"]}
    assert {len(line) for series in charts.values() for line in series.values()} == {84}
    assert charts["library"]["tracks"][-1] == 1_234
    assert charts["memory"]["web"][-1] == 32
    assert page.get("/history?period=year").status_code == 404
    shown = CliRunner().invoke(history, ["--period", "week"], catch_exceptions=False).output
    assert "scan\t2\t30\t" in shown
    assert shown.count("█") >= 3
    said = CliRunner().invoke(history, ["--json"], catch_exceptions=False).output
    assert {each["name"]: each for each in json.loads(said)["charts"]}.keys() == charts.keys()


def test_the_life_of_a_track_album_and_artist_has_a_page_that_theirs_link_to(
    page: FlaskClient,
) -> None:
    for kind in ("track", "album", "artist"):
        address = f"/{kind}s/1/life"
        assert f'href="{address}"' in page.get(f"/{kind}s/1").text
        text = page.get(address).text
        assert "added" in text
        assert "Date not kept" in text
        found = page.get(address, headers={"Accept": "application/json"}).json
        assert found is not None
        assert (found["version"], found["type"], found["id"]) == (1, kind, 1)
        assert {"at", "kind", "text", "job"} == found["events"][0].keys()
        assert page.get(f"/{kind}s/4000/life").status_code == 404
