"""Providers are set up wholly or not at all: each fault names its setting, and none shows a secret."""

import re

import pytest

from environment import load
from tests.house.test_settings_refused import GOOD, faults_of, named

GOOGLE = {"GOOGLE_CLIENT_ID": "latchkey.apps.example", "GOOGLE_CLIENT_SECRET": "hush-hush-of-google"}
PLACE = "https://id.example.org/.well-known/openid-configuration"
EXAMPLE = {
    "OIDC_PROVIDERS": "google,example",
    "OIDC_EXAMPLE_CLIENT_ID": "latchkey",
    "OIDC_EXAMPLE_CLIENT_SECRET": "hush-hush-of-example",
    "OIDC_EXAMPLE_DISCOVERY_URL": PLACE,
}
NO_PLACES = {
    "without a scheme": "id.example.org/.well-known/openid-configuration",
    "over http": PLACE.replace("https", "http"),
    "over http to a name that looks like this machine": "http://127.0.0.1.example.org/.well-known/openid-configuration",
    "over another scheme": PLACE.replace("https", "ftp"),
    "of the issuer, not of its document": "https://id.example.org",
    "with a query": f"{PLACE}?p=1",
    "with a fragment": f"{PLACE}#p",
    "without a host": "https:///.well-known/openid-configuration",
    "empty": " ",
}
FAULTS = {
    "no secret": (["GOOGLE_CLIENT_SECRET"], GOOGLE | {"GOOGLE_CLIENT_SECRET": ""}),
    "no file with the secret": (["GOOGLE_CLIENT_SECRET_FILE"], GOOGLE | {"GOOGLE_CLIENT_SECRET_FILE": "/nowhere"}),
    "no file with another's secret": (
        ["OIDC_EXAMPLE_CLIENT_SECRET_FILE"],
        EXAMPLE | {"OIDC_EXAMPLE_CLIENT_SECRET_FILE": "/nowhere"},
    ),
    "no id": (["OIDC_EXAMPLE_CLIENT_ID"], EXAMPLE | {"OIDC_EXAMPLE_CLIENT_ID": ""}),
    "nothing but a name": (
        ["OIDC_OTHER_CLIENT_ID", "OIDC_OTHER_CLIENT_SECRET", "OIDC_OTHER_DISCOVERY_URL"],
        {"OIDC_PROVIDERS": "google,other"},
    ),
    "both at once": (
        ["GOOGLE_CLIENT_SECRET", "OIDC_EXAMPLE_CLIENT_SECRET"],
        GOOGLE | EXAMPLE | {"GOOGLE_CLIENT_SECRET": "", "OIDC_EXAMPLE_CLIENT_SECRET": ""},
    ),
}
NAMES = ["Google", "my-idp", "../x", "1st", "a/b", "exchange", "google,exchange", "link", "x" * 40]
NOT_TRUSTED = [
    "google",
    "google:",
    ":gmail.com",
    "google:*",
    "google:*.gmail.com",
    "google:a@gmail.com",
    "Google:gmail.com",
]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_provider_that_lacks_something_refuses_the_start(kind: str) -> None:
    names, changes = FAULTS[kind]
    faults = faults_of(GOOD | changes)
    assert named(faults) == names
    assert all(re.fullmatch(r"[A-Z_]+: [^.]+\. .{12,}", fault) for fault in faults), faults
    assert "hush-hush" not in str(faults)


@pytest.mark.parametrize("kind", NO_PLACES)
@pytest.mark.parametrize("name", ["GOOGLE_DISCOVERY_URL", "OIDC_EXAMPLE_DISCOVERY_URL", "SERVER_METADATA_URL"])
def test_a_discovery_url_leads_to_a_document_over_https(kind: str, name: str) -> None:
    wanted = name.replace("SERVER_METADATA_URL", "GOOGLE_DISCOVERY_URL")
    assert named(faults_of(GOOD | GOOGLE | EXAMPLE | {name: NO_PLACES[kind]})) == [wanted]


@pytest.mark.parametrize(
    "place", [PLACE, "http://127.0.0.1:9/.well-known/openid-configuration", "http://[::1]/a/.well-known/openid-configuration"]
)
def test_a_provider_by_https_or_on_this_machine_is_taken(place: str) -> None:
    settings = load(GOOD | GOOGLE | EXAMPLE | {"OIDC_EXAMPLE_DISCOVERY_URL": place})
    assert sorted(settings.oidc) == ["example", "google"]
    assert settings.oidc["example"].discovery_url == place
    assert "hush-hush" not in repr(settings)


@pytest.mark.parametrize("names", NAMES)
def test_a_provider_has_a_plain_name_that_is_no_path_of_ours(names: str) -> None:
    assert named(faults_of(GOOD | {"OIDC_PROVIDERS": names})) == ["OIDC_PROVIDERS"]


def test_google_may_be_named_without_being_set_up_and_set_up_without_being_wanted() -> None:
    assert load(GOOD).oidc == {}
    assert load(GOOD | GOOGLE | EXAMPLE | {"OIDC_PROVIDERS": "example"}).oidc.keys() == {"example"}


def test_a_provider_is_trusted_for_the_domains_that_are_named() -> None:
    given = {"OIDC_TRUSTED_FOR": "google:GMail.com, google:münchen.example.org,example:example.org"}
    settings = load(GOOD | GOOGLE | EXAMPLE | given)
    assert settings.oidc_trusted_for == (
        "google:gmail.com",
        "google:xn--mnchen-3ya.example.org",
        "example:example.org",
    )
    assert load(GOOD).oidc_trusted_for == ()


@pytest.mark.parametrize("value", [*NOT_TRUSTED, "example:example.org"])
def test_what_names_no_provider_and_domain_refuses_the_start(value: str) -> None:
    faults = faults_of(GOOD | {"OIDC_TRUSTED_FOR": value})
    assert named(faults) == ["OIDC_TRUSTED_FOR"]


def test_each_provider_has_a_prompt_of_its_own() -> None:
    both = GOOD | GOOGLE | EXAMPLE
    assert {provider.prompt for provider in load(both).oidc.values()} == {"select_account"}
    settings = load(both | {"OIDC_GOOGLE_PROMPT": "", "OIDC_EXAMPLE_PROMPT": "login consent"})
    assert (settings.oidc["google"].prompt, settings.oidc["example"].prompt) == ("", "login consent")


@pytest.mark.parametrize("name", ["OIDC_GOOGLE_PROMPT", "OIDC_EXAMPLE_PROMPT"])
@pytest.mark.parametrize("value", ["none", "login none", "choose"])
def test_a_prompt_that_asks_nobody_refuses_the_start(name: str, value: str) -> None:
    faults = faults_of(GOOD | GOOGLE | EXAMPLE | {name: value})
    assert named(faults) == [name]
    assert "select_account" in faults[0]
