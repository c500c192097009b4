"""The music of `python -m bench similarity`: pieces below a folder, and versions of each.

Every piece is cut to its middle, and that made into versions with ffmpeg: all of one codec and one
loudness, by which pieces are compared with each other, and others by which one must be found again.
A file beside keeps the features, because a version takes a second.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mutagen

from db.library.audio_features import EXTRACTOR, AnalysedTrack
from db.scanning.library_files import AUDIO_EXTENSIONS
from jobs.audio_analysis.outcomes import analyse

PLAIN, LEVEL = "plain", "level"
"""As it is, and as mp3 of 128 kbit/s at -20 LUFS, at 44.1 kHz."""
COPIES = ("mp3", "opus", "m4a", "-6 dB", "shifted", "elsewhere")
"""The same music otherwise. `shifted` is an excerpt that begins 45 seconds earlier, half its
length, or of a short piece without its first third; `elsewhere` one that has nothing of the first,
or of a short piece its first half."""
_SHORTEST, _CUT, _LEAST_ELSEWHERE, _SHIFT = 20.0, 130.0, 30.0, 45.0
_LUFS = -20.0
_ENCODED = {
    "mp3": (".mp3", ["-c:a", "libmp3lame", "-b:a", "128k"]),
    "opus": (".opus", ["-c:a", "libopus", "-b:a", "96k"]),
    "m4a": (".m4a", ["-c:a", "aac", "-b:a", "128k"]),
    "-6 dB": (".flac", ["-af", "volume=-6dB"]),
}


class Piece(NamedTuple):
    """A piece of music, its tags, and the audio features of each of its versions."""

    path: Path
    artist: str
    """Without a tag the folder stands for it, as for the next two."""
    album: str
    genre: str
    seconds: float
    features: dict[str, dict[str, Any]]
    """Columns of `audio_features` by version."""
    bliss: list[float] | None
    """What bliss makes of the level version; None where it is not installed."""


def pieces(folder: Path, kept: Path) -> list[Piece]:
    """Every piece of 20 seconds or more below the folder.

    `kept` is the file that keeps the features. Left out is what ffmpeg cannot read, or where a
    version cannot be analysed. Raises OSError when ffmpeg is not there.
    """
    found = list(_tagged(folder))
    known = json.loads(kept.read_text()) if kept.exists() else {}
    for number, piece in enumerate(found):
        key = f"{EXTRACTOR} {piece.path.stat().st_size} {piece.path.relative_to(folder)}"
        if key not in known:
            print(f"analysing {number + 1} of {len(found)}: {piece.path.name}", flush=True)
            try:
                known[key] = _analyse(piece)
            except subprocess.CalledProcessError as error:
                print(f"left out, ffmpeg does not read it: {error}", flush=True)
                known[key] = {"features": {}, "bliss": None}
            kept.write_text(json.dumps(known))
        found[number] = piece._replace(**known[key])
    return [piece for piece in found if _has_all(piece)]


def _has_all(piece: Piece) -> bool:
    return {PLAIN, LEVEL, *COPIES} == piece.features.keys()


def _tagged(folder: Path) -> Iterator[Piece]:
    for path in sorted(folder.rglob("*")):
        if path.suffix[1:].lower() not in AUDIO_EXTENSIONS:
            continue
        file = mutagen.File(path, easy=True)
        if file is None or file.info.length < _SHORTEST:
            continue
        tags = file.tags or {}
        place = path.relative_to(folder).parts
        said = [(tags.get(name) or [""])[0] for name in ("artist", "album", "genre")]
        artist, album, genre = said
        yield Piece(
            path,
            artist or place[0],
            album or "/".join(place[:-1]),
            genre or place[0],
            file.info.length,
            {},
            None,
        )


def _analyse(piece: Piece) -> dict[str, Any]:
    """The features of all versions, and those of bliss."""
    with tempfile.TemporaryDirectory(prefix="musicfleet-bench-") as name:
        folder = Path(name)
        versions = _versions(piece, folder)
        level = folder / "level.mp3"
        found = {version: row for version, row in _features(versions) if row is not None}
        return {"features": found, "bliss": _bliss(level) if level.exists() else None}


def _versions(piece: Piece, folder: Path) -> dict[str, Path]:
    begin = max(0.0, (piece.seconds - _CUT) / 2)
    plain = folder / "plain.flac"
    _ffmpeg(piece.path, plain, ["-ac", "2"], begin, _CUT)
    made = {PLAIN: plain}
    for version, (extension, options) in _ENCODED.items():
        made[version] = folder / f"{version.strip('-')}{extension}"
        _ffmpeg(plain, made[version], options)
    made["elsewhere"] = folder / "elsewhere.flac"
    length = min(begin, _CUT) if begin >= _LEAST_ELSEWHERE else min(piece.seconds, _CUT) / 2
    first = begin - length if begin >= _LEAST_ELSEWHERE else 0.0
    _ffmpeg(piece.path, made["elsewhere"], ["-ac", "2"], first, length)
    made["shifted"] = folder / "shifted.flac"
    early = begin - _SHIFT if begin >= _SHIFT else min(piece.seconds, _CUT) / 3
    _ffmpeg(piece.path, made["shifted"], ["-ac", "2"], early, _CUT)
    ((_, features),) = _features({PLAIN: plain})
    if features and features.get("loudness") is not None:
        gain = _LUFS - features["loudness"]
        made[LEVEL] = folder / "level.mp3"
        codec = ["-ar", "44100", *_ENCODED["mp3"][1]]
        _ffmpeg(plain, made[LEVEL], ["-af", f"volume={gain:.2f}dB,alimiter=level=false", *codec])
    return made


def _ffmpeg(
    source: Path, target: Path, options: Sequence[str], begin: float = 0.0, length: float = 3600.0
) -> None:
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-nostdin", "-ss", str(begin), "-t", str(length)),
            *("-i", str(source), "-vn", "-map_metadata", "-1", *options, str(target)),
        ],
        check=True,
    )


def _features(versions: dict[str, Path]) -> Iterable[tuple[str, dict[str, Any] | None]]:
    tracks = [
        AnalysedTrack(0, str(path), None, None, "", missing=False) for path in versions.values()
    ]
    for version, analysis in zip(versions, analyse(tracks), strict=True):
        yield version, analysis.features


def _bliss(path: Path) -> list[float] | None:
    try:
        import bliss_audio  # noqa: PLC0415  # of the extra bench
    except ImportError:
        return None
    return [float(each) for each in bliss_audio.Song(str(path)).analysis]
