"""The page of a track: audio features, or why there are none; similar tracks; paths."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from db.models import Album, AudioFeatures, EntityType, Kind, LedgerRow, Track
from tests.web.similar import give_clusters, give_vectors

HEARD = {
    "bpm": 120.0,
    "bpm_confidence": 0.8,
    "bpm_candidates": [[120.0, 1.0], [60.0, 0.4], [240.0, 0.2]],
    "key": "Am",
    "mode": "minor",
    "camelot": "8A",
    "key_confidence": 0.66,
    "loudness": -11.5,
    "loudness_range": 6.2,
    "dynamic_range": 9.4,
    "energy": 0.91,
    "danceability": 0.72,
    "acousticness": 0.13,
    "instrumentalness": 0.44,
    "valence": 0.58,
    "synthetic_tags": [["energetic", "energy 0.91"], ["dance", "danceability 0.72"]],
}


def track_id(title: str) -> int:
    return int(Track.get(Track.title == title).id)


def hear(title: str, **changes: Any) -> int:
    """Give a track audio features."""
    found = track_id(title)
    AudioFeatures.update(**HEARD | changes).where(AudioFeatures.track == found).execute()
    return found


def settle(title: str, state: str, reason: str | None = None) -> int:
    """Set the state of the analysis of a track without audio features."""
    found = track_id(title)
    AudioFeatures.delete().where(AudioFeatures.track == found).execute()
    mine = (LedgerRow.kind == Kind.ANALYSIS) & (LedgerRow.entity_type == EntityType.TRACK)
    LedgerRow.update(state=state, reason=reason).where(mine, LedgerRow.entity_id == found).execute()
    return found


def alike(html: str) -> list[str]:
    """The titles of the tracks in a list, in order."""
    return re.findall(r'<a href="/tracks/\d+">([^<]+)</a></span>\s+<span class="by">', html)


def fits(html: str) -> set[str]:
    """The places that are marked as compatible on the wheel."""
    return set(re.findall(r'<g class="fits"><path [^>]+><text [^>]+>(\w+)', html))


@pytest.fixture
def near() -> dict[str, int]:
    """Tracks by title: Jóga is near Bachelorette, then Horizon, and far from Song."""
    rows = {"Jóga": [1, 0, 0], "Bachelorette": [9, 1, 0], "Horizon": [5, 5, 0], "Song": [0, 9, 4]}
    ids = {title: track_id(title) for title in rows}
    give_vectors({ids[title]: row for title, row in rows.items()})
    return ids


def test_an_album_leads_to_its_tracks(page: FlaskClient) -> None:
    album = Album.get(Album.title == "Homogenic").id
    assert f'href="/tracks/{track_id("Jóga")}"' in page.get(f"/albums/{album}").text


def test_a_track_without_a_title_is_called_as_its_file(page: FlaskClient) -> None:
    found = track_id("Song")
    Track.update(title=None).where(Track.id == found).execute()
    assert "<h1>1.flac</h1>" in page.get(f"/tracks/{found}").text


def test_every_score_has_a_bar_and_a_number(page: FlaskClient) -> None:
    html = page.get(f"/tracks/{hear('Jóga')}").text
    names = dict(re.findall(r'<span id="(score-\d)">(\w+)</span>', html))
    bars = re.findall(r'<meter min="0" max="1" value="([\d.]+)" aria-labelledby="(score-\d)"', html)
    assert {names[label]: float(value) for value, label in bars} == {
        "Energy": 0.91,
        "Danceability": 0.72,
        "Acousticness": 0.13,
        "Instrumentalness": 0.44,
        "Valence": 0.58,
    }


def test_tempo_stands_beside_its_octaves_and_the_tag(page: FlaskClient) -> None:
    found = hear("Jóga")
    Track.update(bpm=121.5).where(Track.id == found).execute()
    html = page.get(f"/tracks/{found}").text
    for told in ("120.0", "0.80", "60.0", "240.0", "121.5"):
        assert told in html, told


def test_a_tempo_is_corrected_and_what_was_found_stands_beside_it(page: FlaskClient) -> None:
    found = hear("Jóga", rms=0.1, pulse=0.2, onset_rate=3.0, centroid=1500.0)
    Track.update(bpm=60.0).where(Track.id == found).execute()
    assert 'value="60.00" aria-label="Correct the tempo of Jóga' in page.get("/differences").text
    answer = page.post(f"/tracks/{found}/tempo", data={"bpm": "/2"})
    assert (answer.status_code, answer.location) == (303, f"/tracks/{found}#tempo")
    html = page.get(f"/tracks/{found}").text
    assert "<strong>60.0</strong> beats a minute, corrected by its owner" in html
    assert "<dt>Found</dt><dd>120.0 beats a minute</dd>" in html
    assert "No differences" in page.get("/differences").text
    assert page.post(f"/tracks/{found}/tempo", data={"bpm": "quick"}).status_code == 400
    page.post(f"/tracks/{found}/tempo", data={"bpm": ""})
    assert "<strong>120.0</strong> beats a minute</dd>" in page.get(f"/tracks/{found}").text


def test_loudness_and_tags_say_what_they_are_and_come_from(page: FlaskClient) -> None:
    html = page.get(f"/tracks/{hear('Jóga')}").text
    for told in ("-11.5 LUFS", "6.2 LU", "9.4 dB", "energetic", "danceability 0.72"):
        assert told in html, told


@pytest.mark.parametrize(
    ("camelot", "compatible"), [("8A", {"7A", "9A", "8B"}), ("12B", {"11B", "1B", "12A"})]
)
def test_the_wheel_marks_the_key_and_those_that_mix(
    page: FlaskClient, camelot: str, compatible: set[str]
) -> None:
    html = page.get(f"/tracks/{hear('Jóga', camelot=camelot)}").text
    assert re.findall(r'<g class="here"><path [^>]+><text [^>]+>(\w+)', html) == [camelot]
    assert fits(html) == compatible
    assert f"Camelot wheel: {camelot}" in html


def test_silence_has_no_bars_and_no_wheel(page: FlaskClient) -> None:
    nothing = dict.fromkeys(
        ("bpm", "key", "mode", "camelot", "loudness", "loudness_range", "energy", "danceability",
         "acousticness", "instrumentalness", "valence")
    )  # fmt: skip
    html = page.get(f"/tracks/{hear('Jóga', **nothing, bpm_candidates=[])}").text
    assert "No pulse found" in html
    assert "score-1" not in html
    assert '<svg class="wheel"' not in html


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        ("todo", None, "Waits to be analysed"),
        ("leased", None, "Is being analysed"),
        ("failed", "damaged: no frames", "Could not be analysed: damaged: no frames"),
        ("none", "the file is missing", "Was not analysed: the file is missing"),
        ("quarantined", "SIGSEGV", "ended the process: SIGSEGV"),
    ],
)
def test_a_track_without_analysis_says_why(
    page: FlaskClient, state: str, reason: str | None, told: str
) -> None:
    html = page.get(f"/tracks/{settle('Song', state, reason)}").text
    assert told in html
    assert "Audio features" not in html


def test_a_track_that_nobody_asked_for_waits(page: FlaskClient) -> None:
    found = settle("Song", "todo")
    LedgerRow.delete().execute()
    assert "Waits to be analysed" in page.get(f"/tracks/{found}").text


def test_without_a_model_it_is_said_what_is_waited_for(page: FlaskClient) -> None:
    joga, song = track_id("Jóga"), track_id("Song")
    for path in (f"/tracks/{joga}", f"/path?from={joga}&to={song}", "/map"):
        assert "as soon as at least ten of its tracks" in page.get(path).text, path
    assert page.get(f"/tracks/{joga}.m3u8").status_code == 404


def test_the_most_alike_come_first(page: FlaskClient, near: dict[str, int]) -> None:
    html = page.get(f"/tracks/{near['Jóga']}").text
    assert alike(html) == ["Bachelorette", "Horizon", "Song"]


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("album=other", ["Horizon", "Song"]),
        ("bpm=3", ["Bachelorette", "Song"]),
        ("bpm=12", ["Bachelorette", "Horizon", "Song"]),
        ("key=compatible", ["Horizon", "Song"]),
        ("bpm=3&key=compatible&album=other", ["Song"]),
        ("bpm=4&key=x&album=x", ["Bachelorette", "Horizon", "Song"]),
        ("bpm=99999999999999999999&key=%00&album=%ff", ["Bachelorette", "Horizon", "Song"]),
    ],
)
def test_what_is_alike_is_filtered(
    page: FlaskClient, near: dict[str, int], query: str, left: list[str]
) -> None:
    hear("Jóga")
    hear("Bachelorette", camelot="2B")
    hear("Horizon", bpm=131.0)
    hear("Song", bpm=61.0, camelot="8B")
    assert alike(page.get(f"/tracks/{near['Jóga']}?{query}").text) == left


def test_what_a_track_lacks_for_a_filter_is_said(page: FlaskClient, near: dict[str, int]) -> None:
    hear("Jóga", bpm=None)
    html = page.get(f"/tracks/{near['Jóga']}?bpm=3").text
    assert f"Track {near['Jóga']} has no tempo." in html


def test_more_like_it_is_a_playlist(page: FlaskClient, near: dict[str, int]) -> None:
    answer = page.get(f"/tracks/{near['Jóga']}.m3u8?album=other")
    files = [line for line in answer.text.splitlines() if not line.startswith("#")]
    wanted = [Track.get_by_id(near[title]).path for title in ("Jóga", "Horizon", "Song")]
    assert files == wanted
    assert "attachment" in answer.headers["Content-Disposition"]


def test_a_track_names_its_clusters(page: FlaskClient, near: dict[str, int]) -> None:
    made = give_clusters({"Icelandic": [near["Jóga"], near["Bachelorette"]], "Rest": []})
    html = page.get(f"/tracks/{near['Jóga']}").text
    assert f'href="/clusters/{made["Icelandic"]}">Icelandic' in html


def test_a_way_leads_from_one_track_to_the_other(page: FlaskClient, near: dict[str, int]) -> None:
    html = page.get("/path?from=Jóga&to=Nobody - Song&count=5").text
    assert alike(html) == ["Jóga", "Bachelorette", "Horizon", "Song"]
    playlist = page.get("/path.m3u8?from=Jóga&to=Song&count=5").text
    assert [Track.get_by_id(near[each]).path in playlist for each in near] == [True] * 4


def test_a_name_that_fits_several_tracks_is_asked_about(
    page: FlaskClient, near: dict[str, int]
) -> None:
    html = page.get("/path?from=o&to=Song&count=20").text
    assert (
        f'href="/path?from=track:{near["Jóga"]}&amp;to=track:{near["Song"]}&amp;count=20"' in html
    )
    assert "No track is called “zzz”" in page.get("/path?from=zzz&to=Song").text
    assert page.get("/path.m3u8?from=o&to=Song").status_code == 404


def test_no_ends_break_the_way(page: FlaskClient, near: dict[str, int]) -> None:
    for query in (
        "", "from=&to=", "from=x", "from=%00&to=%ff", f"from={'9' * 30}&to=track:{'9' * 10}",
        "from=track:-1&to=track:", "from=Jóga&to=Jóga", "from=%25&to=_&count=-1",
    ):  # fmt: skip
        assert page.get(f"/path?{query}").status_code == 200, query
        assert page.get(f"/path.m3u8?{query}").status_code == 404, query


def test_what_is_not_there_is_no_page(page: FlaskClient) -> None:
    for id_ in ("0", "-1", "99", "2147483648", "9" * 30, "x", "1.5", "%00"):
        for path in ("/tracks/{}", "/tracks/{}.m3u8", "/clusters/{}", "/clusters/{}.m3u8"):
            assert page.get(path.format(id_)).status_code == 404, path.format(id_)
