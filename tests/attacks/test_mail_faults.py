"""A mail server that is down, slow, refusing or false: nothing lost, nothing doubled, nothing in the clear."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
import trustme
from sqlalchemy import select

from database import rows
from model import Letter
from services import vault
from tests.parts.smtp import MailServer
from tests.people import House

ADA = "ada@example.org"


@pytest.fixture(autouse=True)
def healed(mail_server: MailServer) -> Iterator[None]:
    """Whatever a test did to the mail server is undone."""
    yield
    mail_server.delay = 0.0
    mail_server.answers.clear()
    mail_server.data_answers.clear()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield traveller


def _set(house: House, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """The operator changes settings and restarts."""
    changed = house.app.extensions["settings"].model_copy(update=changes)
    monkeypatch.setitem(house.app.extensions, "settings", changed)


def _letter() -> Any:
    return rows(select(*Letter.__table__.columns).order_by(Letter.created_at.desc()))[0]


def _wait_left() -> float:
    """How long the newest letter still waits, in seconds."""
    left: timedelta = _letter().not_before - datetime.now(UTC)
    return left.total_seconds()


def test_mail_waits_while_the_server_is_down(house: House, clock: time_machine.Traveller) -> None:
    house.mail_server.stop()
    try:
        answers = [house.sign_up(f"ada{n}", f"ada{n}@example.org").status_code for n in range(5)]
        house.deliver()
        assert answers == [201] * 5
        assert _letter().state == "written"
    finally:
        house.mail_server.start()
    assert house.mail_to("ada0@example.org") == []
    clock.shift(20)
    house.deliver()
    arrived = [mail.recipients[0] for mail in house.mail_server.messages]
    print(f"\nSMTP down, then up: lost {5 - len(set(arrived))}, doubled {len(arrived) - len(set(arrived))}")
    assert sorted(arrived) == [f"ada{n}@example.org" for n in range(5)]


def test_a_transient_refusal_is_tried_again_with_a_growing_delay(house: House, clock: time_machine.Traveller) -> None:
    house.mail_server.answers[ADA] = ["451 4.3.0 later"] * 3 + ["421 4.3.2 closing"]
    house.sign_up()
    waits = []
    for _ in range(4):
        house.deliver()
        waits.append(round(_wait_left(), 1))
        assert house.mail_to(ADA) == [], "not before its time"
        clock.shift(waits[-1] + 0.5)
    print(f"\n4xx: waits {waits} s")
    assert all(15 * 2**n - 1 < wait < 15 * 2**n * 1.25 + 1 for n, wait in enumerate(waits))
    assert len(house.mail_to(ADA)) == 1
    assert _letter().state == "sent"


def test_a_permanent_refusal_is_given_up_loudly_and_alone(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.mail_server.answers[ADA] = ["550 5.1.1 no such user"] * 9
    house.mail_server.data_answers["bob@example.org"] = ["554 5.7.1 spam"] * 9
    for name in ("ada", "bob", "cleo", "dora"):
        house.sign_up(name, f"{name}@example.org")
    with caplog.at_level(logging.ERROR):
        house.deliver()
    house.deliver()
    loud = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    states = sorted((row.state, row.content) for row in rows(select(Letter.state, Letter.content)))
    print(f"\n5xx: {states}; errors logged {len(loud)}")
    assert states == [("given_up", None), ("given_up", None), ("sent", None), ("sent", None)]
    assert len([line for line in loud if "given up" in line]) == 2
    assert not any("example.org" in line for line in loud)
    assert house.mail_server.attempts.count(ADA) == 1


def test_one_bad_recipient_never_holds_up_the_rest(house: House) -> None:
    people = [f"p{n}@example.org" for n in range(12)]
    house.mail_server.answers |= {people[0]: ["450 4.2.0 later"] * 9, people[1]: ["550 5.1.1 gone"] * 9}
    for number, email in enumerate(people):
        house.sign_up(f"person{number}", email)
    house.deliver()
    arrived = {mail.recipients[0] for mail in house.mail_server.messages}
    print(f"\none bad recipient: {len(arrived)} of {len(people) - 2} others arrived in the same run")
    assert arrived == set(people[2:])


@pytest.mark.parametrize("email", ["ada@bücher.example.org", "o'hara+tag@example.org", "ada@xn--bcher-kva.example.org"])
def test_unusual_addresses_get_their_mail(house: House, email: str) -> None:
    assert house.sign_up(email=email).status_code == 201
    house.deliver()
    assert [mail.links != [] for mail in house.mail_server.messages] == [True]


def test_a_server_that_accepts_and_hangs_costs_one_repeat_with_the_same_message_id(
    house: House, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    _set(house, monkeypatch, mail_timeout=1)
    house.mail_server.delay = 2.0
    house.sign_up()
    house.deliver()
    assert _letter().state == "written"
    house.mail_server.delay = 0.0
    clock.shift(30)
    mails = house.mail_to(ADA)
    ids = {mail.message["Message-ID"] for mail in mails}
    print(f"\naccepts, then hangs: handed over {len(mails)} times under {len(ids)} Message-ID")
    assert (len(mails), len(ids)) == (2, 1)
    assert len({link for mail in mails for link in mail.links}) == 1
    clock.shift(86400)
    assert len(house.mail_to(ADA)) == 2, "a letter that was taken is not sent again"


def test_a_wrong_mail_password_keeps_the_letter(
    house: House, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    right = house.app.extensions["settings"].mail_password
    _set(house, monkeypatch, mail_password="wrong")
    house.sign_up()
    house.deliver()
    assert (_letter().state, house.mail_server.attempts) == ("written", [])
    _set(house, monkeypatch, mail_password=right)
    clock.shift(20)
    assert len(house.mail_to(ADA)) == 1


def test_a_missing_mail_login_keeps_the_letter(
    house: House, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    """530 at MAIL FROM is the operator's mistake, as 535 is: every queued letter would be lost to it."""
    name = house.app.extensions["settings"].mail_username
    _set(house, monkeypatch, mail_username=None)
    house.sign_up()
    house.deliver()
    assert _letter().state == "written"
    _set(house, monkeypatch, mail_username=name)
    clock.shift(20)
    assert len(house.mail_to(ADA)) == 1


