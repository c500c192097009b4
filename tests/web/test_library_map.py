"""The map of the library, and the pages of its clusters."""

import json
import re

import numpy as np
import pytest
from flask.testing import FlaskClient

from db.library import tracks
from db.models import Artist, EntityType, Track
from db.similarity.library_map import MOST, library_map
from db.sql.connection import transaction
from tests.web.conftest import SCRIPT
from tests.web.similar import give_clusters, give_vectors

TITLES = ("Jóga", "Bachelorette", "Horizon", "Song")


@pytest.fixture
def mapped(page: FlaskClient) -> dict[str, int]:
    """Four tracks in two places, and two clusters."""
    ids = {title: int(Track.get(Track.title == title).id) for title in TITLES}
    rows = ([9, 1, 0], [9, 2, 1], [0, 1, 9], [1, 0, 9])
    give_vectors(dict(zip(ids.values(), rows, strict=True)))
    return ids


def many(count: int) -> list[int]:
    """So many tracks with vectors, and titles as long as titles are."""
    row = {
        "part": 0,
        "folder": "/",
        "group_folder": "/",
        "codec": "flac",
        "container": "flac",
        "size": 0,
    }
    row |= {"mtime_ns": 0, "content_id": "", "missing_since": None}
    rows = [
        row | {"path": f"/{number}", "title": f"A title of usual length {number:05}"}
        for number in range(count)
    ]
    with transaction():
        found = sorted(tracks.upsert(rows).values())
    random = np.random.default_rng(3).normal(size=(count, 8)) * np.linspace(3, 1, 8)
    give_vectors(dict(zip(found, random.tolist(), strict=True)))
    return found


def places(page: FlaskClient) -> dict[str, tuple[int, int]]:
    told = page.get("/map/points").get_json()
    return dict(zip(told["title"], zip(told["x"], told["y"], strict=True), strict=True))


def apart(found: dict[str, tuple[int, int]], one: str, other: str) -> float:
    return float(np.hypot(*np.subtract(found[one], found[other])))


def test_what_is_alike_lies_together(page: FlaskClient, mapped: dict[str, int]) -> None:
    found = places(page)
    assert apart(found, "Jóga", "Bachelorette") < apart(found, "Jóga", "Horizon")
    assert apart(found, "Horizon", "Song") < apart(found, "Song", "Bachelorette")


def test_the_map_is_the_same_by_every_model_that_says_the_same(page: FlaskClient) -> None:
    ids = [each.id for each in Track.select()]
    random = np.random.default_rng(5)
    rows = random.exponential(size=(len(ids), 6)) * [9, 3, 1, 1, 1, 1]
    maps = []
    for _ in range(6):
        turned, _ = np.linalg.qr(random.normal(size=(6, 6)))
        give_vectors(dict(zip(ids, (rows @ turned).tolist(), strict=True)))
        maps.append([(each.x, each.y) for each in library_map().places])
    assert all(np.allclose(each, maps[0], atol=2) for each in maps)


def test_points_have_the_name_and_colour_of_their_cluster(
    page: FlaskClient, mapped: dict[str, int]
) -> None:
    give_clusters({"Icelandic": [mapped["Jóga"], mapped["Bachelorette"]], "Wide": [mapped["Song"]]})
    told = page.get("/map/points").get_json()
    names = [told["clusters"][each]["name"] if each >= 0 else None for each in told["cluster"]]
    of = dict(zip(told["title"], names, strict=True))
    assert of == {"Jóga": "Icelandic", "Bachelorette": "Icelandic", "Song": "Wide", "Horizon": None}
    artists = dict(
        zip(told["title"], (told["artists"][each] for each in told["artist"]), strict=True)
    )
    assert artists["Jóga"] == "Björk"


def test_a_file_that_is_gone_is_not_on_the_map(page: FlaskClient, mapped: dict[str, int]) -> None:
    Track.update(missing_since="2026-01-02").where(Track.title == "Song").execute()
    assert set(places(page)) == {"Jóga", "Bachelorette", "Horizon"}


