"""The example front end as people use it: its screens in Chromium, the mail that arrives, and nothing else called."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pyotp
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

from tests.attacks import doors
from tests.parts.ports import free_port
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

SETTLED = "main h1"
LOCAL = ("data:", "blob:", "about:")


@dataclass
class Home:
    """A running service with the front end, and where its mail goes."""

    service: Service
    mail: MailServer
    hosts: Sequence[str] = ()
    """Who else may be asked."""
    app: str = ""
    """Where the front end is, if not with the service."""

    @property
    def url(self) -> str:
        return self.app or f"{self.service.url}/app"

    def account(self, name: str) -> None:
        """Somebody who has signed up and confirmed: by the API, for journeys that begin later."""
        address = f"{name}@example.org"
        assert doors.sign_up(self.service, name, address).status == 201
        path = doors.path_of(self.link(address, "/confirm/"))
        assert doors.call(self.service, "POST", path.removeprefix("/app")).status == 200

    def with_second_factor(self, name: str) -> str:
        """Turns an authenticator app on by the API; returns a recovery code."""
        access = doors.login(self.service, name).json["access_token"]
        secret = doors.call(self.service, "POST", "/mfa", token=access).json["mfa_secret"]
        answer = doors.call(self.service, "POST", "/mfa", {"mfa_code": pyotp.TOTP(secret).now()}, access)
        return str(answer.json["recovery_codes"][0])

    def link(self, address: str, kind: str, seconds: float = 15) -> str:
        """The newest link of a kind that was mailed there."""
        found = self._wait(address, lambda text: re.findall(rf"http\S+{kind}[\w-]+", text), seconds)
        return found[-1]

    def code(self, address: str, but: str = "", seconds: float = 15) -> str:
        """The newest mailed code, which is another than this one."""
        return self._wait(
            address, lambda text: [one for one in re.findall(r"^\d{6}\b", text, re.MULTILINE) if one != but], seconds
        )[-1]

    def _wait(self, address: str, look: Callable[[str], list[str]], seconds: float) -> list[str]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [one for mail in self.mail.messages if address in mail.recipients for one in look(mail.text)]
            if found:
                return found
            time.sleep(0.05)
        raise TimeoutError(f"nothing of that kind was mailed to {address}")


@dataclass
class Person:
    """A browser of one's own. What it complains of and whom else it asks is kept, for `no_complaints`."""

    context: BrowserContext
    home: Home
    complaints: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def tab(self, path: str = "") -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self._complain(page, message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._complain(page, str(error)))
        page.on("request", lambda request: self._note(page, request))
        page.goto(f"{self.home.url}/{path}" if path else self.home.url)
        page.locator(SETTLED).wait_for()
        return page

    def _complain(self, page: Page, text: str) -> None:
        """A provider's own pages may do as they like."""
        if urlsplit(page.url).netloc not in self.home.hosts:
            self.complaints.append(text)

    def _note(self, page: Page, request: Request) -> None:
        url = urlsplit(request.url)
        if request.url.startswith(LOCAL):
            return
        if url.netloc not in (urlsplit(self.home.url).netloc, *self.home.hosts):
            self._complain(page, f"asks {request.url}")
        self.calls.append(f"{request.method} {url.path}")

    def signed_in(self, name: str, path: str = "profile") -> Page:
        page = self.tab("sign-in")
        sign_in(page, name)
        on(page, "Profile")
        if path != "profile":
            page.goto(f"{self.home.url}/{path}")
            page.locator(SETTLED).wait_for()
        return page


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name or e-mail address").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def on(page: Page, heading: str) -> None:
    """Waits for a screen."""
    expect(page.locator(SETTLED)).to_have_text(heading)


def menu(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name).click()


def card(page: Page, heading: str) -> Locator:
    return page.locator("section.card", has=page.get_by_role("heading", name=heading))


@contextmanager
def homely(uri: str, smtp: dict[str, str], mail: MailServer, hosts: Sequence[str] = (), **changes: str) -> Iterator[Home]:
    """The service, which mails links to the front end that it serves itself."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    place = {"PORT": str(port), "BASE_URL": url, "FRONTEND_URL": f"{url}/app"}
    mail.clear()
    with doors.service(uri, smtp, **place | changes) as started:
        yield Home(started, mail, hosts)


@contextmanager
def person(browser: Browser, home: Home, **options: Any) -> Iterator[Person]:
    """Somebody with a browser; it must have nothing to complain of, but that the service refused a call."""
    with browser.new_context(**options) as context:
        somebody = Person(context, home)
        yield somebody
        complaints = [text for text in somebody.complaints if not re.search(r"status of (4\d\d|503)", text)]
        assert complaints == [], complaints
