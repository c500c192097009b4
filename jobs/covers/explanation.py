"""Why an album or artist has its cover: every candidate, and why it lost.

It explains the search itself. The search is repeated in a picture store of its own that is
thrown away, so nothing is changed by asking; for a page that shows them the thumbnails are kept,
which maintenance deletes again.
"""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from db import ledger, settings
from db.artwork import covers
from db.artwork.covers import CHOSEN, EMBEDDED, FOLDER
from db.errors import counted
from db.models import EntityType, Kind, Role
from db.settings.cover_orders import (
    NEVER_FRONT,
    OTHER_SUBJECTS,
    SCANS,
    album_order,
    artist_order,
    disc_order,
)
from db.sql.path_text import shown
from jobs.covers import album_covers, artist_covers
from jobs.covers.album_covers import AlbumSearch
from jobs.covers.candidates import ARTIST_ROLES, FRONT_TYPES, Candidate, file_candidate, type_name
from jobs.covers.folder_images import FolderImage, cover_name
from jobs.covers.picture_search import JudgedCandidate, Search, preference, search
from jobs.pictures import store

_LOST_BY: dict[str, tuple[str, ...]] = {
    FOLDER: (
        "a nearer folder comes first",
        "the lower number comes first",
        "another folder comes first",
    ),
    SCANS: (
        "a better name comes first",
        "the lower number comes first",
        "another folder comes first",
    ),
    EMBEDDED: (
        "a better picture type comes first",
        "more tracks have another",
        "an earlier track has another",
    ),
}
"""What a candidate lost by within its entry of the order, for each further part of its tier: by
source, or by an entry of its own."""


_MOST_OTHERS = 40
"""Pictures of an album that are shown though they are no candidates."""


def explain(
    entity_type: EntityType, entity_id: int, *, pictures: bool = False
) -> list[dict[str, Any]]:
    """What there is for each role of an album or artist, the front first; see `_role`.

    With `pictures` what is no candidate is judged too, and each picture has a thumbnail then.
    Raises StoreError when the disk is too full for the pictures, and SettingError.
    """
    if entity_type is EntityType.ALBUM:
        (album,) = album_covers.find([entity_id])
        others = Search(entity_id, candidates=_others(album) if pictures else [])
        _judge_all([*album.searches, others], pictures=pictures)
        order: dict[str, tuple[str, ...]] = {Role.FRONT: album_order()}
        roles = [_role(each, order.get(each.role, disc_order())) for each in album.searches]
        outcome = album_covers.outcome(album)
        roles[0]["passed_over"] = _passed_over(album)
        roles[0]["others"] = [
            {**_candidate_row(each, None), "verdict": (each.fault and each.fault.message) or ""}
            for each in others.judgements
        ]
        roles[0]["web"] = _web(entity_type, entity_id)
        roles[0]["remark"] = outcome.settled.reason
        own = {each.role for each in outcome.chosen}
        for role in roles[1:]:
            if role["candidates"] and role["role"] not in own:
                role["remark"] = "the disc shows what its album shows"
        return roles
    (artist,) = artist_covers.find([entity_id])
    _judge_all(artist.searches, pictures=pictures)
    orders = {Role.FRONT: artist_order(), **ARTIST_ROLES}
    roles = [_role(each, orders[each.role]) for each in artist.searches]
    roles[0]["web"] = _web(entity_type, entity_id)
    roles[0]["remark"] = artist_covers.outcome(artist).settled.reason
    return roles


def _judge_all(searches: Sequence[Search], *, pictures: bool) -> None:
    """Examine every candidate, in a store that is thrown away; with `pictures` but thumbnails."""
    originals = {
        each.digest: store.original(each.digest)
        for search in searches
        for each in search.candidates
        if each.digest and store.bring(store.original(each.digest))
    }
    with (
        tempfile.TemporaryDirectory(prefix="musicfleet-") as folder,
        settings.images_in(Path(folder)),
    ):
        for digest, original in originals.items():
            copy = store.original(digest)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(original)
        search(searches, thorough=True)
        thumbnails = _thumbnails(searches) if pictures else {}
    for digest, data in thumbnails.items():
        if not store.holds(store.thumbnail(digest)):
            store.put_thumbnail(digest, data, later=True)
    store.finish()


def _thumbnails(searches: Sequence[Search]) -> dict[str, bytes]:
    """The thumbnails that the search has made, by digest."""
    judged = (each for search in searches for each in search.judgements if each.fault is None)
    files = {
        digest: store.thumbnail(digest) for each in judged if (digest := each.candidate.digest)
    }
    return {digest: file.read_bytes() for digest, file in files.items() if file.exists()}


def _role(search: Search, order: Sequence[str]) -> dict[str, Any]:
    """One role: the order, every candidate as it was tried, and what is shown by now."""
    winner = search.winner
    judgements = sorted(
        search.judgements, key=lambda judgement: (_score(judgement), -judgement.pixels)
    )
    return {
        "role": search.role,
        "order": list(order),
        "candidates": [_candidate_row(judgement, winner) for judgement in judgements],
        "shows": search.shown and {"source": search.shown.source, "path": search.shown.source_path},
        "passed_over": [],
        "others": [],
        "remark": None,
        "web": None,
    }


