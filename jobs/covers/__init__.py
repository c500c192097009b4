"""Covers: embedded pictures, picture files beside the music, and pictures from the web.

Each job does only what is to do in the ledger, writes its results and the states of the needs in
one transaction, and does not depend on another job having run before.
"""

from typing import Any

from db import ledger
from db.artwork import covers, image_files, images, picture_files
from db.artwork.images import Choice
from db.models import EntityType, Kind, Role, State
from db.sql.connection import transaction
from jobs.covers import album_covers, artist_covers, explanation, folder_images, remote
from jobs.covers.candidates import ARTIST_ROLES
from jobs.covers.embedded import gather
from jobs.covers.outcomes import file_faults, wanting, write_covers, write_problems
from jobs.covers.picture_search import search
from jobs.covers.track_covers import (
    choose,
    kept,
    settle_pictures,
    sizes_of,
    write_track_problems,
)
from jobs.entities import check_exists
from jobs.errors import NoSuchRoleError
from jobs.pictures import store
from jobs.pictures.errors import Fault
from jobs.pictures.stored_images import make_requested
from jobs.records import ProblemCode
from worker.dispatch import current_attempt, enqueue_need, job


@job
def extract_embedded(track_ids: list[int]) -> None:
    """Store the embedded pictures of these tracks, each with a 300 pixel thumbnail.

    For each distinct picture that is not in the store yet, the job opens one present file that
    carries it. Raises StoreError when the store cannot be written.
    """
    attempt = ledger.lease(Kind.PICTURE, EntityType.TRACK, track_ids, current_attempt())
    pictures = covers.pictures_in(attempt.leased)
    gathered = gather(sizes_of(pictures), look_again=True)
    with attempt.settling() as mine:
        images.record(list(gathered.fresh))
        write_track_problems(covers.track_places(sorted(mine)), pictures, gathered)
        settled = [
            settle_pictures(track_id, pictures.get(track_id, ()), gathered)
            for track_id in sorted(mine)
        ]
        attempt.settle(settled)
    store.drop_leftovers()


@job
def process_track_covers_batch(track_ids: list[int]) -> None:
    """Choose the cover of each of these tracks among its embedded pictures.

    A track without one gets no cover. A track whose file is missing keeps its cover. Raises
    StoreError when the store cannot be written.
    """
    attempt = ledger.lease(Kind.COVER, EntityType.TRACK, track_ids, current_attempt())
    tracks = covers.track_places(attempt.leased)
    present = [track for track in tracks if not track.missing]
    pictures = covers.pictures_in([track.id for track in present])
    gathered = gather(sizes_of(pictures))
    covered = covers.shown(EntityType.TRACK, attempt.leased)
    outcomes = {
        track.id: kept(track, track.id in covered)
        if track.missing
        else choose(track, pictures.get(track.id, ()), gathered)
        for track in tracks
    }
    with attempt.settling() as mine:
        chosen = [outcomes[track_id] for track_id in sorted(mine & outcomes.keys())]
        write_covers(attempt, chosen, gathered.fresh)
        mine_present = [track for track in present if track.id in mine]
        write_track_problems(mine_present, pictures, gathered)


@job
def process_album_covers(album_ids: list[int]) -> None:
    """Choose the cover of each of these albums, and of each disc of an album with several.

    The user's choice comes first, then the order of the setting FLEET_ALBUM_COVERS, or of
    FLEET_DISC_COVERS. A candidate that cannot be shown loses to the next and becomes a problem.
    Raises StoreError when the store cannot be written, and SettingError.
    """
    attempt = ledger.lease(Kind.COVER, EntityType.ALBUM, album_ids, current_attempt())
    albums = album_covers.find(attempt.leased)
    fresh = search([each for album in albums for each in album.searches])
    with attempt.settling() as mine:
        settled = [album for album in albums if album.album_id in mine]
        outcomes = [album_covers.outcome(album) for album in settled]
        write_covers(attempt, outcomes, fresh.values())
        write_problems(
            [fault for each in settled for fault in file_faults(each.searches).items()],
            album_covers.sound_paths(settled),
        )
        wanted = remote.need_searches(EntityType.ALBUM, wanting(outcomes))
    enqueue_need(ledger.need_for(Kind.REMOTE, EntityType.ALBUM), wanted)


