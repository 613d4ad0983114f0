"""One person's whole life with a running service: development's server, gunicorn, and that behind nginx; real SMTP."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.attacks import doors
from tests.attacks.doors import BROWSER, Answer, call
from tests.conftest import start_database
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ENOUGH = 12
"""Calls that reach both of two workers, but for one time in thousands."""


PLACES = ["development-sqlite", "production-sqlite", "production-postgresql", "production-mariadb", "nginx-postgresql"]


@pytest.fixture(params=PLACES)
def door(request: pytest.FixtureRequest, smtp: dict[str, str], mail_server: MailServer, tmp_path: Path) -> Iterator[Service]:
    mode, _, engine = str(request.param).partition("-")
    mail_server.clear()
    with ExitStack() as stack:
        uri = start_database(stack, engine, tmp_path)
        if mode == "nginx":
            yield stack.enter_context(doors.behind_nginx(uri, smtp, tmp_path))
        else:
            yield stack.enter_context(doors.service(uri, smtp, **(doors.PRODUCTION if mode == "production" else {})))


def test_a_whole_life(door: Service, mail_server: MailServer) -> None:
    link = _signs_up(door, mail_server)
    _looks_at_the_link_as_a_scanner_does(door, link)
    _confirms_by_the_button(door, link)
    for name in ("ada", "ADA", "ada@example.org", "Ada@EXAMPLE.org"):
        assert doors.login(door, name).status == 200
    tokens = doors.login(door, "ada").json
    assert tokens["token_type"] == "Bearer"
    _changes_the_profile(door, tokens["access_token"])
    tokens = call(door, "POST", "/refresh", token=tokens["refresh_token"]).json
    assert call(door, "GET", "/profile", token=tokens["access_token"]).json["first_name"] == "Ada"
    assert call(door, "POST", "/logout", token=tokens["access_token"]).status == 200
    _are_dead(door, tokens)
    door.restart()
    _are_dead(door, tokens)
    assert doors.login(door, "countess").status == 200
    _ends_cleanly(door)


def _signs_up(door: Service, mail_server: MailServer) -> str:
    answer = doors.sign_up(door, "ada", "ada@example.org")
    assert (answer.status, sorted(answer.json)) == (201, ["email", "message", "signup_token", "username"])
    assert doors.login(door, "ada").code == "email_not_confirmed"
    assert doors.login(door, "ada@example.org").code == "invalid_credentials"
    mail = mail_server.wait_to("ada@example.org")[0]
    assert mail.links[0].startswith(f"{door.url}/confirm/")
    assert mail.links[0] in mail.html
    return doors.path_of(mail.links[0])


def _looks_at_the_link_as_a_scanner_does(door: Service, link: str) -> None:
    """A browser's GET and HEAD, again and again, change nothing."""
    kinds = (BROWSER, {"User-Agent": "scan", "Accept": "text/html"}, {"Sec-Fetch-Mode": "navigate", "Accept": "*/*"})
    for headers in kinds:
        for _ in range(5):
            assert call(door, "GET", link, headers=headers).status == 200
            assert call(door, "HEAD", link, headers=headers).status == 200
    assert call(door, "HEAD", link).status == 200
    assert doors.login(door, "ada").code == "email_not_confirmed"


def _confirms_by_the_button(door: Service, link: str) -> None:
    page = call(door, "GET", link, headers=BROWSER)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in page.headers, "it works where cookies are blocked"
    assert _pressed(door, link, page, token="none").status == 400, "only the page's own form confirms"
    assert doors.login(door, "ada").code == "email_not_confirmed"
    done = _pressed(door, link, page)
    assert (done.status, b"Confirmed" in done.raw) == (200, True)
    assert call(door, "POST", link).code == "invalid_token"


def _pressed(door: Service, link: str, page: Answer, token: str = "") -> Answer:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.raw.decode())
    assert found
    form = {"csrf_token": token or found[1], "password": PASSWORD}
    return call(door, "POST", link, urlencode(form).encode(), headers=BROWSER | FORM)


def _changes_the_profile(door: Service, token: str) -> None:
    before = call(door, "GET", "/profile", token=token).json
    assert (before["username"], before["email_confirmed"], before["phone_number"]) == ("ada", True, None)
    changes = {"username": "countess", "first_name": "Ada", "last_name": "Lovelace", "phone_number": "+44 1632 960961"}
    after = call(door, "PUT", "/profile", changes, token).json
    assert after["phone_number"] == "+441632960961"
    assert (after["id"], after["email"]) == (before["id"], before["email"])
    assert doors.login(door, "ada").status == 401
    assert doors.login(door, "countess", PASSWORD).status == 200
    assert call(door, "PUT", "/profile", {"is_admin": True}, token).status == 422


def _are_dead(door: Service, tokens: dict[str, str]) -> None:
    for _ in range(ENOUGH):
        assert call(door, "GET", "/profile", token=tokens["access_token"]).code == "session_ended"
    assert call(door, "POST", "/refresh", token=tokens["refresh_token"]).code == "session_ended"


def _ends_cleanly(door: Service) -> None:
    group, began = os.getpgid(door.pid), time.monotonic()
    code = door.stop()
    seconds = time.monotonic() - began
    print(f"\nSIGTERM: exit {code} after {seconds:.1f} s")
    assert code == 0
    assert seconds < 10
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
    assert "Traceback" not in door.output
