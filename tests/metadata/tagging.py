"""One full set of tags, written to each family by mutagen under the names that Picard uses."""

import io
from collections.abc import Callable
from typing import Any

from mutagen import id3 as frames
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.mp4 import MP4, MP4FreeForm

from jobs.tags import Tags

UUIDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(1, 9)]

TAGS = Tags(
    title="Jóga / state of (emergency)",
    artists=["AC/DC", "2Pac"],
    album="R.E.M.: live?",
    album_artists=["Various Artists"],
    track=3,
    track_total=11,
    disc=1,
    disc_total=2,
    date="1997-09-22",
    original_date="1996-05",
    genres=["Trip-Hop", "my own genre"],
    composers=["Björk", "Sjón"],
    moods=["Calm"],
    bpm=95.0,
    key="F#m",
    replaygain_track_gain=-7.23,
    replaygain_track_peak=0.987,
    replaygain_album_gain=-6.5,
    replaygain_album_peak=1.002,
    compilation=True,
    musicbrainz_recording_id=UUIDS[0],
    musicbrainz_track_id=UUIDS[1],
    musicbrainz_release_id=UUIDS[2],
    musicbrainz_release_group_id=UUIDS[3],
    musicbrainz_artist_ids=UUIDS[4:6],
    musicbrainz_album_artist_ids=[UUIDS[6]],
    acoustid=UUIDS[7],
    isrcs=["GBAYE9700123"],
    catalogue_numbers=["TPLP71CD"],
    labels=["One Little Indian"],
    title_sort="Joga",
    artist_sorts=["ACDC", "Pac, 2"],
    album_sort="REM live",
    album_artist_sorts=["Artists, Various"],
    has_lyrics=True,
)
"""What every family must give back, disc subtitle aside, which not every family has."""

VORBIS = {
    "TITLE": [TAGS.title],
    "ARTIST": TAGS.artists,
    "ALBUM": [TAGS.album],
    "ALBUMARTIST": TAGS.album_artists,
    "TRACKNUMBER": ["03"],
    "TRACKTOTAL": ["11"],
    "DISCNUMBER": ["1"],
    "DISCTOTAL": ["2"],
    "DATE": [TAGS.date],
    "ORIGINALDATE": [TAGS.original_date],
    "GENRE": TAGS.genres,
    "COMPOSER": TAGS.composers,
    "MOOD": TAGS.moods,
    "BPM": ["95"],
    "KEY": [TAGS.key],
    "REPLAYGAIN_TRACK_GAIN": ["-7.23 dB"],
    "REPLAYGAIN_TRACK_PEAK": ["0.987000"],
    "REPLAYGAIN_ALBUM_GAIN": ["-6.50 dB"],
    "REPLAYGAIN_ALBUM_PEAK": ["1.002000"],
    "COMPILATION": ["1"],
    "MUSICBRAINZ_TRACKID": [UUIDS[0]],
    "MUSICBRAINZ_RELEASETRACKID": [UUIDS[1]],
    "MUSICBRAINZ_ALBUMID": [UUIDS[2]],
    "MUSICBRAINZ_RELEASEGROUPID": [UUIDS[3]],
    "MUSICBRAINZ_ARTISTID": UUIDS[4:6],
    "MUSICBRAINZ_ALBUMARTISTID": [UUIDS[6]],
    "ACOUSTID_ID": [UUIDS[7]],
    "ISRC": TAGS.isrcs,
    "CATALOGNUMBER": TAGS.catalogue_numbers,
    "LABEL": TAGS.labels,
    "TITLESORT": [TAGS.title_sort],
    "ARTISTSORT": TAGS.artist_sorts,
    "ALBUMSORT": [TAGS.album_sort],
    "ALBUMARTISTSORT": TAGS.album_artist_sorts,
    "LYRICS": ["la la"],
}
_APE = {
    name: values
    for name, values in VORBIS.items()
    if name not in {"TRACKNUMBER", "TRACKTOTAL", "DISCNUMBER", "DISCTOTAL", "DATE"}
}
_APE |= {
    "Track": ["3/11"],
    "Disc": ["1/2"],
    "Year": [TAGS.date],
    "Album Artist": TAGS.album_artists,
}
del _APE["ALBUMARTIST"]

