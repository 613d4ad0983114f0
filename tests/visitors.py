"""Somebody whose browser is sent to a provider and back."""

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from config import Provider
from tests.factors import said
from tests.parts.hostile_provider import CLIENT_ID, CLIENT_SECRET, Realm
from tests.parts.provider import Provider as RealProvider
from tests.people import PASSWORD, House


def settings_of(discovery_url: str, name: str = "google") -> dict[str, str]:
    """The environment of a service that knows this provider."""
    prefix = "GOOGLE" if name == "google" else f"OIDC_{name.upper()}"
    secret = {f"{prefix}_CLIENT_ID": CLIENT_ID, f"{prefix}_CLIENT_SECRET": CLIENT_SECRET}
    return secret | {f"{prefix}_DISCOVERY_URL": discovery_url}


def settings_for(real: RealProvider, name: str = "google") -> dict[str, str]:
    """The same, with what this provider may be asked."""
    return settings_of(real.discovery_url, name) | {f"OIDC_{name.upper()}_PROMPT": real.prompt}


def set_up(house: House, monkeypatch: pytest.MonkeyPatch, realm: Realm, name: str = "google", **changes: Any) -> None:
    """The operator sets this provider up, and restarts."""
    settings = house.app.extensions["settings"]
    secret = {"client_id": CLIENT_ID, "client_secret": realm.secret}
    provider = Provider(name=name, discovery_url=realm.discovery_url, **secret)
    changed = settings.model_copy(update={"oidc": settings.oidc | {name: provider}} | changes)
    monkeypatch.setitem(house.app.extensions, "settings", changed)


@dataclass
class Visitor:
    """A browser: it keeps the service's cookies, and comes from where the service is."""

    house: House
    cookies: dict[str, str] = field(default_factory=dict)

    def open(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """What is there; redirects are looked at, not followed. `body`: of a POST."""
        sent = {"Host": urlsplit(self.house.app.extensions["settings"].address).netloc} | headers
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.house.get(path, headers=sent) if body is None else self.house.post(path, body, headers=sent)
        for line in answer.headers.getlist("Set-Cookie"):
            self.cookies |= {name: cookie.value for name, cookie in SimpleCookie(line).items()}
        return answer

    def leave(self, path: str = "/auth/google") -> str:
        """The provider's address that the browser is sent to."""
        answer = self.open(path)
        assert answer.status_code == 302, answer.get_data(as_text=True)
        return answer.headers["Location"]

    def sign_in(self, realm: Realm, name: str = "google", query: str = "", **person: Any) -> TestResponse:
        """There and back again: what the callback answers."""
        back = realm.sign_in(self.leave(f"/auth/{name}{query}"), **person)
        return self.open(f"/auth/{name}/callback?{back}")

    def prove(self, answer: TestResponse, password: str = PASSWORD, **proof: str) -> TestResponse:
        """Proves that the account is one's own, as `answer` asks for; by the password, unless another proof is given."""
        return self.open("/auth/link", {"link_token": link_token(answer)} | (proof or {"password": password}))


def link_token(answer: TestResponse) -> str:
    assert said(answer) == (401, "link_proof_required"), answer.get_data(as_text=True)
    return str(answer.get_json()["link_token"])


def told(answer: TestResponse) -> dict[str, str]:
    """What the page is told behind `#`."""
    assert answer.status_code == 302, answer.get_data(as_text=True)
    address, _, fragment = answer.headers["Location"].partition("#")
    assert "?" not in address
    return {name: values[0] for name, values in parse_qs(fragment, strict_parsing=True).items()}


def ada(**more: Any) -> dict[str, Any]:
    """Ada as an honest provider describes her."""
    return {"sub": "ada at the provider", "email": "ada@example.org", "email_verified": True} | more
