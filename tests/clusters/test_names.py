"""Clusters are named by what distinguishes them, each otherwise, and keep their names."""

from collections.abc import Iterator

import pytest

from db.models import EntityType
from db.similarity import clusters
from db.sql.connection import transaction
from jobs import gmm
from tests.clusters.groups import add_tracks, hear, new_model, say, sound
from tests.databases import ON_SQLITE

GENRES = ("Jazz", "Dub", "Folk", "Techno", "Opera")
TAGS = ("dark", "bright", "acoustic", "dance", "focus")


@pytest.fixture(autouse=True)
def tracks(database: str) -> Iterator[None]:
    """Sixty tracks of five groups, of which nothing more is known."""
    with transaction():  # a commit of each row takes most of the time
        add_tracks(60)
        hear(EntityType.TRACK, new_model(), 1, 60)
        yield


def names() -> dict[int, str]:
    """What the cluster of each group is called after a training."""
    gmm.train_model("track")
    found = {each.id: each.name for each in clusters.clusters(EntityType.TRACK)}
    rows = clusters.memberships_of(EntityType.TRACK, range(1, 61))
    return {group: found[rows[group or 5][0].cluster_id] for group in range(5)}


@ON_SQLITE
def test_a_genre_or_tag_of_every_cluster_names_none() -> None:
    for each in range(1, 61):
        say(each, "Rock", GENRES[each % 5])
        sound(each, "loud", TAGS[each % 5])
    assert names() == {n: f"{GENRES[n]}, {TAGS[n]}" for n in range(5)}


def test_genres_go_before_tags_however_telling() -> None:
    for each in range(1, 61):
        say(each, GENRES[each % 5] if each % 2 else "Rock")
        sound(each, TAGS[each % 5])
    assert names() == {n: f"{GENRES[n]}, {TAGS[n]}" for n in range(5)}


@ON_SQLITE
def test_a_genre_counts_however_its_case_is() -> None:
    for each in range(1, 61):
        genre = GENRES[each % 5]
        say(each, genre if each % 4 else genre.upper())
    assert list(names().values()) == list(GENRES)


def test_without_tags_tempo_and_energy_name_it_and_no_two_alike() -> None:
    for each in range(1, 61):
        sound(each, bpm=70 if each % 5 == 0 else 150, energy=0.2 if each % 5 == 0 else 0.8)
    found = names()
    assert found[0] == "slow, calm"
    assert len({name.casefold() for name in found.values()}) == 5
    assert all(found[n].startswith("fast, energetic") for n in range(1, 5))


@ON_SQLITE
def test_a_name_stays_while_it_fits_and_no_longer() -> None:
    for each in range(1, 61):
        say(each, GENRES[each % 5])
    before = names()
    for each in range(5, 61, 5):
        say(each, "Swing", *([GENRES[0]] if each % 2 else []))
    assert names() == before
    for each in range(5, 61, 5):
        say(each, "Swing")
    after = names()
    assert after.pop(0) == "Swing"
    assert after == {n: before[n] for n in range(1, 5)}
