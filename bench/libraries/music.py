"""Libraries to measure on: any number of tracks from a seed, with all that can be counted known.

    python -m bench music DIR [--tracks N] [--seed N] [--small]

Albums of 4 to 16 tracks by artists with one to six of them, as mp3, flac, ogg or opus; some are
compilations, some have a folder a disc. Pictures are embedded in 62 % of the albums, beside the
music in 18 %, both in 10 %. No two albums have the same title, so whoever groups by titles counts
as many as whoever knows better. Every track of a format has the same sound, for what is measured is
what is around it: tags and pictures. The same seed makes the same library, byte by byte, with the
same versions of NumPy, libsndfile and Pillow.

Exit code 0: it is there, and printed is what it holds.
"""

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

import mutagen
import numpy as np
from mutagen.id3 import TIT2
from PIL import Image

from bench.command import PASSED, UnusableRunError, parser
from demo import files, sounds

_MANIFEST = "library.json"
_FORMATS = {"mp3": 0.6, "flac": 0.28, "ogg": 0.06, "opus": 0.06}
_PICTURED = {"embedded": 0.62, "beside": 0.18, "both": 0.1, "none": 0.1}
_NAMES = ("cover.jpg", "folder.jpg", "front.jpg")
_COMPILATIONS, _DISCS, _WITH_IDS = 0.08, 0.05, 0.6
_GENRES = ("Rock", "Jazz", "Ambient", "Folk", "Classical", "Metal", "Soul", "Techno", "Blues")
_FIRST = "Quiet Burning Silver Hollow Northern Distant Wild Static Copper Velvet Electric Falling"
_LAST = "River Harbour Signal Winter Garden Engine Mirror Lantern Orbit Stone Echo Morning Ocean"
_SYLLABLES = [
    "ba",
    "be",
    "da",
    "di",
    "fa",
    "go",
    "ha",
    "ka",
    "ki",
    "lo",
    "ma",
    "mi",
    "na",
    "ne",
    "po",
    "ra",
    "re",
    "sa",
    "so",
    "ta",
    "te",
    "va",
    "vi",
    "wa",
    "za",
]


class Form(NamedTuple):
    """How large pictures and sounds are: this is what a library's size on disk depends on."""

    sides: tuple[int, int]
    """The smallest and the largest picture, in pixels."""
    seconds: float


USUAL = Form((600, 1400), 1.5)
SMALL = Form((64, 96), 0.1)
"""For as many tracks as fit on a disk."""


@dataclass(frozen=True)
class Library:
    """A library on disk, and what whoever scans it must find."""

    music: Path
    tracks: int
    albums: int
    covers: int
    """Albums that have a picture."""
    pictures: int
    """Different pictures, beside the music and embedded."""


class _Album(NamedTuple):
    number: int
    artist: str
    title: str
    suffix: str
    tracks: int
    pictured: str
    compilation: bool
    discs: int
    has_ids: bool
    date: str
    genre: str
    seed: int

    @property
    def folder(self) -> str:
        return f"{self.artist}/{self.date[:4]} {self.title}"


