"""Canaries through all flows at DEBUG: no password, token, link, address, name or number in what the service prints."""

import http.client
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.attacks import canaries, doors
from tests.attacks.canaries import Canary
from tests.attacks.doors import BROWSER, Answer, at_once, call
from tests.parts.service import Service
from tests.parts.smtp import MailServer

PASSWORD = "Kanarienvogel-zwitschert-7391"
WRONG = "Wellensittich-schweigt-8264"
NAME, OTHER = "kanari-anna", "kanari-berta"
FIRST, LAST, PHONE = "Zwitscherine", "Piepmatz", "+441632960961"
PLANTED = "planted-kanari-4711"
FIXED = [
    PASSWORD,
    WRONG,
    *canaries.PASSWORDS,
    "kanari-",
    "kanari@",
    "zwitscherine",
    "piepmatz",
    "1632960961",
    "1632 960961",
    "nachtigall",
]


@pytest.fixture(params=["text", "json", "production"])
def watched(
    request: pytest.FixtureRequest, uri: str, smtp: dict[str, str], mail_server: MailServer, tmp_path: Path
) -> Iterator[tuple[Service, Path]]:
    """The service at DEBUG, and its log file."""
    mail_server.clear()
    file = tmp_path / "app.log"
    more = {"LOG_LEVEL": "DEBUG", "LOG_FILE": str(file), "LOG_FORMAT": "json" if request.param == "json" else "text"}
    if request.param == "production":
        more |= {"FLASK_ENV": "production", "BCRYPT_LOG_ROUNDS": "10"}
    with doors.service(uri, smtp, **more) as door:
        yield door, file
    mail_server.answers.clear()


def test_no_canary_reaches_the_log(watched: tuple[Service, Path], mail_server: MailServer, uri: str, kind: str) -> None:
    door, file = watched
    secrets: list[str] = []
    _sign_up_and_fail_to(door, mail_server)
    secrets += _confirm(door, mail_server)
    secrets += _sign_in_and_fail_to(door)
    canary = Canary(door, mail_server, NAME, "kanari@anna.example.org", PASSWORD)
    canaries.live(canary)
    secrets += canary.secrets
    _send_rubbish(door)
    _break_the_database(door, uri)
    call(door, "GET", "/nothing", headers={"X-Request-ID": PLANTED})
    measured = call(door, "GET", "/metrics").raw.decode()
    assert door.stop() == 0
    printed, written = door.output, file.read_text(encoding="utf-8")
    found = {where: _hits(lines, FIXED + secrets) for where, lines in (("output", printed), ("file", written))}
    lines, fixed = len((printed + written).splitlines()), len(FIXED + secrets)
    print(f"\n[{kind}] {fixed} canaries in {lines} lines: {sum(map(len, found.values()))} hits")
    subjects = "\n".join(mail.subject for mail in mail_server.messages)
    assert len(secrets) >= 60
    assert subjects.count("Latchkey") >= 20, "every mail that came has a subject"
    assert _hits(subjects, FIXED + secrets) == []
    assert measured.count("latchkey_requests_total{") >= 20, "the metrics tell of all that was done"
    assert _hits(measured, FIXED + secrets) == []
    for log in (printed, written):
        assert _hits(log, [PLANTED]), "the search finds what the service was made to log"
        assert "given up" in log
        assert "503" in log or "500" in log
    assert found == {"output": [], "file": []}
    with doors.engine_of(uri).connect() as connection:
        found_rows = connection.execute(text("SELECT kind, count(*) FROM audit_facts GROUP BY kind"))
        rows: dict[str, int] = dict(found_rows.tuples().all())
    assert sum(rows.values()) >= 40
    assert [_events(log) for log in (printed, written)] == [rows, rows], "each event is one line, and leaves the machine"


def _events(log: str) -> Counter[str]:
    """How many lines of events there are of each kind, in either format."""
    found = re.findall(r'^\{.*"event": "(\w+)"|services\.audit \[[^]]+\] event (\w+)', log, re.MULTILINE)
    return Counter(of_json or of_text for of_json, of_text in found)


def _hits(log: str, words: list[str]) -> list[str]:
    """Lines with a canary; the planted request id is not one. Six digits count as a word only: ids are full of digits."""
    patterns = [rf"\b{canary}\b" if len(canary) == 6 else re.escape(canary) for canary in words]
    found = re.compile("|".join(patterns), re.IGNORECASE)
    lines = [line if PLANTED in words else line.replace(PLANTED, "") for line in log.splitlines()]
    return [line[:300] for line in lines if found.search(line)]


def _sign_up(door: Service | http.client.HTTPConnection, username: str, email: str, **more: str) -> Answer:
    body = {"username": username, "email": email, "password": PASSWORD, "first_name": FIRST, "last_name": LAST}
    return call(door, "POST", "/signup", body | {"phone_number": PHONE} | more)


