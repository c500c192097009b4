"""Covers and pictures of artists from the web, for what is not on disk.

`want` is for the jobs that look on disk; `fetch` is what the jobs of the web do. None
of it asks anybody while no provider is turned on.
"""

from collections.abc import Mapping, Sequence

from db import covers, ledger, provider_answers, provider_settings, remote_covers
from db.cover_orders import EXTERNAL, album_order, artist_order
from db.covers import FRONT, Chosen, Shown
from db.ledger import Attempt
from db.models import EntityType, Kind
from jobs.covers import store
from jobs.covers.remote_search import RemoteSearch, is_beaten
from jobs.covers.sources import ARTIST_ROLES
from worker.dispatch import connection, current_attempt

_MOST = 5_000
"""Albums or artists that one sweep wants looked for."""


def want(entity_type: EntityType, ids: Sequence[int]) -> list[int]:
    """Say that pictures of these albums or artists are to be looked for on the web.

    Returns the ids to enqueue after the commit: none while no provider is turned on. Call it in
    the transaction that settles that there is nothing on disk.
    """
    if entity_type is EntityType.TRACK or not provider_settings.any_on():
        return []
    return ledger.need(Kind.REMOTE, entity_type, ids)


def want_unasked() -> None:
    """Say the same of all that show nothing, once a provider is turned on; the sweep rings."""
    if not provider_settings.any_on():
        return
    for entity_type, order in (
        (EntityType.ALBUM, album_order()),
        (EntityType.ARTIST, artist_order()),
    ):
        if EXTERNAL in order:
            ledger.need(Kind.REMOTE, entity_type, remote_covers.unasked(entity_type, _MOST))


def fetch(entity_type: EntityType, ids: Sequence[int]) -> None:
    """Look for pictures of these albums or artists on the web, and settle each as it is done.

    Raises SettingError, StoreError, and UnavailableError at the end when for some of them a
    provider could not be asked just now: these are still to be done.
    """
    # httpx2 takes a quarter of a second, which the other jobs of covers need not pay.
    from jobs.covers.from_providers import look_for  # noqa: PLC0415
    from jobs.providers.errors import UnavailableError  # noqa: PLC0415
    from jobs.providers.registry import opened  # noqa: PLC0415

    attempt = ledger.lease(Kind.REMOTE, entity_type, ids, current_attempt())
    faults: dict[int, str] = {}
    with opened(connection()) as providers:
        for entity_id in attempt.leased:
            search = _begun(entity_type, entity_id)
            look_for(search, providers)
            _write(search, attempt)
            if search.is_open:
                faults[entity_id] = "; ".join(search.faults)
    provider_answers.drop_overdue()
    store.drop_leftovers()
    if faults:
        raise UnavailableError(
            f"{len(faults)} of {len(attempt.leased)} {entity_type}s wait for providers that are "
            f"unavailable, {entity_type} {min(faults)} for: {faults[min(faults)]}"
        )


def _begun(entity_type: EntityType, entity_id: int) -> RemoteSearch:
    order = album_order() if entity_type is EntityType.ALBUM else artist_order()
    ranks = {FRONT: order.index(EXTERNAL) if EXTERNAL in order else len(order)}
    if entity_type is EntityType.ARTIST:
        ranks |= {role: len(names) for role, names in ARTIST_ROLES.items()}
    return RemoteSearch(entity_type, entity_id, ranks, _shown(entity_type, entity_id))


def _shown(entity_type: EntityType, entity_id: int) -> Mapping[str, Shown]:
    return covers.shown(entity_type, [entity_id]).get(entity_id, {})


def _write(search: RemoteSearch, attempt: Attempt) -> None:
    """Write what was found, unless the need came anew in between, and how the need ended."""
    entity_type, entity_id = search.entity_type, search.entity_id
    with attempt.settling([entity_id]) as mine:
        if not mine:
            return
        shown = _shown(entity_type, entity_id)
        found = [
            picture
            for role, picture in search.best().items()
            if is_beaten(shown.get(role), picture.image, role, search.ranks[role])
        ]
        covers.record_images(list(search.images.values()))
        chosen = [
            Chosen(
                entity_id,
                picture.image.digest,
                picture.provider,
                search.ranks[picture.role],
                picture.url,
                picture.role,
                picture.licence,
                picture.author,
            )
            for picture in found
        ]
        remote_covers.show(entity_type, chosen, shown.values())
        if not search.is_open:
            attempt.settle([search.settled()])