def make(folder: Path, tracks: int, seed: int = 1, form: Form = USUAL) -> Library:
    """The library of these arguments in `folder`, made unless it is there already.

    Raises UnusableRunError when something else is there.
    """
    asked = {"tracks": tracks, "seed": seed, "form": [list(form.sides), form.seconds]}
    manifest = folder / _MANIFEST
    if manifest.exists():
        if json.loads(manifest.read_text())["asked"] != asked:
            raise UnusableRunError(f"{folder} holds another library — name another folder")
        return open_library(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UnusableRunError(f"{folder} holds something else — name an empty folder")
    folder = folder.absolute()
    albums = list(_albums(tracks, random.Random(seed)))  # noqa: S311  # no secret
    with ProcessPoolExecutor() as processes:
        list(processes.map(partial(_write, folder / "music", form), albums, chunksize=4))
    pictured = [each for each in albums if each.pictured != "none"]
    library = Library(
        music=folder / "music",
        tracks=sum(each.tracks for each in albums),
        albums=len(albums),
        covers=len(pictured),
        pictures=len(pictured) + sum(each.pictured == "both" for each in pictured),
    )
    found = asdict(library) | {"music": "music"}
    manifest.write_text(json.dumps({"asked": asked, "library": found}, indent=1))
    return library


def open_library(folder: Path) -> Library:
    """The library that `make` has made in this folder. Raises UnusableRunError."""
    try:
        found = json.loads((folder / _MANIFEST).read_text())["library"]
        return Library(**found | {"music": folder.absolute() / "music"})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableRunError(
            f"{folder} holds no library of a bench ({error}) — make one: "
            f"`python -m bench music {folder}`"
        ) from error


def copied(library: Library, folder: Path) -> Library:
    """A copy whose files may be changed; its pictures and sounds are not copied where links do."""
    shutil.copytree(library.music, folder / "music")
    return Library(**asdict(library) | {"music": folder / "music"})


def retag(library: Library, share: float, seed: int = 1) -> list[Path]:
    """Give this share of the tracks, one at least, another title; the files that were changed."""
    paths = sorted(each for each in library.music.rglob("*") if each.suffix[1:] in _FORMATS)
    chosen = random.Random(seed).sample(paths, max(1, round(share * len(paths))))  # noqa: S311  # no secret
    for path in chosen:
        file = mutagen.File(path)
        title = f"Changed {seed}"
        if path.suffix == ".mp3":
            file.tags.setall("TIT2", [TIT2(encoding=3, text=[title])])
        else:
            file["title"] = [title]
        file.save()
    return chosen


def drawn(number: int, side: int, *, quality: int = 90, progressive: bool = False) -> bytes:
    """A cover as a JPEG: soft colours, texture, sharp bars as of letters, and a little grain."""
    draw = np.random.default_rng(number)
    pixels = 0.7 * _noise(draw, 8, side) + 0.25 * _noise(draw, max(8, side // 8), side)
    for _ in range(60):
        left, top = draw.integers(0, side, 2)
        width, height = draw.integers(4, max(5, side // 8), 2)
        pixels[top : top + height, left : left + width] = draw.integers(0, 255, 3)
    pixels += np.roll(_grain()[:side, :side], int(draw.integers(side)), axis=1)
    buffer = BytesIO()
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    image.save(buffer, "JPEG", quality=quality, progressive=progressive)
    return buffer.getvalue()


def _noise(
    draw: np.random.Generator, cells: int, side: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """Smooth noise of so many cells a side, 0 to 255."""
    small = draw.integers(0, 255, (cells, cells, 3), dtype=np.uint8)
    large = Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32)


@cache
def _grain() -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """What film leaves on a picture; drawn once, because that takes longer than all the rest."""
    side = USUAL.sides[1]
    return np.random.default_rng(0).normal(0, 3, (side, side, 3)).astype(np.float32)


def _albums(tracks: int, chance: random.Random) -> Iterator[_Album]:
    """Albums until there are so many tracks; the last one has what is left."""
    left, number, artist, more = tracks, 0, "", 0
    while left > 0:
        if not more:
            artist, more = _name(chance), chance.choice((1, 1, 1, 2, 2, 3, 4, 6))
        more -= 1
        number += 1
        count = min(left, chance.randint(4, 16))
        left -= count
        compilation = chance.random() < _COMPILATIONS
        yield _Album(
            number=number,
            artist="Various Artists" if compilation else artist,
            title=f"{chance.choice(_FIRST.split())} {chance.choice(_LAST.split())} {number}",
            suffix=_drawn_of(_FORMATS, chance),
            tracks=count,
            pictured=_drawn_of(_PICTURED, chance),
            compilation=compilation,
            discs=2 if count > 3 and chance.random() < _DISCS else 1,
            has_ids=chance.random() < _WITH_IDS,
            date=f"{chance.randint(1960, 2025)}-{chance.randint(1, 12):02d}-01",
            genre=chance.choice(_GENRES),
            seed=chance.getrandbits(32),
        )


def _name(chance: random.Random) -> str:
    words = ("".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(2))
    return " ".join(word.title() for word in words)


def _drawn_of(shares: dict[str, float], chance: random.Random) -> str:
    return chance.choices(list(shares), list(shares.values()))[0]


def _write(music: Path, form: Form, album: _Album) -> None:
    """The folder of an album."""
    chance = random.Random(album.seed)  # noqa: S311  # no secret
    folder = music / album.folder
    folder.mkdir(parents=True)
    embedded: Sequence[bytes] = ()
    if album.pictured in {"embedded", "both"}:
        embedded = [drawn(2 * album.number, chance.randint(*form.sides))]
    if album.pictured in {"beside", "both"}:
        picture = drawn(2 * album.number + 1, chance.randint(*form.sides))
        (folder / chance.choice(_NAMES)).write_bytes(picture)
    for index in range(album.tracks):
        disc, number = divmod(index, -(-album.tracks // album.discs))
        place = folder / f"CD{disc + 1}" if album.discs > 1 else folder
        place.mkdir(exist_ok=True)
        title = f"{chance.choice(_FIRST.split())} {chance.choice(_LAST.split())}"
        path = place / f"{number + 1:02d} {title}.{album.suffix}"
        path.write_bytes(_sound(album.suffix, form.seconds))
        artist = _name(chance) if album.compilation else album.artist
        files.tag(path, _tags(album, disc + 1, number + 1, title, artist), embedded)


def _tags(album: _Album, disc: int, number: int, title: str, artist: str) -> dict[str, list[str]]:
    tags = {
        "title": [title],
        "artist": [artist],
        "album": [album.title],
        "albumartist": [album.artist],
        "tracknumber": [str(number)],
        "discnumber": [str(disc)],
        "date": [album.date],
        "genre": [album.genre],
    }
    if album.compilation:
        tags["compilation"] = ["1"]
    if album.has_ids:
        tags["musicbrainz_albumid"] = [_id("release", album.number)]
        tags["musicbrainz_trackid"] = [_id("recording", album.number, disc, number)]
        tags["musicbrainz_artistid"] = [_id("artist", artist)]
        tags["musicbrainz_albumartistid"] = [_id("artist", album.artist)]
    return tags


def _id(*parts: object) -> str:
    """An id of the shape of MusicBrainz's, of a version that it gives to nothing."""
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, ("musicfleet-bench", *parts)))))


@cache
def _sound(suffix: str, seconds: float) -> bytes:
    return files.encoded(sounds.tone(440, seconds, files.RATE, partials=3), suffix)


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("music", __doc__)
    options.add_argument("folder", type=Path, metavar="DIR")
    options.add_argument("--tracks", type=int, default=10_000, help="how many (%(default)s)")
    options.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    options.add_argument("--small", action="store_true", help="small pictures, short sounds")
    asked = options.parse_args(arguments)
    library = make(asked.folder, asked.tracks, asked.seed, SMALL if asked.small else USUAL)
    print(
        f"{library.music}: {library.tracks:,} tracks, {library.albums:,} albums, of which "
        f"{library.covers:,} have a picture; {library.pictures:,} pictures"
    )
    return PASSED
