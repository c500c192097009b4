"""Albums are what their tags and folders say, in whatever order the files come."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.library.albums import title_and_disc
from db.scanning.library_files import group_folder
from jobs.batch.album_groups import group, parts_of
from jobs.batch.parts import Grouped


def track(path: str, **known: object) -> Grouped:
    """A track of the album "Album" by "Artist" in the folder of its path."""
    plain = Grouped(
        path=path,
        group_folder=group_folder(path.rpartition("/")[0]),
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
    for path, key in sorted(group(parts_of(tracks)).keys.items()):
        keys.setdefault(key, []).append(path)
    return sorted(keys.values())


def artists(tracks: Iterable[Grouped]) -> list[list[str]]:
    return [album.artists for album in group(parts_of(tracks)).said.values()]


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
    assert len(albums([track("/a/1", date="1999"), track("/a/2", date="2001-02-03")])) == 1


def test_a_track_that_names_no_album_belongs_to_none() -> None:
    assert group(parts_of([track("/a/1", album_title=None)])).keys == {"/a/1": None}


def discs(*folders: str, tagged: bool = True) -> list[Grouped]:
    """Two tracks in each folder, a disc each."""
    return [
        track(f"/m/{folder}/{number}", track=number, disc=disc if tagged else None)
        for disc, folder in enumerate(folders, 1)
        for number in (1, 2)
    ]


@pytest.mark.parametrize(
    "folders",
    [
        ("Suffix (2001) CD1", "Suffix (2001) CD2"),
        ("Bracket [Disc 1]", "Bracket [Disc 2]"),
        ("Words/Disc One", "Words/Disc Two"),
        ("Inside/Inside CD 01", "Inside/Inside CD 02"),
        ("Bonus", "Bonus/Bonus Disc"),
        ("Digits/1", "Digits/2"),
        ("Sub/CD 1 - First", "Sub/CD 2 - Second"),
        ("Vinyl/Side A", "Vinyl/Side B"),
        ("Box/Disc I", "Box/Disc II", "Box/Disc III"),
    ],
)
def test_discs_are_one_album_however_their_folders_are_named(folders: tuple[str, ...]) -> None:
    for tagged in (True, False):
        assert len(albums(discs(*folders, tagged=tagged))) == 1


def numbered(tracks: Iterable[Grouped]) -> list[int | None]:
    """The disc of each folder's tracks, by path, as grouping says it."""
    found = group(parts_of(tracks)).discs
    return [found[path][0] for path in sorted(found) if path.endswith("/1")]


def test_the_disc_of_a_folder_is_said_of_tracks_that_name_none() -> None:
    assert numbered(discs("Digits/1", "Digits/2", tagged=False)) == [1, 2]
    assert numbered(discs("Bonus", "Bonus/Bonus Disc", tagged=False)) == [2]
    assert numbered(discs("Set CD1", "Set CD2", "Set Bonus CD", tagged=False)) == [3, 1, 2]
    assert numbered(discs("Digits/1", "Digits/2")) == []
    assert numbered(discs("Artist/25", tagged=False)) == [None]


@pytest.mark.parametrize(
    "titles",
    [
        ("Live (Disc 1)", "Live (Disc 2)"),
        ("Live CD1", "Live CD 2"),
        ("Live [CD 1 of 2]", "LIVE [cd 2 of 2]"),
        ("Live, Disc One", "Live, Disc Two"),
        ("Live (Disc 1: Day)", "Live (Disc 2: Night)"),
    ],
)
@pytest.mark.parametrize("folders", [("a", "b"), ("a", "a")])
def test_the_disc_may_be_in_the_title(titles: tuple[str, str], folders: tuple[str, str]) -> None:
    tracks = [
        track(f"/m/{folder}/{disc}{number}", album_title=title, track=number)
        for disc, (title, folder) in enumerate(zip(titles, folders, strict=True), 1)
        for number in (1, 2)
    ]
    assert len(albums(tracks)) == 1
    assert sorted(group(parts_of(tracks)).discs.values()) == [
        (n, "album's title") for n in (1, 1, 2, 2)
    ]


@pytest.mark.parametrize("title", ["Live at CD 101 Studios", "Disc 1", "Compact Disc", "CD 2"])
def test_a_title_may_speak_of_discs(title: str) -> None:
    assert title_and_disc(title) == (title, None)


def test_folders_whose_positions_collide_stay_two_albums() -> None:
    assert len(albums(discs("Album (1990)", "Album (2010)", tagged=False))) == 2
    both = [*discs("1990 CD1", "1990 CD2"), *discs("2010 CD1", "2010 CD2")]
    of_folders = [{path.split("/")[2][:4] for path in album} for album in albums(both)]
    assert of_folders == [{"1990"}, {"2010"}]