_TEXT_FRAMES = {
    "TIT2": "TITLE",
    "TPE1": "ARTIST",
    "TALB": "ALBUM",
    "TPE2": "ALBUMARTIST",
    "TDRC": "DATE",
    "TDOR": "ORIGINALDATE",
    "TCON": "GENRE",
    "TCOM": "COMPOSER",
    "TMOO": "MOOD",
    "TBPM": "BPM",
    "TKEY": "KEY",
    "TCMP": "COMPILATION",
    "TSRC": "ISRC",
    "TPUB": "LABEL",
    "TSOT": "TITLESORT",
    "TSOP": "ARTISTSORT",
    "TSOA": "ALBUMSORT",
    "TSO2": "ALBUMARTISTSORT",
}
_DESCRIPTIONS = {
    "REPLAYGAIN_TRACK_GAIN": "REPLAYGAIN_TRACK_GAIN",
    "REPLAYGAIN_TRACK_PEAK": "REPLAYGAIN_TRACK_PEAK",
    "REPLAYGAIN_ALBUM_GAIN": "REPLAYGAIN_ALBUM_GAIN",
    "REPLAYGAIN_ALBUM_PEAK": "REPLAYGAIN_ALBUM_PEAK",
    "MUSICBRAINZ_RELEASETRACKID": "MusicBrainz Release Track Id",
    "MUSICBRAINZ_ALBUMID": "MusicBrainz Album Id",
    "MUSICBRAINZ_RELEASEGROUPID": "MusicBrainz Release Group Id",
    "MUSICBRAINZ_ARTISTID": "MusicBrainz Artist Id",
    "MUSICBRAINZ_ALBUMARTISTID": "MusicBrainz Album Artist Id",
    "ACOUSTID_ID": "Acoustid Id",
    "CATALOGNUMBER": "CATALOGNUMBER",
}
_ATOMS = {
    "\xa9nam": "TITLE",
    "\xa9ART": "ARTIST",
    "\xa9alb": "ALBUM",
    "aART": "ALBUMARTIST",
    "\xa9day": "DATE",
    "\xa9gen": "GENRE",
    "\xa9wrt": "COMPOSER",
    "sonm": "TITLESORT",
    "soar": "ARTISTSORT",
    "soal": "ALBUMSORT",
    "soaa": "ALBUMARTISTSORT",
    "\xa9lyr": "LYRICS",
}
_FREE_FORM = {
    **_DESCRIPTIONS,
    "MUSICBRAINZ_TRACKID": "MusicBrainz Track Id",
    "ORIGINALDATE": "originaldate",
    "MOOD": "MOOD",
    "KEY": "initialkey",
    "ISRC": "ISRC",
    "LABEL": "LABEL",
}
_ATTRIBUTES = {
    "Title": "TITLE",
    "Author": "ARTIST",
    "WM/AlbumTitle": "ALBUM",
    "WM/AlbumArtist": "ALBUMARTIST",
    "WM/Year": "DATE",
    "WM/OriginalReleaseTime": "ORIGINALDATE",
    "WM/Genre": "GENRE",
    "WM/Composer": "COMPOSER",
    "WM/Mood": "MOOD",
    "WM/BeatsPerMinute": "BPM",
    "WM/InitialKey": "KEY",
    "REPLAYGAIN_TRACK_GAIN": "REPLAYGAIN_TRACK_GAIN",
    "REPLAYGAIN_TRACK_PEAK": "REPLAYGAIN_TRACK_PEAK",
    "REPLAYGAIN_ALBUM_GAIN": "REPLAYGAIN_ALBUM_GAIN",
    "REPLAYGAIN_ALBUM_PEAK": "REPLAYGAIN_ALBUM_PEAK",
    "WM/IsCompilation": "COMPILATION",
    "MusicBrainz/Track Id": "MUSICBRAINZ_TRACKID",
    "MusicBrainz/Release Track Id": "MUSICBRAINZ_RELEASETRACKID",
    "MusicBrainz/Album Id": "MUSICBRAINZ_ALBUMID",
    "MusicBrainz/Release Group Id": "MUSICBRAINZ_RELEASEGROUPID",
    "MusicBrainz/Artist Id": "MUSICBRAINZ_ARTISTID",
    "MusicBrainz/Album Artist Id": "MUSICBRAINZ_ALBUMARTISTID",
    "Acoustid/Id": "ACOUSTID_ID",
    "WM/ISRC": "ISRC",
    "WM/CatalogNo": "CATALOGNUMBER",
    "WM/Publisher": "LABEL",
    "WM/TitleSortOrder": "TITLESORT",
    "WM/ArtistSortOrder": "ARTISTSORT",
    "WM/AlbumSortOrder": "ALBUMSORT",
    "WM/AlbumArtistSortOrder": "ALBUMARTISTSORT",
    "WM/Lyrics": "LYRICS",
}