def _sign_up_and_fail_to(door: Service, mail_server: MailServer) -> None:
    mail_server.answers["kanari@bounced.example.org"] = ["550 5.1.1 kanari@bounced.example.org is not here"]
    mail_server.answers["kanari@later.example.org"] = ["451 4.3.0 kanari@later.example.org may come later"]
    mail_server.data_answers["kanari@spam.example.org"] = ["554 5.7.1 kanari@spam.example.org does not want it"]
    for name, email in ((NAME, "anna"), (OTHER, "berta"), ("kanari-x", "bounced"), ("kanari-y", "later"), ("kanari-z", "spam")):
        assert _sign_up(door, name, f"kanari@{email}.example.org").status == 201
    assert _sign_up(door, NAME.upper(), "kanari@new.example.org").status == 409
    raced = at_once([door], lambda _, line: _sign_up(line, "kanari-raced", "kanari@raced.example.org"))
    # More than are hashed at once wait for their turn, and are sent away after a while.
    assert {201, 409} <= {answer.status for answer in raced} <= {201, 409, 503}
    for field in ("username", "email", "password", "first_name", "phone_number"):
        right = {"username": "kanari-bad", "email": "kanari@bad.example.org", "password": PASSWORD}
        assert call(door, "POST", "/signup", right | {field: "nachtigall" * 40}).status == 422
    assert call(door, "POST", "/signup", {"nachtigall": "nachtigall"}).status == 422


def _confirm(door: Service, mail_server: MailServer) -> list[str]:
    secrets = []
    for name in ("anna", "berta"):
        link = mail_server.wait_to(f"kanari@{name}.example.org")[0].links[0]
        secrets.append(link.rsplit("/", 1)[1])
        path = doors.path_of(link)
        assert call(door, "GET", path, headers=BROWSER).status == 200
        assert call(door, "POST", path, b"csrf_token=nachtigall", headers=BROWSER).status in (400, 415)
        assert call(door, "PUT", path).status == 405
        assert [call(door, "POST", path, {"password": PASSWORD}).status for _ in range(2)] == [200, 400]
    assert call(door, "POST", "/confirm/nachtigall").status == 400
    for email in ("kanari@anna.example.org", "kanari@nobody.example.org", "kanari-nachtigall"):
        assert call(door, "POST", "/resend-confirmation", {"email": email}).status in (202, 422)
    return secrets


def _sign_in_and_fail_to(door: Service) -> list[str]:
    for name in (NAME, "kanari@anna.example.org", "kanari-nobody", "kanari-x", "kanari@nobody.example.org"):
        assert doors.login(door, name, WRONG).status == 401
    assert doors.login(door, "kanari-x", PASSWORD).status == 403
    first = doors.login(door, "kanari@anna.example.org", PASSWORD).json
    second = call(door, "POST", "/refresh", token=first["refresh_token"]).json
    third = call(door, "POST", "/refresh", token=second["refresh_token"]).json
    taken = call(door, "PUT", "/profile", {"username": OTHER, "phone_number": PHONE}, third["access_token"])
    assert taken.code == "username_taken"
    assert call(door, "PUT", "/profile", {"last_name": LAST}, third["access_token"]).status == 200
    assert call(door, "GET", f"/profile?token={third['access_token']}&email=kanari@anna.example.org").status == 401
    assert call(door, "POST", "/refresh", token=first["refresh_token"]).code == "token_reused"
    assert call(door, "POST", "/logout", token=third["refresh_token"]).code == "session_ended"
    live = doors.login(door, NAME, PASSWORD).json
    assert call(door, "POST", "/logout", token=live["access_token"]).status == 200
    tokens = [pair[name] for pair in (first, second, third, live) for name in ("access_token", "refresh_token")]
    return [*tokens, *(token.split(".")[2] for token in tokens)]


def _send_rubbish(door: Service) -> None:
    for token in ("nachtigall", "nachtigall.nachtigall.nachtigall", "nachtigall" * 1000):
        # gunicorn itself refuses a header of more than 8190 bytes.
        assert call(door, "GET", "/profile", token=token).status in (401, 431)
    for body in (b'{"password": "nachtigall"', b'{"nachtigall": 1, "nachtigall": 2}', b'"nachtigall"', b"nachtigall\xff"):
        assert call(door, "POST", "/login", body).status in (400, 422)
    assert call(door, "POST", "/login", b"nachtigall" * 10000).status == 413
    assert call(door, "GET", "/nachtigall?nachtigall=nachtigall").status == 404
    assert call(door, "POST", "/login", b"nachtigall", headers={"Content-Type": "text/nachtigall"}).status == 415
    assert call(door, "GET", "/profile", headers={"X-Request-ID": "nachtigall nachtigall"}).status == 401


def _break_the_database(door: Service, uri: str) -> None:
    """The drivers' messages quote statements and parameters."""
    engine = doors.engine_of(uri)
    for before, after in (("users", "users_away"), ("users_away", "users")):
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))
        if after == "users_away":
            statuses = {doors.login(door, name, PASSWORD).status for name in (NAME, "kanari@anna.example.org")}
            statuses |= {_sign_up(door, "kanari-lost", "kanari@lost.example.org").status}
            assert statuses <= {500, 503}
    engine.dispose()


def test_the_search_finds_a_planted_line() -> None:
    lines = "\n".join(["quiet", f"INFO mail to KANARI@anna.example.org: {PASSWORD}", '{"phone": "1632 960961"}'])
    assert len(_hits(lines, FIXED)) == 2