@pytest.mark.parametrize(
    "said", [{"compilation": True}, {"album_artists": ["Various"]}, {"release_id": "x"}]
)
def test_a_compilation_over_the_folders_of_its_artists_is_one_album(
    said: dict[str, object],
) -> None:
    spread = [
        track(f"/{name}/Now/{number}", track=number, artists=[name], **said)
        for number, name in enumerate(("Xan", "Yul", "Zoe"), 1)
    ]
    assert len(albums(spread)) == 1
    assert artists(spread)[0][0].startswith("Various")


def test_totals_tell_two_compilations_of_one_title_apart() -> None:
    spread = [
        track(f"/{name}/Now/{number}", track=number, track_total=total, compilation=True)
        for number, (name, total) in enumerate((("Xan", 9), ("Yul", 9), ("Zoe", 20)), 1)
    ]
    assert [len(each) for each in albums(spread)] == [2, 1]


def spread(
    *artists_of: tuple[str, Iterable[int]], title: str = "Hits 1", **said: object
) -> list[Grouped]:
    """Tracks of one title, by artists in folders of their own."""
    return [
        track(f"/m/{name}/{title}/{n}", track=n, artists=[name], album_title=title, **said)
        for name, numbers in artists_of
        for n in numbers
    ]


OWN = [("Dan", range(1, 13)), ("Eve", range(1, 11)), ("Fay", range(1, 3))]


@pytest.mark.parametrize(
    ("pieces", "said", "count"),
    [
        ([("Xan", [1]), ("Yul", [2]), ("Zoe", [3])], {}, 1),
        ([("Xan", [1, 2]), ("Yul", [3]), ("Zoe", [4, 5])], {}, 1),
        ([("Xan", [1, 3, 5]), ("Yul", [2, 4, 6])], {}, 1),
        ([("Xan", [1, 7]), ("Yul", [3, 10]), ("Zoe", [5, 12])], {"track_total": 12}, 1),
        ([("Xan", [1]), ("Yul", [2])], {"track_total": 2}, 1),
        ([("Xan", [1, 7]), ("Yul", [3, 10]), ("Zoe", [12])], {"track_total": 12}, 3),
        ([("Xan", [1]), ("Yul", [2])], {}, 2),
        ([("Xan", range(1, 11)), ("Yul", [11]), ("Zoe", [12])], {}, 3),
        ([("Xan", [1, 5]), ("Yul", [2, 4]), ("Zoe", [9])], {}, 3),
        ([("Xan", [1]), ("Yul", [2]), ("Zoe", [2, 3])], {}, 3),
        (OWN, {}, 3),
        ([("Xan", [1]), ("Yul", [2]), ("Zoe", [3]), *OWN[:2]], {}, 3),
    ],
)
def test_a_compilation_over_its_artists_folders_is_one_when_positions_say_so(
    pieces: list[tuple[str, Iterable[int]]], said: dict[str, object], count: int
) -> None:
    found = spread(*pieces, **said)
    assert len(albums(found)) == count
    assert (["Various Artists"] in artists(found)) is (count < len(pieces))


def test_two_copies_of_a_spread_compilation_are_two_albums() -> None:
    pieces = spread(("Xan", [1]), ("Yul", [2]), ("Zoe", [3]))
    copy = [
        replace(each, path=f"/n{each.path}", group_folder=f"/n{each.group_folder}")
        for each in pieces
    ]
    assert [len(each) for each in albums([*pieces, *copy])] == [3, 3]


GUESTS = (
    "",
    " feat. Ann",
    " feat. Bob",
    "",
    " ft. Cid",
    " (feat. Dan)",
    " featuring Eve",
    " & Fay",
)


@pytest.mark.parametrize(
    ("credits", "expected"),
    [
        ([f"Host{guest}" for guest in GUESTS], "Host"),
        (["Host & Ann", "Host x Bob", "Host vs. Cid", "Host with Dan"], "Host"),
        (["Simon & Garfunkel", "Simon & Garfunkel", "Simon"], "Simon & Garfunkel"),
        (["Earth, Wind & Fire"] * 3, "Earth, Wind & Fire"),
        (["Xan feat. Ann", "Yul & Zoe", "Zoe"], "Various Artists"),
    ],
)
def test_whoever_has_guests_is_the_album_artist(credits: list[str], expected: str) -> None:
    tracks = [
        track(f"/a/{number}", artists=[credit], track=number)
        for number, credit in enumerate(credits, 1)
    ]
    assert artists(tracks) == [[expected]]


def test_a_guest_beside_the_album_artist_makes_no_album_of_its_own() -> None:
    names = ("Host", "Host", "Host feat. Ann", "Host & Bob")
    tracks = [track(f"/a/{n}", album_artists=[name], track=n) for n, name in enumerate(names)]
    assert len(albums(tracks)) == 1


