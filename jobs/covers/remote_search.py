"""The search for covers and pictures of artists on the web. Imports HTTPX.

`fetch` asks the providers for one album or artist after the other, takes what they offer, and
writes what was found together with how the need ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from db import ledger
from db.artwork import covers, images, remote_covers
from db.artwork.covers import CHOSEN, LOCAL, Chosen, Shown
from db.artwork.images import KnownImage
from db.enrichment import facts
from db.ledger import Attempt, Settled
from db.models import EntityType, Kind, Role, State
from db.settings.cover_orders import EXTERNAL, album_order, artist_order
from jobs.content import mime_of
from jobs.covers.candidates import ARTIST_ROLES, COVER_SHAPE, SHAPES
from jobs.pictures import store
from jobs.pictures.stored_images import decode_images
from jobs.providers.answers import answer, asked_since
from jobs.providers.errors import BadDownloadError, ProviderError, UnavailableError
from jobs.providers.provider import Offer, PictureProvider, Question
from jobs.providers.registry import opened
from worker.dispatch import connection, current_attempt


class RemotePicture(NamedTuple):
    """A picture that a provider gave, in the store."""

    role: str
    image: KnownImage
    provider: str
    url: str
    licence: str | None
    author: str | None


@dataclass
class RemoteSearch:
    """The search for one album or artist, and where it has come."""

    entity_type: EntityType
    entity_id: int
    ranks: Mapping[str, int]
    """The roles in which something may be looked for, and what rank that has there."""
    shown: Mapping[str, Shown]
    """What the entity shows by now, by role."""
    found: dict[str, RemotePicture] = field(default_factory=dict)
    """By role."""
    unfit: dict[str, RemotePicture] = field(default_factory=dict)
    """Pictures that are too small, or of the wrong shape: better than none."""
    images: dict[str, KnownImage] = field(default_factory=dict)
    """Every image that was examined, by digest; their rows are to be written."""
    asked: list[str] = field(default_factory=list)
    """The providers that answered."""
    refusals: list[str] = field(default_factory=list)
    """Why there is nothing from each of them, or not what they offered."""
    faults: list[str] = field(default_factory=list)
    """Why others could not be asked."""

    def roles(self) -> set[str]:
        """The roles in which a picture is still looked for."""
        return {
            role
            for role, rank in self.ranks.items()
            if role not in self.found and may_be_beaten(self.shown.get(role), role, rank)
        }

    def best(self) -> dict[str, RemotePicture]:
        """What is to be shown in each role."""
        return {**self.unfit, **self.found}

    @property
    def is_local(self) -> bool:
        """Whether what is on disk is good enough."""
        return not may_be_beaten(self.shown.get(Role.FRONT), Role.FRONT, self.ranks[Role.FRONT])

    @property
    def is_open(self) -> bool:
        """Whether a provider that may have the front is unavailable."""
        return bool(self.faults) and Role.FRONT not in self.found and not self.is_local

    def settled(self) -> Settled:
        """How the search ended. `sources` are the providers that answered."""
        if self.is_local:
            reason = "there is a picture on disk"
            return Settled(self.entity_id, State.DONE, reason, self.asked)
        remarks = "; ".join([*self.refusals, *self.faults])
        shown = self.shown.get(Role.FRONT)
        if Role.FRONT in self.best() or (shown is not None and shown.source not in LOCAL):
            return Settled(self.entity_id, State.DONE, remarks or None, self.asked)
        nothing = remarks or "no provider is turned on (FLEET_PROVIDERS)"
        return Settled(self.entity_id, State.NONE, nothing, self.asked)


def is_fit(role: str, width: int | None, height: int | None) -> bool:
    """Whether a picture of this size is large enough, and of the right shape."""
    shape = SHAPES.get(role, COVER_SHAPE)
    shorter, longer = sorted((width or 0, height or 0))
    return shorter >= shape.shorter and longer <= shape.ratio * shorter


def may_be_beaten(shown: Shown | None, role: str, rank: int) -> bool:
    """Whether a picture from the web, of this rank, may take the place of what is shown.

    Never that of the user's own choice; of another picture on disk only when that is too small or
    of the wrong shape, or the owner's order has it after `external`.
    """
    if shown is None or shown.source not in LOCAL:
        return True
    return shown.source != CHOSEN and (
        rank < shown.rank or not is_fit(role, shown.width, shown.height)
    )


def is_beaten(shown: Shown | None, image: KnownImage, role: str, rank: int) -> bool:
    """Whether this picture from the web takes the place of what is shown: never of a larger one."""
    if shown is None:
        return True
    if not may_be_beaten(shown, role, rank):
        return False
    if shown.source in LOCAL and rank < shown.rank:
        return True
    fit, width, height = is_fit(role, image.width, image.height), image.width, image.height
    was_fit = is_fit(role, shown.width, shown.height)
    larger = (width or 0) * (height or 0) >= shown.width * shown.height
    return (fit and not was_fit) or (fit == was_fit and larger and shown.source not in LOCAL)


PICTURES = {"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"}
"""The formats that are stored, by their bytes. Providers offer PDFs and web pages too."""


def look_for(search: RemoteSearch, providers: Sequence[PictureProvider]) -> None:
    """Ask the providers in order until every role has its picture. Raises StoreError."""
    if search.is_local:
        return
    for provider in providers:
        wanted = search.roles() & _given(search.entity_type, provider)
        questions = _questions(search, provider) if wanted else []
        if wanted and not questions:
            search.refusals.append(f"{provider.name}: the tags have nothing to ask it by")
        if questions:
            try:
                _ask(search, provider, questions)
            except ProviderError as error:
                search.faults.append(str(error))


def _given(entity_type: EntityType, provider: PictureProvider) -> frozenset[str]:
    """The roles for which this provider may have a picture."""
    return provider.album_roles if entity_type is EntityType.ALBUM else provider.artist_roles


def _questions(search: RemoteSearch, provider: PictureProvider) -> list[Question]:
    ids = [search.entity_id]
    if search.entity_type is EntityType.ALBUM:
        albums = remote_covers.albums(ids).values()
        return [question for album in albums for question in provider.about_album(album)]
    artists = remote_covers.artists(ids).values()
    return [question for artist in artists for question in provider.about_artist(artist)]


def _ask(search: RemoteSearch, provider: PictureProvider, questions: Iterable[Question]) -> None:
    """Ask one question after the other until one yields a picture."""
    before = search.best()
    refused: list[str] = []
    for question in questions:
        for offer in answer(provider, question):
            if offer.role in search.roles():
                refused += _take(search, provider, offer)
        if search.best() != before:
            break
    search.asked.append(provider.name)
    if search.best() == before:
        search.refusals.append(f"{provider.name}: {'; '.join(refused) or 'nothing'}")


def _take(search: RemoteSearch, provider: PictureProvider, offer: Offer) -> list[str]:
    """Have the first of the offer's URLs that leads to a picture; why not those before it."""
    refused: list[str] = []
    for url in offer.urls:
        image = _known(search, offer.role, url) or _download(provider, url)
        if isinstance(image, str):
            refused.append(image)
            continue
        search.images[image.digest] = image
        if image.fault is not None or min(image.width or 0, image.height or 0) <= 1:
            refused.append(f"{url}: {image.fault or 'this is no picture'}")
            continue
        picture = RemotePicture(offer.role, image, provider.name, url, offer.licence, offer.author)
        if is_fit(offer.role, image.width, image.height):
            search.found[offer.role] = picture
        else:
            search.unfit.setdefault(offer.role, picture)
        break
    return refused


