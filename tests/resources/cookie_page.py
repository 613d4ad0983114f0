"""A page in a browser, as the service sees it: it keeps cookies, and the two CSRF tokens that only it was told."""

from dataclasses import dataclass, field
from http.cookies import Morsel, SimpleCookie
from typing import Any

from werkzeug.test import TestResponse

from tests.people import PASSWORD
from tests.resources.conftest import Door

ACCESS, REFRESH = "latchkey_access", "latchkey_refresh"


@dataclass
class Page:
    """Sends its cookies with every call, and takes what Set-Cookie says."""

    door: Door
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, json: Any = None, csrf: str | None = None, **headers: str) -> TestResponse:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if csrf is not None:
            headers["X-CSRF-TOKEN"] = csrf
        answer = self.door.ask(method, path, json, headers={name.replace("_", "-"): text for name, text in headers.items()})
        for name, cookie in set_by(answer).items():
            self.cookies[name] = cookie.value
            if cookie["max-age"] == "0":
                del self.cookies[name]
        said = answer.get_json(silent=True)
        if isinstance(said, dict):
            self.csrf |= {name: text for name, text in said.items() if name.startswith("csrf_")}
        return answer

    def sign_in(self, **headers: str) -> TestResponse:
        answer = self.ask("POST", "/login", {"username": "ada", "password": PASSWORD}, **headers)
        assert answer.status_code == 200
        return answer

    @property
    def access_csrf(self) -> str:
        return self.csrf["csrf_access_token"]

    @property
    def refresh_csrf(self) -> str:
        return self.csrf["csrf_refresh_token"]

    def lives(self) -> bool:
        """Whether the session of its access cookie still does."""
        return self.ask("GET", "/profile").status_code == 200


def set_by(answer: TestResponse) -> "dict[str, Morsel[str]]":
    """The cookies that an answer sets or clears; it names each once."""
    lines = answer.headers.getlist("Set-Cookie")
    found = dict(pair for line in lines for pair in SimpleCookie(line).items())
    assert len(found) == len(lines)
    return found


def clears_both(answer: TestResponse) -> bool:
    """Both at once; a browser drops a cookie only where name, path and the rest are as it was set."""
    gone = {name.removeprefix("__Host-"): cookie for name, cookie in set_by(answer).items()}
    return set(gone) == {ACCESS, REFRESH} and all(
        (cookie["max-age"], cookie["path"], cookie.value) == ("0", "/", "") for cookie in gone.values()
    )