@job
def extract_artist_images(artist_ids: list[int]) -> None:
    """Store the picture files on disk that may show these artists, and record them.

    These are `artist.*` and the like in the artist's own folders, files that an artist.nfo names,
    and files that have the artist's name. When they, or the reason why there are none, have
    changed, the job has the artist's pictures chosen again. An artist without any, who shows
    nothing by now, shows nothing on. Raises StoreError and SettingError.
    """
    holder = current_attempt()
    attempt = ledger.lease(Kind.PICTURE, EntityType.ARTIST, artist_ids, holder)
    artists = artist_covers.find(attempt.leased, files_alone=True)
    fresh = search([each for artist in artists for each in artist.searches], thorough=True)
    bare = artist_covers.without_any(artists)
    choice = ledger.lease(Kind.COVER, EntityType.ARTIST, [each.artist_id for each in bare], holder)
    with attempt.settling() as mine, choice.settling() as mine_to_choose:
        overtaken = artist_covers.overtaken(artists, mine)
        again = ledger.need(Kind.PICTURE, EntityType.ARTIST, overtaken)
        settled = [each for each in artists if each.artist_id in mine - overtaken]
        images.record(list(fresh.values()))
        found = {
            each.artist_id: each.pictures()
            for each in settled
            if each.is_there and each.obstacle is None
        }
        endings = [each.settled_pictures() for each in settled]
        nothing = {each.entity_id: each.reason for each in endings if each.state is State.NONE}
        stale = ledger.none_for_another_reason(Kind.COVER, EntityType.ARTIST, nothing)
        differing = {*picture_files.replace_artist_pictures(found), *stale}
        ledger.need(Kind.COVER, EntityType.ARTIST, differing)
        faults = [fault for each in settled for fault in file_faults(each.searches).items()]
        write_problems(faults, artist_covers.sound_paths(settled))
        attempt.settle(endings)
        outcomes = [
            artist_covers.outcome(each)
            for each in bare
            if each.artist_id in mine_to_choose & mine - overtaken
        ]
        write_covers(choice, outcomes, ())
        wanted = remote.need_searches(EntityType.ARTIST, wanting(outcomes))
        to_choose = ledger.todo_among(choice.need, [each.artist_id for each in settled])
    enqueue_need(attempt.need, again)
    enqueue_need(choice.need, to_choose)
    enqueue_need(ledger.need_for(Kind.REMOTE, EntityType.ARTIST), wanted)


@job
def process_artist_images_batch(artist_ids: list[int]) -> None:
    """Choose the pictures of each of these artists: front, fan art and logo.

    The user's choice comes first, then the order of the setting FLEET_ARTIST_IMAGES. Raises
    StoreError and SettingError.
    """
    attempt = ledger.lease(Kind.COVER, EntityType.ARTIST, artist_ids, current_attempt())
    artists = artist_covers.find(attempt.leased)
    fresh = search([each for artist in artists for each in artist.searches])
    with attempt.settling() as mine:
        overtaken = artist_covers.overtaken(artists, mine)
        again = ledger.need(Kind.COVER, EntityType.ARTIST, overtaken)
        settled = [each for each in artists if each.artist_id in mine - overtaken]
        outcomes = [artist_covers.outcome(each) for each in settled]
        write_covers(attempt, outcomes, fresh.values())
        faults = [fault for each in settled for fault in file_faults(each.searches).items()]
        write_problems(faults, artist_covers.sound_paths(settled))
        wanted = remote.need_searches(EntityType.ARTIST, wanting(outcomes))
    enqueue_need(attempt.need, again)
    enqueue_need(ledger.need_for(Kind.REMOTE, EntityType.ARTIST), wanted)


@job
def process_artist_images(artist_id: int) -> None:
    """Choose the pictures of one artist, as `process_artist_images_batch` does for several.

    Raises NoSuchEntityError.
    """
    check_exists(EntityType.ARTIST, artist_id)
    process_artist_images_batch([artist_id])