def _known(search: RemoteSearch, role: str, url: str) -> KnownImage | None:
    """The image that is shown by now, when it came from this very URL and is there."""
    shown = search.shown.get(role)
    if shown is None or shown.source_path != url or not store.holds(store.original(shown.digest)):
        return None
    return images.known_images([shown.digest]).get(shown.digest)


def _download(provider: PictureProvider, url: str) -> KnownImage | str:
    """Download, store and decode a picture; or why it is not taken."""
    try:
        data = provider.download(url, store.MAX_PICTURE_BYTES)
    except BadDownloadError as error:
        return str(error)
    mime = mime_of(data, "")
    if mime not in PICTURES:
        return f"{url}: this is no picture"
    (image,) = decode_images([store.put(data)])
    return image


def fetch(entity_type: EntityType, ids: Sequence[int], since: float | None = None) -> None:
    """Look for pictures of these albums or artists on the web, and settle each as it is done.

    `since` is for `answers.asked_since`. Raises SettingError, StoreError, and UnavailableError at
    the end when for some of them a provider could not be asked just now: these are still to be
    done.
    """
    # httpx2 takes a quarter of a second, which the other jobs of covers need not pay.
    attempt = ledger.lease(Kind.REMOTE, entity_type, ids, current_attempt())
    faults: dict[int, str] = {}
    with asked_since(since), opened(connection()) as providers:
        for entity_id in attempt.leased:
            search = _begun(entity_type, entity_id)
            look_for(search, providers)
            _write(search, attempt)
            if search.is_open:
                faults[entity_id] = "; ".join(search.faults)
    facts.drop_overdue_answers()
    store.drop_leftovers()
    if faults:
        raise UnavailableError(
            f"{len(faults)} of {len(attempt.leased)} {entity_type}s wait for providers that are "
            f"unavailable, {entity_type} {min(faults)} for: {faults[min(faults)]}"
        )


def _begun(entity_type: EntityType, entity_id: int) -> RemoteSearch:
    order = album_order() if entity_type is EntityType.ALBUM else artist_order()
    rank = order.index(EXTERNAL) if EXTERNAL in order else len(order)
    ranks: dict[str, int] = {Role.FRONT: rank}
    if entity_type is EntityType.ARTIST:
        ranks |= {role: len(names) for role, names in ARTIST_ROLES.items()}
    return RemoteSearch(entity_type, entity_id, ranks, _shown(entity_type, entity_id))


def _shown(entity_type: EntityType, entity_id: int) -> Mapping[str, Shown]:
    return covers.shown(entity_type, [entity_id]).get(entity_id, {})


def _write(search: RemoteSearch, attempt: Attempt) -> None:
    """Write what was found, unless the need was reset in between, and how the need ended."""
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
        images.record(list(search.images.values()))
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
