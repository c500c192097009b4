"""Who is turned on, and what they cannot be turned on without."""

import pytest

from db.errors import SettingError
from db.settings import provider_settings

KEYS = {"FLEET_FANARTTV_KEY": "abc", "FLEET_LASTFM_KEY": "abc", "FLEET_CONTACT": "me@example.org"}


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """An environment."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_nobody_is_on_by_itself() -> None:
    assert provider_settings.turned_on() == []
    assert not provider_settings.any_on()


def test_providers_are_asked_in_the_order_in_which_they_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given(monkeypatch, FLEET_PROVIDERS=" Deezer, coverartarchive ,deezer,", **KEYS)
    assert provider_settings.turned_on() == ["deezer", "coverartarchive"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("deezr", "deezer"),
        ("last.fm", "lastfm"),
        ("fanart.tv", "fanarttv"),
        ("audiodb", "theaudiodb"),
    ],
)
def test_an_unknown_provider_is_an_error_that_says_what_is_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    given(monkeypatch, FLEET_PROVIDERS=f"coverartarchive,{name}", **KEYS)
    with pytest.raises(SettingError, match=f"did you mean {meant}.*coverartarchive, deezer"):
        provider_settings.turned_on()
    assert provider_settings.any_on()


@pytest.mark.parametrize("name", ["fanarttv", "lastfm"])
def test_a_provider_that_gives_keys_needs_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given(monkeypatch, FLEET_PROVIDERS=name)
    with pytest.raises(SettingError, match=f"set FLEET_{name.upper()}_KEY, or leave {name} out"):
        provider_settings.turned_on()


@pytest.mark.parametrize("key", ["a/b", "../x", "a b", "a\nHost: x", "ü"])
def test_what_is_no_key_gets_into_no_request(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    given(monkeypatch, FLEET_PROVIDERS="theaudiodb", FLEET_THEAUDIODB_KEY=key)
    with pytest.raises(SettingError, match="FLEET_THEAUDIODB_KEY is no key"):
        provider_settings.check()


def test_theaudiodb_has_a_key_for_everybody() -> None:
    assert provider_settings.key("theaudiodb") == "123"


@pytest.mark.parametrize("name", ["coverartarchive", "wikidata"])
def test_a_provider_that_wants_to_know_who_asks_needs_a_contact(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given(monkeypatch, FLEET_PROVIDERS=name)
    with pytest.raises(SettingError, match="set FLEET_CONTACT"):
        provider_settings.turned_on()


@pytest.mark.parametrize("contact", ["me", "@", "me@example.org)\nHost: x", "me @ x", "mé@x.org"])
def test_what_is_no_contact_is_an_error(monkeypatch: pytest.MonkeyPatch, contact: str) -> None:
    given(monkeypatch, FLEET_CONTACT=contact)
    with pytest.raises(SettingError, match="FLEET_CONTACT"):
        provider_settings.contact()


@pytest.mark.parametrize("contact", ["me@example.org", "https://example.org/me"])
def test_a_mail_address_or_url_is_a_contact(monkeypatch: pytest.MonkeyPatch, contact: str) -> None:
    given(monkeypatch, FLEET_CONTACT=contact)
    assert provider_settings.contact() == contact


def test_a_service_may_be_at_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, FLEET_PROVIDER_URLS="musicbrainz=http://nas:5000/ws/2/, deezer=https://d")
    assert provider_settings.other_urls() == {
        "musicbrainz": "http://nas:5000/ws/2",
        "deezer": "https://d",
    }


@pytest.mark.parametrize(
    ("urls", "why"),
    [
        ("musicbrains=http://nas", "did you mean musicbrainz"),
        ("musicbrainz", "write NAME=http"),
        ("musicbrainz=nas:5000", "write NAME=http"),
        ("musicbrainz=file:///etc", "write NAME=http"),
        ("musicbrainz=http://user:pw@nas", "write NAME=http"),
        ("musicbrainz=http://nas:port", "write NAME=http"),
        ("musicbrainz=http://nas/?x=1", "write NAME=http"),
    ],
)
def test_another_place_that_is_none_is_an_error(
    monkeypatch: pytest.MonkeyPatch, urls: str, why: str
) -> None:
    given(monkeypatch, FLEET_PROVIDER_URLS=urls)
    with pytest.raises(SettingError, match=why):
        provider_settings.other_urls()


def test_a_service_of_one_s_own_may_be_asked_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, FLEET_PROVIDER_PACES="musicbrainz=0, deezer=2.5")
    urls = {"musicbrainz": "http://nas", "deezer": "http://nas"}
    assert provider_settings.other_intervals(urls) == {"musicbrainz": 0.0, "deezer": 2.5}


@pytest.mark.parametrize(
    ("paces", "why"),
    [
        ("deezer=1", "which FLEET_PROVIDER_URLS does not"),
        ("musicbrainz=often", "write NAME=SECONDS"),
        ("musicbrainz=-1", "write NAME=SECONDS"),
        ("musicbrainz=nan", "write NAME=SECONDS"),
        ("musicbrainz", "write NAME=SECONDS"),
    ],
)
def test_how_often_others_are_asked_is_not_the_owner_s_to_say(
    monkeypatch: pytest.MonkeyPatch, paces: str, why: str
) -> None:
    given(monkeypatch, FLEET_PROVIDER_PACES=paces)
    with pytest.raises(SettingError, match=why):
        provider_settings.other_intervals({"musicbrainz": "http://nas"})


def test_facts_and_pictures_are_turned_on_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, FLEET_PROVIDERS="MusicBrainz,wikipedia")
    assert (provider_settings.any_on(), provider_settings.any_with_facts()) == (False, True)
    given(monkeypatch, FLEET_PROVIDERS="deezer")
    assert (provider_settings.any_on(), provider_settings.any_with_facts()) == (True, False)
    given(monkeypatch, FLEET_PROVIDERS="lastfm")
    assert (provider_settings.any_on(), provider_settings.any_with_facts()) == (True, True)
