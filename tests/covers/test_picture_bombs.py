"""Bombs: a reason, no more than the memory allowed, and everything else goes on."""

import pytest

from jobs.pictures import store
from tests.covers.apart import examine_apart
from tests.covers.bombs import REFUSED, SHOWN, TOO_LARGE
from tests.covers.library import FRONT, Library, paint

PEAK = 512 * 1024 * 1024


@pytest.mark.usefixtures("data_dir")
def test_bombs_say_why_within_the_memory_allowed() -> None:
    bombs = {name: make() for group in (TOO_LARGE, REFUSED, SHOWN) for name, make in group.items()}
    assert max(map(len, bombs.values())) < store.MAX_PICTURE_BYTES
    digests = {name: store.put(data) for name, data in bombs.items()}
    sound = store.put(paint("red"))
    examined = examine_apart([*digests.values(), sound])
    faults = {name: examined.images[digest].fault for name, digest in digests.items()}
    codes = {name: (fault or "shown").partition(":")[0] for name, fault in faults.items()}
    assert {name: codes[name] for name in TOO_LARGE} == dict.fromkeys(
        TOO_LARGE, "picture-too-large"
    )
    assert {name for name in REFUSED if codes[name] == "shown"} == set()
    assert {name: codes[name] for name in SHOWN} == dict.fromkeys(SHOWN, "shown")
    assert examined.images[sound].fault is None
    assert examined.peak <= PEAK


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_library_of_bombs_shows_what_else_there_is(library: Library) -> None:
    names = ["png 13000 x 13700", "png with a profile", "png with a text", "webp canvas"]
    for name in names:
        bomb = {**TOO_LARGE, **REFUSED}[name]()
        library.track(f"embedded {name}/1.flac", f"embedded {name}", [(FRONT, bomb)])
        library.image(f"embedded {name}/folder.jpg", paint("blue"))
        library.track(f"folder {name}/1.flac", f"folder {name}", [(FRONT, paint("red"))])
        library.image(f"folder {name}/cover.png", bomb)
    library.work()
    for name in names:
        assert library.album_shows(f"embedded {name}") == paint("blue")
        assert library.album_shows(f"folder {name}") == paint("red")
        assert f"embedded {name}/1.flac" in library.problems()
        assert f"folder {name}/cover.png" in library.problems()
    assert len(library.problems()) == 2 * len(names)
