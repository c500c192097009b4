"""Requests to a provider: answered from the stored answers, never sent twice at a time."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from redis.exceptions import LockError, LockNotOwnedError

from db.enrichment import facts
from db.sql.queries import indexable
from jobs.providers.caller import Caller
from jobs.providers.errors import UnavailableError
from jobs.providers.provider import Offer, PictureProvider, Question
from worker.dispatch import lock_of

_OFFERS = "offers"
_BODY = "body"
_LONGEST_ASKING = 600
"""Seconds after which another process asks when the first has not answered: longer than all the
tries of a request may take."""


_asked_since = ContextVar("asked_since", default=0.0)


@contextmanager
def asked_since(moment: float | None) -> Iterator[None]:
    """Have only those stored answers count that came since; a moment in seconds since 1970.

    None: all that still hold.
    """
    token = _asked_since.set(moment or 0.0)
    try:
        yield
    finally:
        _asked_since.reset(token)


class Answered(NamedTuple):
    """What was answered, and when; the body is None when there is nothing."""

    body: Any
    asked_at: datetime


class CachedCaller:
    """Asks a service for JSON. What it answered is kept for a while, and that there was nothing."""

    def __init__(
        self,
        caller: Caller,
        key: Mapping[str, str] | None = None,
        check: Callable[[Any], None] | None = None,
    ) -> None:
        """`key` are parameters that go with every question, and are secret.

        `check` raises the errors that a body reports; see `Caller.json`.
        """
        self._caller = caller
        self._key = key or {}
        self._check = check
        self.name = caller.name

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        keep: Callable[[Any], Any],
        text: str | None = None,
    ) -> Answered:
        """The answer to this path and parameters, of which `keep` makes what is kept.

        `text` stands for the question where it is long. What `keep` makes nothing of counts as
        nothing. Raises UnavailableError or RefusedError, which is not kept.
        """

        def ask() -> dict[str, Any] | None:
            body = self._caller.json(path, {**params, **self._key}, check=self._check)
            kept = None if body is None else keep(body)
            return {_BODY: _storable(kept)} if kept else None

        question = text or f"{path}?{urlencode(sorted(params.items()))}"
        found = _once(self.name, question, ask)
        return Answered(found.answer.get(_BODY), found.asked_at)


def answer(provider: PictureProvider, question: Question) -> list[Offer]:
    """What the provider offers; none when it has nothing. Either way that is kept for a while.

    Raises UnavailableError or RefusedError, which is not kept.
    """

    def ask() -> dict[str, Any] | None:
        found = question.ask()
        return {_OFFERS: [offer._asdict() for offer in found]} if found else None

    known = _once(provider.name, question.text, ask)
    return [Offer(**offer) for offer in known.answer.get(_OFFERS, [])]


def _once(
    provider: str, question: str, ask: Callable[[], dict[str, Any] | None]
) -> facts.StoredAnswer:
    """What is remembered, or else answered. Of several who ask the same, one does."""
    question = indexable(question)
    known = _stored(provider, question)
    if known is not None:
        return known
    with _alone(provider, question):
        known = _stored(provider, question)
        if known is not None:
            return known
        found = ask()
        asked_at = facts.store_answer(provider, question, found or {}, found=found is not None)
        return facts.StoredAnswer(found is not None, found or {}, asked_at)


def _stored(provider: str, question: str) -> facts.StoredAnswer | None:
    known = facts.stored_answer(provider, question)
    is_new = known and known.asked_at.replace(tzinfo=UTC).timestamp() >= _asked_since.get()
    return known if is_new else None


def _storable(value: Any) -> Any:
    """The value without what no database takes in a text: NUL, and halves of characters."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return list(map(_storable, value))
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return value


@contextmanager
def _alone(provider: str, question: str) -> Iterator[None]:
    """Wait until no process of the fleet sends this request, and keep others from it."""
    digest = hashlib.sha256(question.encode()).hexdigest()[:32]
    lock = lock_of(f"asking:{provider}:{digest}", _LONGEST_ASKING)
    if not lock.acquire(blocking_timeout=_LONGEST_ASKING):
        raise UnavailableError(f"{provider} has the same request pending, and does not answer")
    try:
        yield
    finally:
        with suppress(LockError, LockNotOwnedError):  # Redis was wiped, or it took too long
            lock.release()