@job
def choose_image(  # noqa: PLR0913, PLR0917  # jobs are called by the names of their arguments
    entity_type: str, entity_id: int, role: str, path: str, digest: str = "", name: str = ""
) -> str | None:
    """Set the picture in a file as the cover of an album, disc or artist, before all others.

    `role` is front, disc-N, fanart or logo; `path` is in the text form of `db.sql.path_text`. With
    `digest` it has to be that picture, which the store or a track may have instead of the file, and
    `name` is what the file is called where that is not its path: it was uploaded.
    Returns the reason if the picture is refused. Raises NoSuchEntityError, NoSuchRoleError,
    StoreError and SettingError.
    """
    kind = EntityType(entity_type)
    _check_role(kind, entity_id, role)
    taken = _taken(path, digest)
    image_files.forget_upload(path)
    if isinstance(taken, Fault):
        return str(taken)
    digest = taken
    gathered = gather({digest: 0}, look_again=True)
    fault = gathered.fault(digest)
    if fault is not None:
        return str(fault)
    with transaction():
        images.record(list(gathered.fresh))
        images.choose_image(kind, entity_id, role, Choice(digest, name or path))
        ledger.need(Kind.COVER, kind, [entity_id])
    _CHOOSE[kind]([entity_id])
    return None


def _taken(path: str, digest: str) -> str | Fault:
    """The digest of the picture in a file, which is in the store then, or carried by a track."""
    if digest and (store.holds(store.original(digest)) or covers.carriers([digest], 1)):
        return digest
    data = folder_images.read(path, "/")
    if isinstance(data, Fault):
        return data
    if digest and store.digest_of(data) != digest:
        return Fault(ProblemCode.VANISHED, "the file has changed meanwhile — open the page again")
    return store.put(data)


@job
def withdraw_image(entity_type: str, entity_id: int, role: str) -> bool:
    """Undo `choose_image`, and choose the cover again; return whether there was such a choice."""
    kind = EntityType(entity_type)
    _check_role(kind, entity_id, role)
    with transaction():
        was_chosen = images.withdraw_choice(kind, entity_id, role)
        if was_chosen:
            ledger.need(Kind.COVER, kind, [entity_id])
    if was_chosen:
        _CHOOSE[kind]([entity_id])
    return was_chosen


@job
def explain(entity_type: str, entity_id: int, pictures: bool = False) -> list[dict[str, Any]]:
    """Return every candidate for the cover of an album or artist, and why it lost.

    With `pictures` also what is no candidate, and each with a thumbnail.
    """
    _check_role(EntityType(entity_type), entity_id, Role.FRONT)
    return explanation.explain(EntityType(entity_type), entity_id, pictures=pictures)


_CHOOSE = {
    EntityType.ALBUM: process_album_covers,
    EntityType.ARTIST: process_artist_images_batch,
}
_MOST_DISCS = 999
_ROLES = {
    EntityType.ALBUM: {Role.FRONT, *(Role.of_disc(disc + 1) for disc in range(_MOST_DISCS))},
    EntityType.ARTIST: {Role.FRONT, *ARTIST_ROLES},
}


def _check_role(entity_type: EntityType, entity_id: int, role: str) -> None:
    """Raise unless there is such an album or artist (NoSuchEntityError), and it can show this."""
    check_exists(entity_type, entity_id)
    if role not in _ROLES[entity_type]:
        of_artists = ", ".join(ARTIST_ROLES)
        known = "disc-1, disc-2 …" if entity_type is EntityType.ALBUM else of_artists
        raise NoSuchRoleError(f"an {entity_type} shows nothing as {role!r} — write front, {known}")


@job
def make_thumbnails(digest: str, size: int) -> None:
    """Make a missing thumbnail of a stored picture, in a size of `db.artwork.image_files.SIZES`.

    Raises NoThumbnailError for another size, an unknown or a lost picture, and StoreError when the
    store cannot be written.
    """
    make_requested(digest, size)


@job
def fetch_album_covers(album_ids: list[int], asked_since: float | None = None) -> None:
    """Fetch covers of these albums from the providers that are turned on.

    The job settles each album as soon as it is done. With `asked_since`, in seconds since 1970, no
    older answer counts. Raises UnavailableError when some have to wait for a provider,
    SettingError, and StoreError.
    """
    from jobs.covers.remote_search import fetch  # noqa: PLC0415  # HTTPX takes a quarter of a second

    fetch(EntityType.ALBUM, album_ids, asked_since)


@job
def fetch_artist_images(artist_ids: list[int], asked_since: float | None = None) -> None:
    """Fetch pictures of these artists from the providers that are turned on.

    The same as `fetch_album_covers`, for front, fan art and logo.
    """
    from jobs.covers.remote_search import fetch  # noqa: PLC0415  # as above

    fetch(EntityType.ARTIST, artist_ids, asked_since)
