"""The embedded pictures that may be the front of a track, a disc or an album."""

from collections.abc import Iterable, Mapping, Sequence

from db.covers import EmbeddedIn, TrackPlace
from jobs.covers.candidates import Candidate
from jobs.covers.sources import EMBEDDED, FRONT_TYPES, PICTURE_TYPES


def fronts(pictures: Iterable[EmbeddedIn]) -> list[EmbeddedIn]:
    """Those pictures of a track that may stand for its front, best first."""
    acceptable = [picture for picture in pictures if picture.type in FRONT_TYPES]
    return sorted(acceptable, key=lambda picture: FRONT_TYPES.index(picture.type))


def embedded_candidates(
    tracks: Sequence[TrackPlace], pictures: Mapping[int, Sequence[EmbeddedIn]], rank: int
) -> list[Candidate]:
    """The embedded pictures that may be the front of these tracks together, best first.

    The better picture type counts most; then in how many of the tracks a picture is; then the order
    of the tracks.
    """
    carriers: dict[str, list[tuple[int, int, EmbeddedIn, TrackPlace]]] = {}
    for position, track in enumerate(tracks):
        for picture in fronts(pictures.get(track.id, ())):
            of_type = FRONT_TYPES.index(picture.type)
            carriers.setdefault(picture.digest, []).append((of_type, position, picture, track))
    found = []
    for digest, carrying in carriers.items():
        of_type = min(carrier[0] for carrier in carrying)
        alike = [carrier for carrier in carrying if carrier[0] == of_type]
        _, position, picture, track = alike[0]
        count = len({carrier[1] for carrier in alike})
        tier = (rank, of_type, -count, position)
        detail = f"{type_name(picture.type)}, in {count} of {len(tracks)} tracks"
        found.append(
            Candidate(
                EMBEDDED,
                EMBEDDED,
                rank,
                tier,
                track.path,
                digest=digest,
                bytes=picture.bytes,
                detail=detail,
            )
        )
    return sorted(found, key=lambda candidate: candidate.tier)


def type_name(picture_type: int) -> str:
    """What people call a picture type."""
    return PICTURE_TYPES.get(picture_type, f"type {picture_type}")
