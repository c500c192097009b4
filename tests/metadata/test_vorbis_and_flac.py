"""What Vorbis comments have of their own: Opus gains, pictures in base64, ID3 before FLAC."""

import base64

import pytest
from mutagen.flac import FLAC, Picture
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from tests.metadata.conftest import Read
from tests.metadata.tagging import id3_tag, with_vorbis
from tests.music import picture, tone


def _block(data: bytes, kind: int = 3) -> str:
    block = Picture()
    block.type, block.mime, block.data = kind, "image/png", data
    return base64.b64encode(block.write()).decode()


def test_opus_gains_are_told_as_replaygain(read: Read) -> None:
    gains = {"R128_TRACK_GAIN": "-1280", "R128_ALBUM_GAIN": "256"}
    tags = read("a.opus", with_vorbis(tone("opus"), OggOpus, gains)).tags
    assert tags.replaygain_track_gain == pytest.approx(0.0)
    assert tags.replaygain_album_gain == pytest.approx(6.0)


def test_a_written_replaygain_wins_over_the_opus_gain(read: Read) -> None:
    gains = {"R128_TRACK_GAIN": "0", "REPLAYGAIN_TRACK_GAIN": "-2 dB"}
    tags = read("a.opus", with_vorbis(tone("opus"), OggOpus, gains)).tags
    assert tags.replaygain_track_gain == -2.0


def test_pictures_of_ogg_are_found_with_their_true_mime(read: Read) -> None:
    jpeg, png = picture("red", (8, 8)), picture("blue", (8, 8), "PNG")
    comments = {"METADATA_BLOCK_PICTURE": [_block(jpeg, 3), _block(png, 4)]}
    pictures = read("a.ogg", with_vorbis(tone("ogg"), OggVorbis, comments)).pictures
    assert [(p.type, p.mime, p.bytes) for p in pictures] == [
        (3, "image/jpeg", len(jpeg)),
        (4, "image/png", len(png)),
    ]


def test_the_legacy_cover_is_a_front_cover(read: Read) -> None:
    jpeg = picture("red", (8, 8))
    comments = {"COVERART": base64.b64encode(jpeg).decode(), "COVERARTMIME": "image/png"}
    [found] = read("a.ogg", with_vorbis(tone("ogg"), OggVorbis, comments)).pictures
    assert (found.type, found.mime) == (3, "image/jpeg")


def test_a_cut_picture_block_costs_only_itself(read: Read) -> None:
    comments = {"METADATA_BLOCK_PICTURE": ["AAAA", "not base64 at all!"], "TITLE": "Title"}
    track = read("a.ogg", with_vorbis(tone("ogg"), OggVorbis, comments))
    assert (track.tags.title, track.pictures) == ("Title", [])


def test_vorbis_comments_win_over_id3_in_front_of_flac(read: Read) -> None:
    data = id3_tag() + with_vorbis(tone("flac"), FLAC, {"TITLE": "Vorbis"})
    tags = read("a.flac", data).tags
    assert (tags.title, tags.album) == ("Vorbis", "R.E.M.: live?")


def test_names_are_known_in_any_case_and_spelling(read: Read) -> None:
    comments = {"album artist": "X", "MusicBrainz Album Id": "not an id", "totaldiscs": "2"}
    tags = read("a.flac", with_vorbis(tone("flac"), FLAC, comments)).tags
    assert (tags.album_artists, tags.musicbrainz_release_id, tags.disc_total) == (["X"], None, 2)
