"""The tags of a track: one declaration each, from which the readers and the record follow.

A new tag is a field of `Tags`; where it is kept, a column of that name in `db.models.library` and a
migration. The names that taggers write freely (Vorbis comments, APEv2 keys, TXXX, iTunes "----",
ASF) are `jobs.metadata.text.folded`. The mapping is MusicBrainz Picard's
(https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html) with the spellings of
foobar2000, Mp3tag and MediaMonkey.
"""

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum, auto
from functools import cache
from typing import Any, Self


class Record:
    """A frozen dataclass that goes into job arguments."""

    def as_json(self) -> dict[str, Any]:
        """The record as a dictionary of JSON values, without those that are as their defaults.

        That is most of what a file may say of itself: two fifths of the bytes.
        """
        record: Any = type(self)
        usual = _defaults(record)
        return {
            name: value if value.__class__ in _PLAIN else _json_value(value)
            for name, value in vars(self).items()
            if value != usual[name]
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record that `as_json` wrote. Raises TypeError on a field it does not know."""
        return cls(**data)

    @classmethod
    def filled(cls, data: dict[str, Any]) -> dict[str, Any]:
        """What `as_json` wrote with what it left out, for who reads some of it."""
        record: Any = cls
        return _defaults(record) | data


_PLAIN = {str, int, float, bool, type(None)}
_NO_DEFAULT = object()


@cache
def _defaults(record: Any) -> dict[str, Any]:
    """The default of each field of a record; nothing is equal to that of one that has none."""
    return {
        each.name: each.default_factory()
        if each.default_factory is not MISSING
        else _NO_DEFAULT
        if each.default is MISSING
        else each.default
        for each in fields(record)
    }


def _json_value(value: Any) -> Any:
    """`dataclasses.asdict` without its deep copies, which cost five times as much."""
    if isinstance(value, Record):
        return value.as_json()
    return list(map(_json_value, value)) if isinstance(value, list) else value


_NAMES, _KIND = "names", "kind"


class Kind(Enum):
    """How the values of a tag are understood; `jobs.metadata.fields` does it."""

    TEXT = auto()
    TEXTS = auto()
    NAMES = auto()
    """Texts that have rows or words of their own: artists, moods."""
    GENRES = auto()
    """Names, or texts of several: see `db.library.names.split_genres`."""
    CREDIT = auto()
    """Names, or one text of several."""
    POSITION = auto()
    """A number, or a number and the total: 3/11."""
    TOTAL = auto()
    DATE = auto()
    BEATS = auto()
    """Beats a minute."""
    GAIN = auto()
    """dB."""
    PEAK = auto()
    """Full scale is 1."""
    FLAG = auto()
    ID = auto()
    """A UUID."""
    IDS = auto()
    ANY_TEXT = auto()
    """Only whether there is any."""


_EMPTY: dict[Kind, Any] = {Kind.FLAG: False, Kind.ANY_TEXT: False}
_LISTS = {Kind.TEXTS, Kind.NAMES, Kind.GENRES, Kind.IDS}


def tag(kind: Kind, **names: tuple[str, ...]) -> Any:
    """A field of `Tags`: how its values are understood, and its names by family, best first.

    The families: `free` (see above), and those that a format has beside them: `id3` frames, `mp4`
    atoms, `asf` attributes, `info` chunks of RIFF.
    """
    metadata = {_KIND: kind, _NAMES: names}
    if kind in _LISTS:
        return field(default_factory=list, metadata=metadata)
    return field(default=_EMPTY.get(kind), metadata=metadata)


@dataclass(frozen=True)
class Tags(Record):
    """What a file says of itself, as written: never re-cased, punctuation kept, outer blanks cut.

    Text holds no NUL and no lone surrogate. Absent is None or an empty list.
    """

    title: str | None = tag(
        Kind.TEXT, free=("title",), id3=("TIT2",), mp4=("\xa9nam",), info=("INAM",)
    )
    artists: list[str] = tag(Kind.NAMES, free=("artists",), asf=("wmartists",))
    """One by one; where the file lists none, those of the credit."""
    artist_credit: str | None = tag(
        Kind.CREDIT,
        free=("artist",),
        id3=("TPE1",),
        mp4=("\xa9ART",),
        asf=("author",),
        info=("IART",),
    )
    """All in one text, such as "A feat. B", where the file says it beside the list of them."""
    album: str | None = tag(
        Kind.TEXT,
        free=("album",),
        id3=("TALB",),
        mp4=("\xa9alb",),
        asf=("wmalbumtitle",),
        info=("IPRD",),
    )
    album_artists: list[str] = tag(Kind.NAMES, free=("albumartists",))
    album_artist_credit: str | None = tag(
        Kind.CREDIT,
        free=("albumartist",),
        id3=("TPE2",),
        mp4=("aART",),
        asf=("wmalbumartist",),
        info=("IAAR",),
    )
    track: int | None = tag(
        Kind.POSITION,
        free=("tracknumber", "track"),
        id3=("TRCK",),
        mp4=("trkn",),
        asf=("wmtracknumber",),
        info=("ITRK", "IPRT"),
    )
    track_total: int | None = tag(Kind.TOTAL, free=("tracktotal", "totaltracks"))
    disc: int | None = tag(
        Kind.POSITION,
        free=("discnumber", "disc", "disknumber", "disk"),
        id3=("TPOS",),
        mp4=("disk",),
        asf=("wmpartofset",),
    )
    disc_total: int | None = tag(Kind.TOTAL, free=("disctotal", "totaldiscs", "disktotal"))
    disc_subtitle: str | None = tag(
        Kind.TEXT, free=("discsubtitle", "setsubtitle"), id3=("TSST",), asf=("wmsetsubtitle",)
    )
    date: str | None = tag(
        Kind.DATE,
        free=("date", "releasedate", "year"),
        id3=("TDRC", "TYER", "TDRL"),
        mp4=("\xa9day",),
        asf=("wmyear",),
        info=("ICRD",),
    )
    """Release date as far as it is certain: YYYY, YYYY-MM or YYYY-MM-DD."""
    original_date: str | None = tag(
        Kind.DATE,
        free=("originaldate", "originalreleasedate", "originalyear", "origyear"),
        id3=("TDOR", "TORY"),
        asf=("wmoriginalreleasetime", "wmoriginalreleaseyear"),
    )
    genres: list[str] = tag(
        Kind.GENRES,
        free=("genre",),
        id3=("TCON",),
        mp4=("\xa9gen",),
        asf=("wmgenre",),
        info=("IGNR",),
    )
    composers: list[str] = tag(
        Kind.TEXTS,
        free=("composer",),
        id3=("TCOM",),
        mp4=("\xa9wrt",),
        asf=("wmcomposer",),
        info=("IMUS",),
    )
    moods: list[str] = tag(Kind.NAMES, free=("mood",), id3=("TMOO",), asf=("wmmood",))
    bpm: float | None = tag(
        Kind.BEATS, free=("bpm", "tempo"), id3=("TBPM",), mp4=("tmpo",), asf=("wmbeatsperminute",)
    )
    key: str | None = tag(
        Kind.TEXT, free=("initialkey", "key"), id3=("TKEY",), asf=("wminitialkey",)
    )
    replaygain_track_gain: float | None = tag(Kind.GAIN, free=("replaygaintrackgain",))
    """dB."""
    replaygain_track_peak: float | None = tag(Kind.PEAK, free=("replaygaintrackpeak",))
    replaygain_album_gain: float | None = tag(Kind.GAIN, free=("replaygainalbumgain",))
    replaygain_album_peak: float | None = tag(Kind.PEAK, free=("replaygainalbumpeak",))
    compilation: bool = tag(
        Kind.FLAG,
        free=("compilation", "itunescompilation"),
        id3=("TCMP",),
        mp4=("cpil",),
        asf=("wmiscompilation",),
    )
    musicbrainz_recording_id: str | None = tag(
        Kind.ID,
        free=("musicbrainztrackid", "musicbrainzrecordingid"),
        id3=("UFID:http://musicbrainz.org",),
    )
    musicbrainz_track_id: str | None = tag(Kind.ID, free=("musicbrainzreleasetrackid",))
    """The id of the track on its release ("release track id")."""
    musicbrainz_release_id: str | None = tag(
        Kind.ID, free=("musicbrainzalbumid", "musicbrainzreleaseid")
    )
    musicbrainz_release_group_id: str | None = tag(Kind.ID, free=("musicbrainzreleasegroupid",))
    musicbrainz_artist_ids: list[str] = tag(Kind.IDS, free=("musicbrainzartistid",))
    musicbrainz_album_artist_ids: list[str] = tag(Kind.IDS, free=("musicbrainzalbumartistid",))
    acoustid: str | None = tag(Kind.ID, free=("acoustidid",))
    isrcs: list[str] = tag(Kind.TEXTS, free=("isrc",), id3=("TSRC",), asf=("wmisrc",))
    catalogue_numbers: list[str] = tag(
        Kind.TEXTS, free=("catalognumber", "catalogid", "labelno"), asf=("wmcatalogno",)
    )
    labels: list[str] = tag(
        Kind.TEXTS, free=("label", "publisher", "organization"), id3=("TPUB",), asf=("wmpublisher",)
    )
    title_sort: str | None = tag(
        Kind.TEXT,
        free=("titlesort", "titlesortorder"),
        id3=("TSOT", "XSOT"),
        mp4=("sonm",),
        asf=("wmtitlesortorder",),
    )
    artist_sorts: list[str] = tag(
        Kind.TEXTS,
        free=("artistssort", "artistsort", "artistsortorder"),
        id3=("TXXX:artistssort", "TSOP", "XSOP"),
        mp4=("soar",),
        asf=("wmartistsortorder",),
    )
    album_sort: str | None = tag(
        Kind.TEXT,
        free=("albumsort", "albumsortorder"),
        id3=("TSOA", "XSOA"),
        mp4=("soal",),
        asf=("wmalbumsortorder",),
    )
    album_artist_sorts: list[str] = tag(
        Kind.TEXTS,
        free=("albumartistssort", "albumartistsort", "albumartistsortorder"),
        id3=("TSO2",),
        mp4=("soaa",),
        asf=("wmalbumartistsortorder",),
    )
    has_lyrics: bool = tag(
        Kind.ANY_TEXT,
        free=("syncedlyrics", "lyrics", "unsyncedlyrics"),
        id3=("USLT", "SYLT"),
        mp4=("\xa9lyr",),
        asf=("wmlyrics",),
    )


def kinds() -> dict[str, Kind]:
    """How the values of each field are understood."""
    return {each.name: each.metadata[_KIND] for each in fields(Tags)}


def fields_by_name(family: str) -> dict[str, str]:
    """The fields by their names in a family; of several names of a field the best is first."""
    return dict(_named(family))


def _named(family: str) -> Iterator[tuple[str, str]]:
    for each in fields(Tags):
        for name in each.metadata[_NAMES].get(family, ()):
            yield name, each.name


CUE_SHEET, CUE_PARTS = "cue_sheet", "cue_parts"
"""No field: what is read under this name is a cue sheet, which says of what tracks a file is."""

FREE_NAMES = {**fields_by_name("free"), "cuesheet": CUE_SHEET}
