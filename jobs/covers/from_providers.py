"""Asking providers for the pictures of one album or artist, and taking what they offer."""

from collections.abc import Iterable, Sequence

from db import covers, remote_covers
from db.covers import KnownImage
from db.models import EntityType
from jobs.covers import store
from jobs.covers.examining import examine
from jobs.covers.remote_search import RemotePicture, RemoteSearch, is_fit
from jobs.metadata.pictures import mime_of
from jobs.providers.answers import answer
from jobs.providers.errors import BadDownloadError, ProviderError
from jobs.providers.provider import Offer, PictureProvider, Question

PICTURES = {"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"}
"""What is stored, told by the bytes themselves. Providers offer PDFs and web pages too."""


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
    if shown is None or shown.source_path != url or not store.original(shown.digest).exists():
        return None
    return covers.images([shown.digest]).get(shown.digest)


def _download(provider: PictureProvider, url: str) -> KnownImage | str:
    """Download, store and decode a picture; or why it is not taken."""
    try:
        data = provider.download(url, store.MAX_PICTURE_BYTES)
    except BadDownloadError as error:
        return str(error)
    mime = mime_of(data, "")
    if mime not in PICTURES:
        return f"{url}: this is no picture"
    (image,) = examine([store.put(data)])
    return image