def test_nothing_is_said_to_a_server_with_a_false_certificate(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for ca_file in (str(other), None):
        _set(house, monkeypatch, mail_ca_file=ca_file)
        house.sign_up(f"ada-{bool(ca_file)}")
        house.deliver()
        assert (_letter().state, house.mail_server.attempts) == ("written", [])


@pytest.mark.parametrize("use_ssl", [False, True])
def test_mail_is_never_sent_in_the_clear(house: House, monkeypatch: pytest.MonkeyPatch, use_ssl: bool) -> None:
    with MailServer("plain") as plain:
        _set(house, monkeypatch, mail_port=plain.port, mail_use_tls=not use_ssl, mail_use_ssl=use_ssl, mail_timeout=1)
        house.sign_up()
        house.deliver()
        assert (plain.attempts, plain.messages, _letter().state) == ([], [], "written")


def test_mail_leaves_by_implicit_tls_only_to_a_verified_server(
    house: House, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    with MailServer("ssl", user="latchkey", password="mail-password") as server:
        _set(house, monkeypatch, mail_port=server.port, mail_use_tls=False, mail_use_ssl=True)
        house.sign_up()
        house.deliver()
        assert (server.attempts, _letter().state) == ([], "written")
        _set(house, monkeypatch, mail_ca_file=str(server.ca_file))
        clock.shift(20)
        house.deliver()
        assert server.attempts == [ADA]


@pytest.mark.parametrize("tried_before", [False, True])
def test_an_expired_letter_is_not_sent(house: House, clock: time_machine.Traveller, tried_before: bool) -> None:
    house.sign_up()
    if tried_before:
        house.mail_server.answers[ADA] = ["451 4.3.0 later"]
        house.deliver()
    clock.shift(86400 * (1 if tried_before else 7) + 60)
    assert house.mail_to(ADA) == []
    assert (_letter().state, _letter().content) == ("void", None)


def test_a_waiting_letter_shows_neither_address_nor_link(house: House) -> None:
    house.mail_server.answers[ADA] = ["451 4.3.0 later"] * 2
    house.sign_up()
    house.post("/resend-confirmation", {"email": ADA})
    kept = [row.content for row in rows(select(Letter.content))]
    house.deliver()
    kept += [row.content for row in rows(select(Letter.content))]
    hidden = [vault.reveal("letter", row.id, row.content) for row in rows(select(Letter.id, Letter.content))]
    assert len(kept) == 4
    assert all(ADA in found["to"] and "/confirm/" in found["text"] for found in hidden), "the search is worth something"
    columns = " ".join(str(row) for row in rows(select(*Letter.__table__.columns)))
    assert not any(word in columns + " ".join(kept) for word in ("ada@", "example.org", "/confirm/", "127.0.0.1"))


def test_at_most_five_confirmation_mails_an_hour_reach_one_address(house: House, clock: time_machine.Traveller) -> None:
    house.sign_up()
    statuses = {
        house.post("/resend-confirmation", {"email": spelling}).status_code for spelling in (ADA, "ADA@Example.org") * 5
    }
    first_hour = len(house.mail_to(ADA))
    clock.shift(3700)
    house.post("/resend-confirmation", {"email": ADA})
    print(f"\n11 mails asked for: {first_hour} sent in the hour, {len(house.mail_to(ADA)) - first_hour} of 1 in the next")
    assert (first_hour, len(house.mail_to(ADA))) == (5, 6)
    assert statuses == {202}