def _candidate_row(judgement: JudgedCandidate, winner: JudgedCandidate | None) -> dict[str, Any]:
    candidate = judgement.candidate
    return {
        "score": _score(judgement),
        "entry": candidate.entry,
        "source": candidate.source,
        "path": candidate.path,
        "digest": candidate.digest,
        "detail": candidate.detail,
        "decoded": judgement.fault is None,
        "width": judgement.width,
        "height": judgement.height,
        "bytes": candidate.bytes,
        "wins": judgement is winner,
        "verdict": "wins" if judgement is winner else _lost_by(judgement, winner),
        "why": _why(judgement, winner),
    }


def _why(judgement: JudgedCandidate, winner: JudgedCandidate | None) -> str:
    """The verdict as a sentence."""
    if judgement.fault is not None:
        return f"Refused: {judgement.fault.message}"
    candidate = judgement.candidate
    if judgement is not winner:
        return f"Not chosen: {candidate.detail if winner is None else _lost_by(judgement, winner)}"
    if candidate.source == CHOSEN:
        return "Chosen by you"
    if judgement.unfit:
        return f"Chosen though {judgement.unfit}: nothing better is there"
    return f"Chosen: {candidate.entry} comes first of what is there"


def _score(judgement: JudgedCandidate) -> list[int]:
    """What decides, number by number, the lowest first; of equal scores the larger picture wins.

    0, or 1 for a picture that comes after all others, or 2 for one that cannot be shown; then its
    tier: the place of its entry in the order, and what counts within that.
    """
    after = 2 if judgement.fault is not None else int(judgement.unfit is not None)
    return [after, *judgement.candidate.tier]


def _lost_by(judgement: JudgedCandidate, winner: JudgedCandidate | None) -> str:
    """Why this is not the one; `winner` is there unless the picture cannot be shown."""
    if judgement.fault is not None or winner is None:
        return str(judgement.fault)
    if judgement.unfit and not winner.unfit:
        return f"{judgement.unfit}, so all others come first"
    mine, best = judgement.candidate, winner.candidate
    if preference(judgement) < preference(winner):
        return "smaller than the present cover, which is still there and of the same source"
    if best.source == CHOSEN:
        return "you set another"
    if mine.rank != best.rank:
        return f"{best.entry} comes before {mine.entry}"
    reasons = _LOST_BY.get(mine.entry) or _LOST_BY.get(mine.source, ())
    parts = zip(mine.tier[1:], best.tier[1:], reasons, strict=False)
    return next((why for its, other, why in parts if its != other), "smaller")


def _web(entity_type: EntityType, entity_id: int) -> dict[str, Any] | None:
    """How the search on the web ended, whom it asked, and when it is made again."""
    asked = ledger.need_state(Kind.REMOTE, entity_type, entity_id)
    if asked is None:
        return None
    again = asked.look_again_at
    return {
        "state": asked.state,
        "reason": asked.reason,
        "asked": asked.sources or [],
        "again": again and again.date().isoformat(),
    }


def _others(album: AlbumSearch) -> list[Candidate]:
    """Pictures of an album that are no candidates, with the reason as their detail."""
    found = [
        file_candidate(image, "", (0,))._replace(detail=_no_front(image.name))
        for image in _files_passed_over(album)
    ]
    carried: dict[str, Candidate] = {}
    pictures = covers.pictures_in([track.id for track in album.tracks])
    for track in album.tracks:
        for each in pictures.get(track.id, ()):
            if each.type not in FRONT_TYPES:
                why = f"{type_name(each.type)}, which is never a front"
                one = Candidate(EMBEDDED, "", 0, (0,), track.path, digest=each.digest, detail=why)
                carried.setdefault(each.digest, one._replace(bytes=each.bytes))
    return [*found, *carried.values()][:_MOST_OTHERS]


def _no_front(name: str) -> str:
    """Why a picture file of this name is not taken for the front."""
    words = set(re.findall(r"[^\W\d_]+", name.lower())) & (NEVER_FRONT | OTHER_SUBJECTS)
    if words:
        return f"by its name it is the {min(words)}, which is no front"
    return "no entry of the order is named so"


def _files_passed_over(album: AlbumSearch) -> list[FolderImage]:
    orders = (*album_order(), *disc_order())
    tried = {each.path for search in album.searches for each in search.candidates}
    return [
        image
        for image in (*album.images, *album.scans)
        if image.path not in tried and (image in album.scans or not cover_name(image.name, orders))
    ]


def _passed_over(album: AlbumSearch) -> list[str]:
    """Pictures of an album that are no candidates at all."""
    files = [image.path for image in _files_passed_over(album)]
    lines = [f"{shown(path)}: no entry of the order is named so" for path in files]
    for picture_type, count in sorted(album.other_pictures.items()):
        lines.append(f"{type_name(picture_type)} in {counted(count, 'track')}: never a front")
    return lines
