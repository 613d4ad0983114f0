"""Names that a caller makes up, of hosts and of origins, sent to the real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, call
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.resources.test_headers import HOSTILE, HOSTS, ORIGINS

BASE = "https://auth.example.org"
FORWARDED = ("X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Host", "X-Original-Host", "X-Rewrite-URL")
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Nothing here depends on the engine."""
    return f"sqlite:///{tmp_path / 'edges.db'}"


@pytest.fixture
def door(uri: str, smtp: dict[str, str], mail_server: MailServer) -> Iterator[Service]:
    """Tokens in cookies too, and one proxy that is trusted."""
    mail_server.clear()
    more = {
        "BASE_URL": BASE,
        "TRUSTED_PROXIES": "1",
        "JWT_TOKEN_LOCATION": "headers,cookies",
        "CORS_ORIGINS": ORIGINS["CORS_ORIGINS"],
    }
    with doors.service(uri, smtp, **more) as started:
        yield started


def _made_up(host: str) -> dict[str, str]:
    forwarded = f"for=192.0.2.1;host={host};proto=http"
    return {"Host": host, "X-Forwarded-Proto": "http", "Forwarded": forwarded, **dict.fromkeys(FORWARDED, host)}


def test_no_mail_leads_to_a_made_up_host(door: Service, mail_server: MailServer, uri: str) -> None:
    doors.account(door, mail_server, "ada")
    access = doors.login(door, "ada").json["access_token"]
    for index, host in enumerate(HOSTS):
        body = {"username": f"bob{index}", "email": f"bob{index}@example.org", "password": PASSWORD}
        asked = [
            call(door, "POST", "/signup", body, headers=_made_up(host)),
            call(door, "POST", "/resend-confirmation", {"email": f"bob{index}@example.org"}, headers=_made_up(host)),
            call(door, "POST", "/forgot-password", {"email": f"bob{index}@example.org"}, headers=_made_up(host)),
            call(door, "POST", "/send-otp", {"email": "ada@example.org"}, headers=_made_up(host)),
            call(door, "PUT", "/profile", {"email": f"ada{index}@example.org"}, access, headers=_made_up(host)),
        ]
        assert {answer.status for answer in asked} <= {200, 201, 202, 400}, "a Host that is none may be refused"
        assert not any(b"evil." in answer.raw for answer in asked)
    doors.wait_until_mail_is_settled(uri, 60)
    mails = list(mail_server.messages)
    links = [link for mail in mails for link in mail.links]
    foreign = [link for link in links if not link.startswith(f"{BASE}/")]
    print(
        f"\n{len(HOSTS)} hostile hosts, each in {len(FORWARDED) + 2} headers: {len(links)} links mailed, foreign {len(foreign)}"
    )
    assert len(links) >= 3 * (len(HOSTS) - 1)
    assert foreign == []
    assert not any("evil.example" in part for mail in mails for part in (mail.text, mail.html, mail.subject))


def test_no_hostile_origin_reads_an_answer(door: Service, mail_server: MailServer) -> None:
    doors.account(door, mail_server, "ada")
    access = doors.login(door, "ada").json["access_token"]
    reflected, varied, answers = 0, 0, 0
    for origin in HOSTILE:
        for answer in _tried(door, origin.strip(), access):
            answers += 1
            reflected += any(name.lower().startswith("access-control-") for name in answer.headers)
            varied += "Origin" in answer.headers["Vary"]
    print(f"\n{len(HOSTILE)} hostile origins with credentials and preflight, {answers} answers: reflected {reflected}")
    assert (reflected, varied) == (0, answers)
    own = _tried(door, "https://app.example.org", access)
    assert [answer.headers["Access-Control-Allow-Origin"] for answer in own] == ["https://app.example.org"] * len(own)


def _tried(door: Service, origin: str, access: str) -> list[Answer]:
    credentials = {"Origin": origin, "Cookie": f"access_token_cookie={access}"}
    return [
        call(door, "GET", "/profile", token=access, headers=credentials),
        call(door, "GET", "/profile", headers=credentials),
        call(door, "POST", "/login", {"username": "nobody", "password": "x"}, headers=credentials),
        call(door, "OPTIONS", "/profile", headers=credentials | PREFLIGHT),
    ]
