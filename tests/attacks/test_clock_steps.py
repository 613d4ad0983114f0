"""A clock that is set wrong and right again: nobody waits for years, and nothing that has expired is good once more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, call, look, path_of
from tests.attacks.town import CODE, wait_for
from tests.parts.moved_clock import MovedClock
from tests.parts.service import Service
from tests.parts.smtp import MailServer

HOUR, DAY = 3600, 86400
TEN_YEARS = 3653 * DAY
ADA = "ada@example.org"
WRONG = "wrong-horse-battery"
SECONDS = 30
"""Within which mail leaves: the jobs look every second, and every 15 for letters that a clock stranded."""


@pytest.fixture
def clock(tmp_path: Path) -> MovedClock:
    return MovedClock(tmp_path / "clock")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Nothing of the jobs depends on the engine."""
    return f"sqlite:///{tmp_path / 'clock.db'}"


@pytest.fixture
def door(uri: str, smtp: dict[str, str], mail_server: MailServer, clock: MovedClock) -> Iterator[Service]:
    """Ada lives there."""
    mail_server.clear()
    with doors.service(uri, smtp, **clock.env) as started:
        doors.account(started, mail_server, "ada")
        yield started


def test_mail_leaves_wherever_the_clock_is_set(door: Service, mail_server: MailServer, clock: MovedClock) -> None:
    for number, moved in enumerate((-HOUR, TEN_YEARS, 0, -HOUR)):
        clock.move(moved)
        assert doors.sign_up(door, f"bob{number}", f"bob{number}@example.org").status == 201
        assert len(mail_server.wait_to(f"bob{number}@example.org", seconds=SECONDS)) == 1
    print("\nclock an hour back, ten years on, right, an hour back: 4 of 4 mails left")


def test_letters_that_wait_in_the_future_leave_when_the_clock_is_right(
    door: Service, mail_server: MailServer, clock: MovedClock
) -> None:
    clock.move(TEN_YEARS)
    mail_server.answers["bob@example.org"] = ["451 4.3.0 later"]
    doors.sign_up(door, "bob", "bob@example.org")
    wait_for(lambda: "bob@example.org" in mail_server.attempts)
    for _ in range(5):
        call(door, "POST", "/forgot-password", {"email": ADA})
    mail_server.wait_to(ADA, 6, SECONDS)
    clock.move(0)
    assert len(mail_server.wait_to("bob@example.org", seconds=SECONDS)) == 1
    call(door, "POST", "/forgot-password", {"email": ADA})
    assert len(mail_server.wait_to(ADA, 7, SECONDS)) == 7, "mails of the future are not those of the last hour"


def test_whoever_guessed_while_the_clock_was_wrong_waits_an_hour_at_most(door: Service, clock: MovedClock, uri: str) -> None:
    clock.move(TEN_YEARS)
    # Else it might go on while the clock is right again, and take the guesses of today for ten years old.
    wait_for(lambda: look(uri, "SELECT count(*) FROM job_runs WHERE name = 'clear_out' AND ran_at > '2030'")[0][0] == 1)
    for _ in range(6):
        doors.login(door, "ada", WRONG)
    assert doors.login(door, "ada").status == 429
    clock.move(-HOUR)
    refused = doors.login(door, "ada", WRONG)
    again = doors.login(door, "ada")
    waits = [int(answer.headers["Retry-After"]) for answer in (refused, again) if answer.status == 429]
    print(f"\nsix guesses ten years ahead, then the clock is right: waits {waits} s")
    assert max(waits) <= HOUR, "a wrong guess more is counted with the six"
    assert doors.login(door, "ada").status == 429
    clock.move(HOUR - 60)
    assert doors.login(door, "ada").status == 200


def test_nothing_that_was_made_in_the_future_is_good_when_the_clock_is_right(
    door: Service, mail_server: MailServer, clock: MovedClock, uri: str
) -> None:
    clock.move(TEN_YEARS)
    tokens = doors.login(door, "ada").json
    reset, code = _mailed(door, mail_server)
    doors.sign_up(door, "bob", "bob@example.org")
    confirm = path_of(mail_server.wait_to("bob@example.org", seconds=SECONDS)[0].links[0])
    for moved in (TEN_YEARS + 8 * DAY, 0, -HOUR):
        clock.move(moved)
        tried = _tried(door, tokens, reset, code, confirm)
        print(f"\nclock at {moved / DAY:+.2f} days: {[answer.status for answer in tried]}")
        assert [answer.status for answer in tried] == [401, 401, 400, 401, 400]
        doors.forget_guesses(uri)


def test_a_code_and_a_link_that_expired_stay_so_where_the_clock_steps_back(
    door: Service, mail_server: MailServer, clock: MovedClock, uri: str
) -> None:
    reset, code = _mailed(door, mail_server)
    clock.move(HOUR)
    wait_for(lambda: look(uri, "SELECT count(*) FROM tickets WHERE spent_at IS NULL AND expires_at > created_at")[0][0] == 0)
    for moved in (0, -HOUR, 120):
        clock.move(moved)
        answers = [call(door, "POST", reset, {"password": "nine-purple-lanterns"}), _by_code(door, code)]
        assert [answer.status for answer in answers] == [400, 401]
        doors.forget_guesses(uri)


def _mailed(door: Service, mail: MailServer) -> tuple[str, str]:
    """The path of a link to set a password, and a login code."""
    before = len([one for one in mail.messages if ADA in one.recipients])
    call(door, "POST", "/forgot-password", {"email": ADA})
    call(door, "POST", "/send-otp", {"email": ADA})
    mails = mail.wait_to(ADA, before + 2, SECONDS)[before:]
    links = [link for one in mails for link in one.links if "/reset-password/" in link]
    codes: list[str] = [code for one in mails for code in CODE.findall(one.text)]
    return path_of(links[0]), codes[0]


def _by_code(door: Service, code: str) -> Answer:
    return call(door, "POST", "/verify-otp", {"email": ADA, "otp_code": code, "password": "correct-horse-battery"})


def _tried(door: Service, tokens: dict[str, str], reset: str, code: str, confirm: str) -> list[Answer]:
    return [
        call(door, "GET", "/profile", token=tokens["access_token"]),
        call(door, "POST", "/refresh", token=tokens["refresh_token"]),
        call(door, "POST", reset, {"password": "nine-purple-lanterns"}),
        _by_code(door, code),
        call(door, "POST", confirm),
    ]
