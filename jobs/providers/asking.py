"""Asking a provider, unless it has answered already."""

from db import provider_answers
from jobs.providers.provider import Offer, Provider, Question

_OFFERS = "offers"


def answer(provider: Provider, question: Question) -> list[Offer]:
    """What the provider offers; none when it has nothing. Either way that is kept for a while.

    Raises UnavailableError or RefusedError, which is not kept.
    """
    known = provider_answers.remembered(provider.name, question.text)
    if known is not None:
        return [Offer(**offer) for offer in known.answer[_OFFERS]]
    found = question.ask()
    provider_answers.remember(
        provider.name,
        question.text,
        {_OFFERS: [offer._asdict() for offer in found]},
        found=bool(found),
    )
    return found
