"""Texts that callers choose, headers included, are data wherever they come out: in mails, answers and log lines."""

from collections.abc import Callable
from logging import StreamHandler, getLogger
from logging.handlers import WatchedFileHandler
from pathlib import Path

import pytest

from tests.people import PASSWORD
from tests.resources.conftest import Door, heard_log

MARKUP = "<img src=x onerror=a>/1.0"
TEMPLATE = "{{7*7}}{%x%}${7*7}/1.0"
FORMAT = "%s%d{0.__class__}/1.0"
LINE_BREAKS = ("\r", "\n", "\x1b[2J", "\x85", "\u2028", "\u2029")
FORGED = "FORGED ERROR line"


def notice_of_a_new_device(door: Door, agent: str) -> tuple[str, str]:
    """Text and HTML of the mail about a sign-in by this user agent."""
    door.account()
    body = {"username": "ada", "password": PASSWORD}
    assert door.post("/login", body, headers={"User-Agent": "Known/1.0"}).status_code == 200
    assert door.post("/login", body, headers={"User-Agent": agent}).status_code == 200
    mail = door.mail_to("ada@example.org")[-1]
    return mail.text, mail.html


@pytest.mark.parametrize("agent", [MARKUP, TEMPLATE, FORMAT, "call +1 555 0100, by the operator"])
def test_a_notice_quotes_nothing_that_a_caller_made_up(door: Door, agent: str) -> None:
    for form in notice_of_a_new_device(door, agent):
        assert "Unknown device" in form
        assert "onerror" not in form
        assert not any(part in form for part in ("7*7", "49", "__class__", "555", "operator"))


def test_clients_without_a_name_are_told_apart_all_the_same(door: Door) -> None:
    """What is not shown still tells kinds of device apart, or anybody's tool would pass for the owner's."""
    door.account()
    body = {"username": "ada", "password": PASSWORD}
    heard = []
    for agent in ("Our Internal Tool", "Our Internal Tool", "(another)", "Acme Bot/1.0", "Eve's crawler/9"):
        assert door.post("/login", body, headers={"User-Agent": agent}).status_code == 200
        heard.append(len([mail for mail in door.mail_to("ada@example.org") if "new device" in mail.subject]))
    assert heard == [0, 0, 1, 2, 3]


def test_what_a_mail_does_quote_is_escaped_in_its_html(build: Callable[..., Door]) -> None:
    """What people may write has no such signs; the operator's name for the service has."""
    door = build(SERVICE_NAME="Acme & <b>Sons</b> {{7*7}} %s")
    door.sign_up("ada", "ada@example.org")
    (mail,) = door.mail_to("ada@example.org")
    assert "Acme & <b>Sons</b> {{7*7}} %s" in mail.text
    assert "Acme &amp; &lt;b&gt;Sons&lt;/b&gt; {{7*7}} %s" in mail.html


def test_a_device_is_named_by_few_printable_characters(door: Door) -> None:
    agent = "\x1b[2J\u2028" + "A" * 1000
    door.account()
    body = {"username": "ada", "password": PASSWORD}
    answer = door.post("/login", body, environ_overrides={"HTTP_USER_AGENT": agent.encode().decode("latin-1")})
    (session,) = door.get("/sessions", answer.get_json()["access_token"]).get_json()
    assert session["user_agent"].isprintable()
    assert len(session["user_agent"]) == 400
    assert len(session["device"]) <= 60


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_header_and_no_field_makes_a_line_in_the_log(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    door = build(LOG_FORMAT=form, LOG_LEVEL="INFO")
    log = heard_log(monkeypatch)
    headers = ("USER_AGENT", "X_REQUEST_ID", "REFERER", "X_FORWARDED_FOR", "ORIGIN", "ACCEPT", "COOKIE", "TRACEPARENT")
    calls = 0
    for sign in LINE_BREAKS:
        text = f"a{sign}{FORGED}"
        raw = {f"HTTP_{name}": text.encode().decode("latin-1") for name in headers}
        for path in ("/login", "/forgot-password", "/send-otp"):
            door.post(path, {"username": text, "email": text, "password": text}, environ_overrides=raw)
            calls += 1
        door.get("/problems/busy", environ_overrides=raw | {"REQUEST_METHOD": "GET"})
        calls += 1
    lines = log.getvalue().splitlines()
    print(f"\n{calls} calls, {len(lines)} lines")
    assert len(lines) == calls
    assert FORGED not in log.getvalue()


def test_the_log_goes_to_the_console_and_the_named_file_only(build: Callable[..., Door], tmp_path: Path) -> None:
    file = tmp_path / "only.log"
    build(LOG_FILE=str(file))
    ours = [handler for handler in getLogger().handlers if getattr(handler, "is_latchkey", False)]
    assert [isinstance(handler, WatchedFileHandler) for handler in ours] == [False, True]
    assert all(isinstance(handler, StreamHandler) for handler in ours)
    assert Path(ours[1].baseFilename) == file  # type: ignore[attr-defined]
    others = [name for name, logger in getLogger().manager.loggerDict.items() if getattr(logger, "handlers", None)]
    assert [name for name in others if name.startswith(("latchkey", "services", "flows", "resources"))] == []
