"""Each provider that is declared has its module, and is asked for what it is declared to have."""

import pytest
import redis

from db.models import Role
from db.settings.providers import NAMES, Offers, offering, provider
from jobs.providers.registry import opened, opened_for_facts
from tests.providers.conftest import TurnOn

pytestmark = pytest.mark.usefixtures("tables")


@pytest.mark.parametrize("name", offering(Offers.PICTURES))
def test_a_provider_of_pictures_has_those_that_it_is_declared_to_have(
    name: str, queues: redis.Redis, turn_on: TurnOn
) -> None:
    turn_on(name)
    with opened(queues) as providers:
        ((has_name, albums, artists),) = (
            (each.name, each.album_roles, each.artist_roles) for each in providers
        )
    assert has_name == name
    assert (Role.FRONT in albums) == bool(provider(name).offers & Offers.ALBUM_COVERS)
    assert (Role.FRONT in artists) == bool(provider(name).offers & Offers.ARTIST_IMAGES)


def test_who_has_pictures_is_asked_for_them_in_the_order_of_the_owner(
    queues: redis.Redis, turn_on: TurnOn
) -> None:
    turn_on(*reversed(NAMES))
    with opened(queues) as providers:
        names = [each.name for each in providers]
    assert names == list(reversed(offering(Offers.PICTURES)))


def test_who_has_facts_is_asked_for_them_in_the_order_of_the_owner(
    queues: redis.Redis, turn_on: TurnOn
) -> None:
    turn_on(*reversed(NAMES))
    with opened_for_facts(queues) as sources:
        assert sources.musicbrainz is not None
        assert sources.acoustid is not None
        names = [sources.musicbrainz.name, sources.acoustid.name]
        names += [each.name for each in sources.others]
    assert names == ["musicbrainz", "acoustid", "wikipedia", "listenbrainz", "lastfm"]
    assert set(names) == set(offering(Offers.FACTS))


def test_who_is_not_turned_on_is_not_asked(queues: redis.Redis, turn_on: TurnOn) -> None:
    turn_on("musicbrainz")
    with opened(queues) as providers, opened_for_facts(queues) as sources:
        assert providers == []
        assert (sources.acoustid, sources.others) == (None, [])
