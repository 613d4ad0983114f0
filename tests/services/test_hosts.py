"""OUTBOUND_HOSTS: how entries are written, and which hosts each of them means."""

import pytest

import hosts
from environment import SettingsRefused
from tests.conftest import settings_with
from tests.visitors import settings_of

WRITTEN = {
    "ID.Example.org": "id.example.org",
    "straße.example": "xn--strae-oqa.example",
    "*.straße.example": "*.xn--strae-oqa.example",
    "localhost": "localhost",
    "127.0.0.1": "127.0.0.1",
    "::1": "::1",
    "0:0:0:0:0:0:0:1": "::1",
    "id_1.example.org": "id_1.example.org",
}
MEANT = {
    "id.example.org": (
        ["id.example.org", "ID.EXAMPLE.ORG", "id.example.org."],
        ["example.org", "a.id.example.org", "id.example.orgs"],
    ),
    "*.example.org": (
        ["id.example.org", "a.b.example.org"],
        ["example.org", "badexample.org", ".org", "id.example.org.evil.example"],
    ),
    "::1": (["::1", "[::1]"], ["::2", "127.0.0.1"]),
}
GOOGLE = "https://accounts.google.com/.well-known/openid-configuration"


@pytest.mark.parametrize("text", WRITTEN)
def test_a_host_is_kept_as_connections_name_it(text: str) -> None:
    assert settings_with(OUTBOUND_HOSTS=f" {text} ,").outbound_hosts == (WRITTEN[text],)


@pytest.mark.parametrize("entry", MEANT)
def test_an_entry_means_these_hosts_and_no_others(entry: str) -> None:
    meant, others = MEANT[entry]
    assert [host for host in (*meant, *others) if hosts.is_listed(host, (entry,))] == meant


def test_without_a_list_every_host_may_be_asked() -> None:
    assert settings_with().may_ask("anything.example")
    assert not settings_with(OUTBOUND_HOSTS="id.example.org").may_ask("anything.example")


def test_a_provider_whose_own_host_is_not_listed_refuses_the_start() -> None:
    both = settings_of(GOOGLE) | settings_of("https://id.example.org/.well-known/openid-configuration", "example")
    fixed = both | {"OIDC_PROVIDERS": "google,example"}
    with pytest.raises(SettingsRefused) as refused:
        settings_with(OUTBOUND_HOSTS="*.googleapis.com,id.example.org", **fixed)
    cure = "Add accounts.google.com, and the hosts that its document names."
    assert refused.value.faults == [f"OUTBOUND_HOSTS: lacks the host of GOOGLE_DISCOVERY_URL. {cure}"]
    taken = settings_with(OUTBOUND_HOSTS="accounts.google.com,*.googleapis.com,id.example.org", **fixed)
    assert [taken.may_ask(host) for host in ("oauth2.googleapis.com", "googleapis.com", "evil.example")] == [True, False, False]
