"""With OUTBOUND_HOSTS, no discovery document makes the service look up or call a host that is not on the list."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from services import openid
from tests.factors import said
from tests.parts.hostile_provider import DISCOVERY, JWKS, TOKEN, USERINFO, Realm, hostile_provider
from tests.parts.ports import LOOPBACK
from tests.resources.conftest import Door, door, heard_log, standing_door
from tests.visitors import Visitor, ada, set_up

__all__ = ["door", "standing_door"]
ENDPOINTS = {"token_endpoint": TOKEN, "jwks_uri": JWKS, "userinfo_endpoint": USERINFO}
ELSEWHERE = "localhost"
"""Another name for where the provider is, so that only the list keeps anybody from it."""


@pytest.fixture
def realm() -> Iterator[Realm]:
    openid._kept.clear()
    with hostile_provider() as provider:
        yield provider.realm()
    openid._kept.clear()


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were asked for since."""
    names: list[str] = []
    ask = socket.getaddrinfo

    def watched(host: Any, *rest: Any, **options: Any) -> Any:
        names.append(str(host))
        return ask(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    return names


def sign_in(door: Door, realm: Realm, name: str) -> TestResponse:
    """Whose address only the userinfo endpoint tells, where that is examined."""
    realm.published[DISCOVERY] = {name: (realm.issuer + ENDPOINTS[name]).replace(LOOPBACK, ELSEWHERE)}
    realm.published[USERINFO] = ada()
    person = {"sub": ada()["sub"]} if name == "userinfo_endpoint" else ada()
    return Visitor(door).sign_in(realm, **person)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_host_that_is_not_listed_is_neither_looked_up_nor_called(
    door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, looked_up: list[str], name: str
) -> None:
    set_up(door, monkeypatch, realm, outbound_hosts=(LOOPBACK,))
    heard = heard_log(monkeypatch)
    assert said(sign_in(door, realm, name)) == (400, "oauth_failed")
    assert realm.asked[ENDPOINTS[name]] == 0
    assert ELSEWHERE not in looked_up
    assert LOOPBACK in looked_up, "the control: look-ups are seen"
    assert f"provider google is not asked: {ELSEWHERE} is not in OUTBOUND_HOSTS" in heard.getvalue()
    assert realm.secret not in heard.getvalue()
    assert door.counts()["users"] == 0


@pytest.mark.parametrize("listed", [(LOOPBACK, ELSEWHERE), ()], ids=["listed", "no list"])
@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_host_that_is_listed_is_asked_as_before(
    door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, name: str, listed: tuple[str, ...]
) -> None:
    set_up(door, monkeypatch, realm, outbound_hosts=listed)
    assert sign_in(door, realm, name).status_code == 200
    assert realm.asked[ENDPOINTS[name]] == 1


def test_where_people_are_sent_is_the_browser_s_to_connect_to(
    door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, looked_up: list[str]
) -> None:
    set_up(door, monkeypatch, realm, outbound_hosts=(LOOPBACK,))
    realm.published[DISCOVERY] = {"authorization_endpoint": "https://login.example/authorize"}
    assert Visitor(door).sign_in(realm, **ada()).status_code == 200
    assert "login.example" not in looked_up


def test_the_discovery_document_itself_comes_from_a_listed_host(
    door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, looked_up: list[str]
) -> None:
    """The start refuses such settings; the connection does too."""
    set_up(door, monkeypatch, realm, outbound_hosts=("id.example.org",))
    assert said(Visitor(door).open("/auth/google")) == (400, "oauth_failed")
    assert (realm.asked.total(), looked_up) == (0, [])