def test_album_artists_with_guests_are_the_one_whom_all_name() -> None:
    guests = (["Host feat. Ann"], ["Host ft. Bob"], ["Host", "Cid"], ["Host & Dan"])
    tracks = [track(f"/a/{n}", album_artists=names, track=n) for n, names in enumerate(guests)]
    assert artists(tracks) == [["Host"]]
    twice = [track(f"/a/{n}x", album_artists=["Host", n], track=1) for n in ("Ann", "Bob")]
    assert artists(twice) == [["Host", "Ann"], ["Host", "Bob"]]


@pytest.mark.parametrize("of_album", [False, True])
def test_an_artist_is_one_of_an_id_however_a_folder_writes_the_name(of_album: bool) -> None:
    """Also where some of the files give no id. What ids contradict is left as it is."""
    written = [("Чайков", "x"), ("Tchaikov", "x"), ("Чайков", "x"), ("Tchaikov", None)]
    written += [("Чайков feat. Ann", "x"), ("Tchaikov & Bob", None)]
    names, ids = ("album_artists", "album_artist_ids") if of_album else ("artists", "artist_ids")
    tracks = [
        track(f"/a/{n}", track=n, **{names: [name], ids: [mbid] if mbid else []})
        for n, (name, mbid) in enumerate(written)
    ]
    assert artists(tracks) == [["Чайков"]]
    namesakes = [(["Jon", "Ann"], ["y", "z"]), (["Jon", "Bob"], ["z", "y"])]
    two = [track(f"/a/{n}", artists=n, artist_ids=i) for n, i in namesakes]
    assert artists(two) == [["Jon"]]


@pytest.mark.parametrize("mbid", ["x", "89ad4ac3-39f7-470e-963a-56509c546377"])
def test_an_id_that_a_tagger_wrote_at_several_artists_makes_them_no_one_artist(mbid: str) -> None:
    tracks = [track(f"/a/{n}", artists=[n], artist_ids=[mbid]) for n in ("Xan", "Yul", "Zoe")]
    assert artists(tracks) == [["Various Artists"]]


def record(name: str, *numbers: int, **said: object) -> list[Grouped]:
    return [track(f"/a/{name}{n}", track=n, **{"artists": [name], **said}) for n in numbers]


def test_two_records_of_one_title_in_one_folder_are_two_albums() -> None:
    assert artists([*record("Quartet", 1, 2, 3), *record("Duo", 1, 2, 3)]) == [["Duo"], ["Quartet"]]
    sampler = [*record("Xan", 1), *record("Yul", 2), *record("Zoe", 3)]
    assert artists(sampler) == [["Various Artists"]]
    assert artists([*record("Quartet", 1, 2, 3), *sampler]) == [["Quartet"], ["Various Artists"]]


def test_two_records_of_one_title_and_artist_in_one_folder_are_told_apart_by_their_years() -> None:
    old, new = record("old", 1, 2, 3, date="1980"), record("new", 1, 2, 3, date="1999-05")
    both = [replace(each, artists=["Artist"]) for each in (*old, *new)]
    assert editions(both) == ["1980", "1999"]
    of_many_years = [replace(each, date=str(1980 + n)) for n, each in enumerate(both)]
    assert editions(of_many_years) == [None]


@pytest.mark.parametrize(
    ("lacking", "albums_found"),
    [
        ({"track": 3}, 1),
        ({"track": 3, "album_title": "A folder's name"}, 1),
        ({"track": 2}, 2),  # that number is taken
        ({"track": 9}, 2),  # and that is beyond the last
        ({}, 2),
        ({"track": 3, "artists": ["Somebody else"]}, 2),
    ],
)
def test_a_track_that_names_no_album_is_of_the_one_whose_number_it_has(
    lacking: dict[str, object], albums_found: int
) -> None:
    others = [track(f"/a/{n}", track=n, track_total=4) for n in (1, 2, 4)]
    odd = {"album_title": None, "is_album_guessed": "album_title" in lacking, **lacking}
    assert len(albums([*others, track("/a/3", **odd)])) == albums_found


def test_a_guest_with_a_number_that_is_taken_stays_on_the_album() -> None:
    assert len(albums([*record("Host", *range(1, 9)), *record("Guest", 5)])) == 1


def editions(tracks: Iterable[Grouped]) -> list[str | None]:
    found = group(parts_of(tracks)).said.values()
    assert len({album.release for album in found}) == 1
    return [album.edition for album in found]


