"""Storing embedded pictures: once each, from whichever file carries them."""

from db.models import Cover, EmbeddedPicture, EntityType, Image, Kind, Problem, State
from jobs import covers
from jobs.pictures import store
from tests.covers.library import BACK, BOOKLET, FRONT, OTHER, Library, paint


def picture_state(library: Library, track_id: int) -> str:
    return str(library.ledger(Kind.PICTURE, EntityType.TRACK, track_id).state)


def test_eleven_tracks_with_one_picture_are_one_file(library: Library) -> None:
    picture = paint("red", (400, 300))
    tracks = [library.track(f"A/{n}.flac", "A", [(FRONT, picture)]) for n in range(11)]
    library.work()
    image = Image.get()
    assert (image.digest, image.mime) == (store.digest_of(picture), "image/jpeg")
    assert (image.width, image.height, image.bytes) == (400, 300, len(picture))
    assert image.fault is None
    assert len(library.stored()) == 2  # the original and its thumbnail
    assert store.original(image.digest).read_bytes() == picture
    assert {library.track_shows(track) for track in tracks} == {picture}


def test_one_file_is_opened_for_a_picture_of_many(library: Library) -> None:
    tracks = [library.track(f"{n}.flac", None, [(FRONT, paint("red"))]) for n in range(11)]
    for track in tracks[1:]:
        library.lose(track)
    covers.extract_embedded(tracks)
    assert {picture_state(library, track) for track in tracks} == {State.DONE}


def test_when_the_file_is_gone_another_carrier_is_opened(library: Library) -> None:
    tracks = [library.track(f"{n}.flac", None, [(FRONT, paint("red"))]) for n in range(4)]
    for track in tracks[:3]:
        library.lose(track)
    covers.extract_embedded(tracks[:1])
    assert picture_state(library, tracks[0]) == State.DONE
    assert Image.get().fault is None


def test_all_the_pictures_of_a_file_are_stored(library: Library) -> None:
    pictures = [paint(colour) for colour in ("red", "green", "blue", "white")]
    track = library.track(
        "1.flac", None, list(zip([FRONT, BACK, BOOKLET, OTHER], pictures, strict=True))
    )
    covers.extract_embedded([track])
    assert {image.digest for image in Image.select()} == set(map(store.digest_of, pictures))


def test_a_track_without_pictures_needs_none(library: Library) -> None:
    track = library.track("1.flac")
    covers.extract_embedded([track])
    assert picture_state(library, track) == State.NONE


def test_an_undecodable_picture_keeps_its_bytes_and_says_why(library: Library) -> None:
    broken = paint("red", (300, 300))[:1000]
    track = library.track("1.flac", None, [(FRONT, broken), (BACK, paint("blue"))])
    covers.extract_embedded([track])
    image = Image.get(digest=store.digest_of(broken))
    assert "truncated" in image.fault
    assert (image.width, image.height, image.bytes) == (None, None, len(broken))
    assert store.original(image.digest).read_bytes() == broken
    assert not store.thumbnail(image.digest).exists()
    row = library.ledger(Kind.PICTURE, EntityType.TRACK, track)
    assert (row.state, row.reason) == (State.FAILED, image.fault)
    problem = Problem.get()
    assert (problem.path, problem.stage) == (f"{library.root}/1.flac", "cover")
    assert problem.code == "bad-picture"


def test_a_file_that_changed_since_the_scan_yields_nothing(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    library.write("1.flac", [(FRONT, paint("blue"))])
    covers.extract_embedded([track])
    row = library.ledger(Kind.PICTURE, EntityType.TRACK, track)
    assert row.state == State.FAILED
    assert "scan it again" in row.reason
    assert library.stored() == {}


def test_a_file_that_is_no_audio_any_more_costs_only_its_own_picture(library: Library) -> None:
    bad = library.track("1.flac", None, [(FRONT, paint("red"))])
    good = library.track("2.flac", None, [(FRONT, paint("blue"))])
    library.image("1.flac", b"\0" * 100)
    covers.extract_embedded([bad, good])
    assert (picture_state(library, bad), picture_state(library, good)) == (State.FAILED, State.DONE)
    assert list(library.problems()) == ["1.flac"]


def test_a_picture_above_the_size_limit_is_not_stored(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    EmbeddedPicture.update(bytes=store.MAX_PICTURE_BYTES + 1).execute()
    covers.extract_embedded([track])
    assert library.problems() == {"1.flac": "picture-too-large"}
    assert library.stored() == {}


def test_a_picture_that_failed_is_tried_again_when_asked_for(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    library.work()
    before = library.tables()
    Image.update(fault="too-slow: not done after 20 s", width=None, height=None).execute()
    library.need(track)
    library.work()
    assert library.tables() == before


def test_running_everything_twice_changes_nothing(library: Library) -> None:
    for name, colour in (("A", "red"), ("B", "blue")):
        for number in range(3):
            library.track(f"{name}/{number}.flac", name, [(FRONT, paint(colour))])
    library.track("C/1.flac", "C", [(FRONT, b"broken")])
    library.track("D/1.flac", "D")
    library.image("B/cover.jpg", paint("green"))
    library.image("C/cover.jpg", b"broken too")
    library.work()
    tables, files = library.tables(), library.stored()
    assert {row["state"] for row in tables["LedgerRow"]} == {State.DONE, State.NONE, State.FAILED}
    library.work()
    assert (library.tables(), library.stored()) == (tables, files)
    library.need_everything()
    library.work()
    assert (library.tables(), library.stored()) == (tables, files)


def test_the_order_of_the_jobs_does_not_matter(library: Library) -> None:
    track = library.track("A/1.flac", "A", [(FRONT, b"broken"), (OTHER, paint("red"))])
    album = library.album("A")
    covers.process_album_covers([album])
    covers.process_track_covers_batch([track])
    assert library.album_shows("A") == library.track_shows(track) == paint("red")
    covers.extract_embedded([track])
    assert library.problems() == {"A/1.flac": "bad-picture"}
    assert Cover.select().count() == 2


def test_a_picture_lost_from_the_store_is_stored_again(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red"))])
    library.work()
    tables, files = library.tables(), library.stored()
    digest = store.digest_of(paint("red"))
    for lost in (store.original(digest), store.thumbnail(digest)):
        lost.unlink()
        library.need_everything()
        library.work()
        assert (library.tables(), library.stored()) == (tables, files)
