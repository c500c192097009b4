"""Cover Art Archive: the front of a MusicBrainz release, or of another of its release group.

`/release/MBID` and `/release-group/MBID` lead (307) to a list at archive.org; 404 when there is
none (musicbrainz.org/doc/Cover_Art_Archive/API):

    {"images": [{"types": ["Front"], "front": true, "approved": true, "id": …, "image": URL,
                 "thumbnails": {"250": URL, "500": URL, "1200": URL, "small": …, "large": …}}]}

Old entries have "small" and "large" only. An "image" may be a PDF, or larger than we take.
"""

from typing import Any

from db.artwork.remote_covers import WantedAlbum
from db.models import Role
from jobs.providers.caller import Caller, Callers
from jobs.providers.provider import Offer, PictureProvider, Question, entries, mbid, urls_of

_SIZES = ("1200", "500", "large")


def pictures(callers: Callers) -> "CoverArtArchive":
    """The provider, as the registry opens it."""
    return CoverArtArchive(callers.of("coverartarchive"))


class CoverArtArchive(PictureProvider):
    """Covers of albums whose tags name a MusicBrainz release or release group."""

    name = "coverartarchive"
    album_roles = frozenset({Role.FRONT})

    def __init__(self, archive: Caller) -> None:
        super().__init__(archive)
        self._archive = archive

    def about_album(self, album: WantedAlbum) -> list[Question]:
        """The release first, for that is the very cover."""
        ids = {"release": mbid(album.release_id), "release-group": mbid(album.release_group_id)}
        return [self._question(f"/{kind}/{each}") for kind, each in ids.items() if each]

    def _question(self, path: str) -> Question:
        return Question(path, lambda: _fronts(self._archive.json(path)))


def _fronts(body: Any) -> list[Offer]:
    """The front. Pictures that are not approved yet come last."""
    fronts = [image for image in entries(body, "images") if image.get("front") is True]
    fronts.sort(key=lambda image: image.get("approved") is not True)
    offers = []
    for image in fronts:
        sizes = image.get("thumbnails")
        thumbnails = urls_of(sizes, *_SIZES) if isinstance(sizes, dict) else []
        offers.append(
            Offer(Role.FRONT, [*thumbnails[:1], *urls_of(image, "image"), *thumbnails[1:]])
        )
    return offers