HIGH, LOW = {"bit_depth": 24, "sample_rate": 96_000}, {"bit_depth": 16, "sample_rate": 44_100}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("/m/X [a]", {"codec": "flac"}), ("/m/X [b]", {"codec": "mp3"}), ["FLAC", "MP3"]),
        (("/m/X", {"codec": "flac"}), ("/m/X", {"codec": "mp3"}), ["FLAC", "MP3"]),
        (
            ("/m/X", {"codec": "flac", **HIGH}),
            ("/m/Y", {"codec": "flac", **LOW}),
            ["FLAC 24-96", "FLAC 16-44.1"],
        ),
        (("/m/X", {}), ("/m/X (Deluxe Edition)", {}), [None, "Deluxe Edition"]),
        (("/m/X", {"date": "1990-01-01"}), ("/m/Y", {"date": "2010"}), ["1990", "2010"]),
        (("/m/X", {}), ("/backup/Y", {}), ["Y", "X"]),
        (("/m/X", {}), ("/backup/X", {}), ["1", "2"]),
        (
            ("/m/X", {"codec": "flac", "release_id": "x"}),
            ("/m/Y", {"codec": "mp3", "release_id": "x"}),
            ["FLAC", "MP3"],
        ),
    ],
)
def test_one_release_twice_is_two_editions_that_are_told_apart(
    first: tuple[str, dict[str, object]],
    second: tuple[str, dict[str, object]],
    expected: list[str | None],
) -> None:
    tracks = [
        track(f"{folder}/{number}.{said.get('codec')}", track=number, **said)
        for folder, said in (first, second)
        for number in (1, 2, 3)
    ]
    assert editions(tracks) == expected
    assert sorted(map(len, albums(tracks))) == [3, 3]


def test_a_folder_without_the_release_id_of_another_is_of_that_release() -> None:
    """Unless there are several ids; as an edition, or as a disc when the positions fit."""
    flac = record("flac/", 1, 2, 3, artists=["A"], codec="flac", release_id="x")
    mp3 = record("mp3/", 1, 2, 3, artists=["A"], codec="mp3")
    assert editions([*flac, *mp3]) == ["FLAC", "MP3"]
    cds = discs("X CD1", "X CD2")
    assert len(albums([*(replace(each, release_id="x") for each in cds[:2]), *cds[2:]])) == 1
    other = record("other/", 1, 2, 3, artists=["A"], codec="ogg", release_id="y")
    said = group(parts_of([*flac, *other, *mp3])).said.values()
    assert len({album.release for album in said}) == 3
    assert (
        len({each.release for each in group(parts_of([*flac, *record("B", 1)])).said.values()}) == 2
    )


def test_a_few_files_of_another_format_make_no_edition() -> None:
    tracks = [*record("Host", *range(1, 9), codec="flac"), *record("Host", 9, codec="mp3")]
    assert editions([*tracks, track("/a/copy", artists=["Host"], track=3, codec="mp3")]) == [None]


def rows(tracks: Iterable[Grouped]) -> dict[str, int | None]:
    """The row that each album keeps, by the last line of its key: title and artist here."""
    said = group(parts_of(tracks)).said.values()
    return {"/".join(album.key.split("\n")[1:]): album.row for album in said}


def test_an_album_keeps_the_row_that_most_of_its_tracks_are_in() -> None:
    tracks = [*record("A", 1, 2, 3, album_id=7), *record("B", 4, album_id=8)]
    tracks += record("C", 1, 2, album_title="Other", album_id=7)
    assert rows(tracks) == {"album/a": 7, "other/c": None}


def test_a_row_of_whose_tracks_some_stay_stays_with_these() -> None:
    known = {"album_id": 7, "album_key": "/a\nalbum\na"}
    tracks = [*record("A", 1, **known), *record("A", 2, 3, album_title="Else", **known)]
    assert rows(tracks) == {"album/a": 7, "else/a": None}


_TRACKS = st.lists(
    st.builds(
        track,
        st.sampled_from([f"/{folder}/{number}" for folder in "ab" for number in range(5)]),
        album_title=st.sampled_from(["Album", "Other", None]),
        album_artists=st.sampled_from([[], ["A"], ["B"]]),
        artists=st.sampled_from([["A"], ["B"], ["C", "A"], []]),
        compilation=st.booleans(),
        release_id=st.sampled_from([None, "x", "y"]),
        track=st.sampled_from([None, 1, 2, 3]),
        codec=st.sampled_from(["flac", "mp3"]),
        album_id=st.sampled_from([None, 1, 2]),
    ),
    unique_by=lambda each: each.path,
)


@given(_TRACKS, st.randoms())
def test_the_order_of_files_never_decides(tracks: list[Grouped], random: object) -> None:
    shuffled = tracks[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert group(parts_of(shuffled)) == group(parts_of(tracks))