@pytest.mark.parametrize("rows", [[[1.0]], [[1.0], [-1.0]], [[1.0, 2.0]], [[1.0, 2.0]] * 4])
def test_a_map_of_next_to_nothing_is_drawn(page: FlaskClient, rows: list[list[float]]) -> None:
    ids = [each.id for each in Track.select().limit(len(rows))]
    give_vectors(dict(zip(ids, rows, strict=True)))
    assert len(library_map().places) == len(rows)


def test_a_large_library_is_shown_by_a_light_sample(page: FlaskClient) -> None:
    many(MOST + 900)
    answer = page.get("/map/points")
    told = answer.get_json()
    assert told["tracks"] == MOST + 900
    assert MOST * 0.9 < len(told["id"]) <= MOST
    assert len(answer.data) + len(page.get("/map").data) < 160_000  # with styles and scripts 200


def test_a_sample_changes_little_as_the_library_grows(database: str) -> None:
    ids = many(1000)
    before = {each.track_id for each in library_map(300).places}
    assert 270 < len(before) <= 300
    assert len(before & set(ids[-100:])) > 20
    give_vectors({each: [1.0, each % 7, each % 5] for each in ids[:950]})
    after = {each.track_id for each in library_map(300).places}
    assert len(before & after) > 0.9 * min(len(before), len(after))


def test_the_map_without_a_script_is_a_list_of_clusters(
    page: FlaskClient, mapped: dict[str, int]
) -> None:
    made = give_clusters({"Icelandic": [mapped["Jóga"], mapped["Bachelorette"]]})
    bjork = Artist.get(Artist.name == "Björk").id
    made |= give_clusters({"Singers": [bjork]}, EntityType.ARTIST)
    html = page.get("/map").text
    for name, size in (("Icelandic", 2), ("Singers", 1)):
        link = rf'<a href="/clusters/{made[name]}">{name}</a></span><span class="count">{size} '
        assert re.search(link, html), name
        assert f'href="/clusters/{made[name]}.m3u8"' in html


def test_the_legend_says_what_is_in_no_cluster(page: FlaskClient, mapped: dict[str, int]) -> None:
    assert f'In no cluster</span><span class="count">{len(mapped)}' in page.get("/map").text
    give_clusters({"Icelandic": [mapped["Jóga"], mapped["Bachelorette"]]})
    alone = len(mapped) - 2
    says = f'In no cluster yet: they join one within the hour</span><span class="count">{alone}<'
    assert says in page.get("/map").text


def test_a_cluster_lists_who_is_in_it_and_is_a_playlist(
    page: FlaskClient, mapped: dict[str, int]
) -> None:
    made = give_clusters({"Icelandic: cold/clear": [mapped["Jóga"], mapped["Bachelorette"]]})
    url = f"/clusters/{next(iter(made.values()))}"
    html = page.get(url).text
    assert "2 tracks" in html
    assert all(f'href="/tracks/{mapped[title]}"' in html for title in ("Jóga", "Bachelorette"))
    assert "Horizon" not in html
    answer = page.get(f"{url}.m3u8")
    assert Track.get(Track.title == "Jóga").path in answer.text
    assert "Icelandic cold clear.m3u8" in answer.headers["Content-Disposition"]


def test_a_cluster_of_artists_plays_their_tracks(page: FlaskClient, mapped: dict[str, int]) -> None:
    bjork = Artist.get(Artist.name == "Björk").id
    made = give_clusters({"Singers": [bjork]}, EntityType.ARTIST)
    assert f'href="/artists/{bjork}"' in page.get(f"/clusters/{made['Singers']}").text
    assert "Jóga" in page.get(f"/clusters/{made['Singers']}.m3u8").text


def test_names_on_the_map_are_no_html(page: FlaskClient, mapped: dict[str, int]) -> None:
    hostile = Track.get(Track.title == SCRIPT).id
    made = give_clusters({SCRIPT: [hostile]})
    give_vectors({hostile: [1.0, 0.0], mapped["Song"]: [0.0, 1.0]})
    answer = page.get("/map/points")
    assert answer.mimetype == "application/json"
    assert SCRIPT in json.loads(answer.text)["title"]
    pages = [
        "/map",
        f"/clusters/{made[SCRIPT]}",
        f"/tracks/{hostile}",
        f"/path?from={hostile}&to=Song",
    ]
    for path in pages:
        assert SCRIPT not in page.get(path).text, path
        assert "&lt;script&gt;" in page.get(path).text, path