def id3_tag(*extra: frames.Frame) -> bytes:
    """An ID3v2.4 tag with the full set, or with the given frames alone."""
    tag = frames.ID3()
    for frame in extra or _full_frames():
        tag.add(frame)
    buffer = io.BytesIO()
    tag.save(buffer, padding=lambda _: 0)
    return buffer.getvalue()


def _full_frames() -> list[frames.Frame]:
    texts = [
        frames.Frames[frame](encoding=3, text=VORBIS[name]) for frame, name in _TEXT_FRAMES.items()
    ]
    described = [
        frames.TXXX(encoding=3, desc=description, text=VORBIS[name])
        for name, description in _DESCRIPTIONS.items()
    ]
    return [
        *texts,
        *described,
        frames.TRCK(encoding=3, text="3/11"),
        frames.TPOS(encoding=3, text="1/2"),
        frames.UFID(owner="http://musicbrainz.org", data=UUIDS[0].encode()),
        frames.USLT(encoding=3, lang="eng", desc="", text="la la"),
    ]


def _saved(load: Callable[[Any], Any], data: bytes, values: dict[str, Any]) -> bytes:
    buffer = io.BytesIO(data)
    file = load(buffer)
    if file.tags is None:
        file.add_tags()
    for name, value in values.items():
        file[name] = value
    buffer.seek(0)
    file.save(buffer)
    return buffer.getvalue()


def with_vorbis(
    data: bytes, load: Callable[[Any], Any] = FLAC, values: dict[str, Any] | None = None
) -> bytes:
    """The FLAC or Ogg file with the full set, or with the given comments alone."""
    return _saved(load, data, values or VORBIS)


def with_ape(data: bytes, values: dict[str, Any] | None = None) -> bytes:
    """The file with an APEv2 tag of the full set, or of the given items, behind it."""
    buffer = io.BytesIO(data)
    tag = APEv2()
    for name, value in (values or _APE).items():
        tag[name] = value
    tag.save(buffer)
    return buffer.getvalue()


def with_atoms(data: bytes, values: dict[str, Any] | None = None) -> bytes:
    """The MP4 file with the full set, or with the given atoms alone."""
    full: dict[str, Any] = {atom: VORBIS[name] for atom, name in _ATOMS.items()}
    full |= {"trkn": [(3, 11)], "disk": [(1, 2)], "tmpo": [95], "cpil": True}
    for name, free in _FREE_FORM.items():
        full[f"----:com.apple.iTunes:{free}"] = [
            MP4FreeForm(str(text).encode()) for text in VORBIS[name]
        ]
    return _saved(MP4, data, values or full)


def with_attributes(data: bytes, values: dict[str, Any] | None = None) -> bytes:
    """The ASF file with the full set, or with the given attributes alone."""
    full = {attribute: VORBIS[name] for attribute, name in _ATTRIBUTES.items()}
    full |= {"WM/TrackNumber": ["3/11"], "WM/PartOfSet": ["1/2"]}
    return _saved(ASF, data, values or full)
