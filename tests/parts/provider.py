"""Two OpenID providers that others wrote, each as its own process: PyPI's oidc-provider-mock, npm's certified one."""

import http.client
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from . import node
from .account import Account
from .daemon import running
from .missing import Missing
from .ports import LOOPBACK

WELL_KNOWN = "/.well-known/openid-configuration"
CLIENT_ID, CLIENT_SECRET = "latchkey", "secret-of-latchkey"
INSTALL = "Install the wheel oidc-provider-mock (see requirements-dev.txt) to test sign-in with a provider."
Pages = Callable[[requests.Session, str, str | None], requests.Response]


@dataclass(frozen=True)
class Provider:
    """A provider that knows `ada`, `bea` and whoever else asks, each with a verified address at example.org."""

    issuer: str
    _pages: Pages
    prompt: str = "select_account"
    """What it knows of; npm's refuses any other value unless it is programmed for it."""

    @property
    def discovery_url(self) -> str:
        return self.issuer + WELL_KNOWN

    def sign_in(self, authorization_url: str, name: str | None) -> str:
        """Where the browser is sent back to once this person has signed in; None: has refused to."""
        here = parse_qs(urlsplit(authorization_url).query)["redirect_uri"][0]
        with requests.Session() as browser:
            browser.trust_env = False
            answer = self._pages(browser, authorization_url, name)
            while not (place := urljoin(answer.url, answer.headers["Location"])).startswith(here):
                answer = browser.get(place, allow_redirects=False)
                if answer.status_code == 200:  # a further page: of consent
                    answer = _answered(browser, answer.url, prompt="consent")
        return place


@contextmanager
def mock(folder: Path, *names: str) -> Iterator[Provider]:
    """Yield oidc-provider-mock."""
    program = shutil.which("oidc-provider-mock", path=str(Path(sys.executable).parent))
    if program is None:
        raise Missing(INSTALL)
    people = [{"sub": name, "email": f"{name}@example.org", "email_verified": True} for name in names]
    claims = [word for person in people for word in ("--user-claims", json.dumps(person))]
    with _running(folder, lambda port: [sys.executable, program, "-p", str(port), *claims]) as issuer:
        yield Provider(issuer, _mock_pages)


@contextmanager
def certified(folder: Path, redirect_uris: Sequence[str]) -> Iterator[Provider]:
    """Yield npm's oidc-provider; it sends people back to these addresses only."""
    start = node.command("provider.mjs")
    with _running(folder, lambda port: [*start, str(port), *redirect_uris]) as issuer:
        yield Provider(issuer, _certified_pages, "login")


@contextmanager
def _running(folder: Path, command: Callable[[int], list[str]]) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    with running(Account(Path(tempfile.mkdtemp(dir=folder))), command, _answers) as port:
        yield f"http://{LOOPBACK}:{port}"


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", WELL_KNOWN)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _mock_pages(browser: requests.Session, url: str, name: str | None) -> requests.Response:
    return _answered(browser, url, **({"sub": name} if name else {"action": "deny"}))


def _certified_pages(browser: requests.Session, url: str, name: str | None) -> requests.Response:
    page = browser.get(url).url
    if name is None:
        return browser.get(f"{page}/abort", allow_redirects=False)
    return _answered(browser, page, prompt="login", login=name, password="any")


def _answered(browser: requests.Session, page: str, **form: str) -> requests.Response:
    answer = browser.post(page, form, allow_redirects=False)
    assert "Location" in answer.headers, answer.text
    return answer
