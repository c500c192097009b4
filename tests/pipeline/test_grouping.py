"""Albums are what their tags and folders say, in whatever order the files come."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.batch.album_groups import Grouped, group


def track(path: str, **known: object) -> Grouped:
    """A track of the album "Album" by "Artist" in the folder of its path."""
    plain = Grouped(
        path=path,
        group_folder=path.rpartition("/")[0],
        album_title="Album",
        album_artists=[],
        artists=["Artist"],
        compilation=False,
        release_id=None,
    )
    return replace(plain, **known)  # type: ignore[arg-type]


def albums(tracks: Iterable[Grouped]) -> list[list[str]]:
    """The paths of each album."""
    keys: dict[str | None, list[str]] = {}
    for path, key in sorted(group(tracks).keys.items()):
        keys.setdefault(key, []).append(path)
    return sorted(keys.values())


def artists(tracks: Iterable[Grouped]) -> list[list[str]]:
    return list(group(tracks).artists.values())


def test_one_title_in_one_folder_is_one_album() -> None:
    assert albums([track("/a/1"), track("/a/2")]) == [["/a/1", "/a/2"]]


def test_two_editions_in_two_folders_stay_two_albums() -> None:
    assert len(albums([track("/1990/1"), track("/2010/1")])) == 2


def test_a_release_id_unites_folders_and_parts_a_folder() -> None:
    tracks = [track("/a/1", release_id="x"), track("/b/1", release_id="x")]
    tracks += [track("/a/2", release_id="y")]
    assert albums(tracks) == [["/a/1", "/b/1"], ["/a/2"]]


def test_a_track_without_the_release_id_of_its_siblings_joins_them() -> None:
    assert len(albums([track("/a/1", release_id="x"), track("/a/2")])) == 1


def test_track_artists_do_not_split_an_album() -> None:
    tracks = [track("/a/1"), track("/a/2"), track("/a/3", artists=["Artist", "Guest"])]
    tracks += [track("/a/4", artists=["Guest"])]
    assert len(albums(tracks)) == 1
    assert artists(tracks) == [["Artist"]]


def test_a_track_without_album_artist_takes_its_siblings() -> None:
    tracks = [track("/a/1", album_artists=["Band"]), track("/a/2", artists=["Singer"])]
    assert len(albums(tracks)) == 1
    assert artists(tracks) == [["Band"]]


def test_a_compilation_by_its_flag_is_by_various_artists() -> None:
    tracks = [track("/a/1", compilation=True), track("/a/2", artists=["Other"], compilation=True)]
    assert artists(tracks) == [["Various Artists"]]


def test_a_folder_in_which_no_artist_leads_is_by_various_artists() -> None:
    tracks = [track(f"/a/{number}", artists=[f"Artist {number}"]) for number in range(4)]
    assert len(albums(tracks)) == 1
    assert artists(tracks) == [["Various Artists"]]


def test_equal_titles_by_two_album_artists_in_one_folder_are_two_albums() -> None:
    title = {"album_title": "Greatest Hits"}
    tracks = [
        track("/a/1", album_artists=["A"], **title),
        track("/a/2", album_artists=["B"], **title),
    ]
    assert len(albums(tracks)) == 2


@pytest.mark.parametrize("spelling", ["ALBUM", "album ", "\uff21lbum"])
def test_case_spacing_and_width_do_not_split_an_album(spelling: str) -> None:
    assert len(albums([track("/a/1"), track("/a/2", album_title=spelling)])) == 1


def test_the_date_is_no_part_of_an_album() -> None:
    assert not {"date", "original_date"} & set(Grouped.__dataclass_fields__)


def test_a_track_that_names_no_album_belongs_to_none() -> None:
    assert group([track("/a/1", album_title=None)]).keys == {"/a/1": None}


_TRACKS = st.lists(
    st.builds(
        track,
        st.sampled_from([f"/{folder}/{number}" for folder in "ab" for number in range(5)]),
        album_title=st.sampled_from(["Album", "Other", None]),
        album_artists=st.sampled_from([[], ["A"], ["B"]]),
        artists=st.sampled_from([["A"], ["B"], ["C", "A"], []]),
        compilation=st.booleans(),
        release_id=st.sampled_from([None, "x", "y"]),
    ),
    unique_by=lambda each: each.path,
)


@given(_TRACKS, st.randoms())
def test_the_order_of_files_never_decides(tracks: list[Grouped], random: object) -> None:
    shuffled = tracks[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert group(shuffled) == group(tracks)
