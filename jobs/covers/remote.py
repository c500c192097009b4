"""Needs for covers and pictures of artists from the web, for what is not on disk.

Nothing is needed while no provider is turned on. `jobs.covers.remote_search` does the search.
"""

from collections.abc import Sequence

from db import ledger
from db.models import EntityType, Kind
from db.settings import provider_settings
from db.settings.cover_orders import EXTERNAL, album_order, artist_order

_IN_TURN = 5_000
"""Albums or artists that one reconciliation asks; the next one asks the next."""


def need_searches(entity_type: EntityType, ids: Sequence[int]) -> list[int]:
    """Say that pictures of these albums or artists are to be looked for on the web.

    Returns the ids to enqueue after the commit: none while no provider is turned on. Call it in
    the transaction that settles that there is nothing on disk.
    """
    if entity_type is EntityType.TRACK or not provider_settings.any_on():
        return []
    return ledger.need(Kind.REMOTE, entity_type, ids)


def need_unasked_searches() -> None:
    """Do the same for all without a cover, once a provider is on; reconciliation enqueues them.

    Raises SettingError.
    """
    for entity_type, ids in unasked_searches():
        ledger.need(Kind.REMOTE, entity_type, ids)


def unasked_searches() -> list[tuple[EntityType, list[int]]]:
    """Those albums and artists without a cover, of whom it is the turn, never searched for.

    None while no provider is on. Raises SettingError.
    """
    if not provider_settings.any_on():
        return []
    orders = {EntityType.ALBUM: album_order, EntityType.ARTIST: artist_order}
    unasked = (
        (each, ledger.never_asked(ledger.need_for(Kind.REMOTE, each), in_turn=_IN_TURN))
        for each, order in orders.items()
        if EXTERNAL in order()
    )
    return [(each, ids) for each, ids in unasked if ids]
