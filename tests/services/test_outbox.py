"""The outbox: a letter is kept sealed while it waits, sent once, and blank once it is over."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from database import db, rows, unit_of_work
from model import Letter
from services import letters, outbox
from tests.people import House

COLUMNS = (
    Letter.id,
    Letter.kind,
    Letter.state,
    Letter.content,
    Letter.tries,
    Letter.lease_id,
    Letter.recipient_digest,
    Letter.finished_at,
)


def all_letters() -> list[Any]:
    return list(rows(select(*COLUMNS).order_by(Letter.created_at)))


def change(**values: Any) -> None:
    with unit_of_work():
        db.session.execute(update(Letter).values(values))


def test_an_order_tells_nothing_until_it_is_delivered(house: House) -> None:
    house.sign_up()
    house.post("/resend-confirmation", {"email": "ada@example.org"})
    for letter in all_letters():
        assert (letter.state, letter.recipient_digest) == ("ordered", None)
        assert "ada@" not in letter.content
    assert house.mail_server.messages == []


def test_a_sent_letter_is_blank_and_is_not_sent_again(house: House) -> None:
    house.sign_up()
    for _ in range(3):
        house.deliver()
    (letter,) = all_letters()
    assert (letter.state, letter.content, letter.lease_id) == ("sent", None, None)
    assert letter.finished_at is not None
    assert len(house.mail_server.messages) == 1


def test_the_recipient_is_kept_as_a_keyed_digest_only(house: House) -> None:
    house.sign_up()
    house.deliver()
    digest = all_letters()[0].recipient_digest
    assert len(digest) == 64
    assert digest != hashlib.sha256(b"ada@example.org").hexdigest(), "whoever has the rows cannot try addresses"


def test_a_letter_for_nobody_is_void_and_blank(house: House) -> None:
    house.post("/resend-confirmation", {"email": "nobody@example.org"})
    house.deliver()
    (letter,) = all_letters()
    assert (letter.state, letter.content) == ("void", None)
    assert house.mail_server.attempts == []


def test_a_letter_that_came_too_late_is_void_and_blank(house: House) -> None:
    house.sign_up()
    change(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    house.deliver()
    (letter,) = all_letters()
    assert (letter.state, letter.content) == ("void", None)
    assert house.mail_server.messages == []


def test_a_letter_moved_to_another_row_is_given_up_and_the_next_one_is_sent(house: House) -> None:
    house.sign_up()
    house.sign_up("bea", "bea@example.org")
    first, second = all_letters()
    with unit_of_work():
        db.session.execute(update(Letter).where(Letter.id == first.id).values(content=second.content))
    house.deliver()
    assert [(letter.state, letter.content) for letter in all_letters()] == [("given_up", None), ("sent", None)]
    assert [mail.recipients for mail in house.mail_server.messages] == [("bea@example.org",)]


def test_an_unreadable_letter_is_given_up_and_does_not_stop_the_others(house: House) -> None:
    house.sign_up()
    change(content="gAAAAA")
    house.sign_up("bea", "bea@example.org")
    house.deliver()
    assert {letter.state for letter in all_letters()} == {"given_up", "sent"}


def test_a_letter_that_was_not_taken_waits_and_is_sent_later_under_the_same_id(house: House) -> None:
    house.mail_server.answers["ada@example.org"] = ["451 4.3.0 later"]
    house.sign_up()
    house.deliver()
    (letter,) = all_letters()
    assert (letter.state, letter.tries, letter.lease_id) == ("written", 1, None)
    assert "ada@" not in letter.content
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=30), tick=False):
        (mail,) = house.mail_to("ada@example.org")
    assert letter.id in str(mail.message["Message-ID"])
    assert (all_letters()[0].state, all_letters()[0].content) == ("sent", None)


def test_a_letter_refused_for_good_is_given_up_and_blank(house: House) -> None:
    house.mail_server.answers["ada@example.org"] = ["550 5.1.1 no such user"]
    house.sign_up()
    house.deliver()
    (letter,) = all_letters()
    assert (letter.state, letter.content, letter.lease_id) == ("given_up", None, None)


def test_a_letter_under_a_lease_is_left_alone_until_it_ends(house: House) -> None:
    house.sign_up()
    change(lease_id="00000000-0000-4000-8000-000000000000", not_before=datetime.now(UTC) + timedelta(seconds=60))
    assert house.mail_to("ada@example.org") == []
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=False):
        assert len(house.mail_to("ada@example.org")) == 1


@pytest.mark.parametrize("lease", [None, "00000000-0000-4000-8000-000000000000"])
def test_a_letter_that_a_clock_put_off_is_due_and_no_other(house: House, lease: str | None) -> None:
    house.mail_server.answers["ada@example.org"] = ["451 4.3.0 later"]
    house.sign_up()
    house.sign_up("bea", "bea@example.org")
    house.deliver()
    house.sign_up("cleo", "cleo@example.org")
    assert outbox.hurry_stranded() == 0, "one was tried, one was sent, one is due"
    if lease:
        change(lease_id=lease, not_before=datetime.now(UTC) + outbox._lease())
        assert outbox.hurry_stranded() == 0, "somebody sends it"
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=20), tick=False):
        assert outbox.hurry_stranded() == 2
        assert len(house.mail_to("ada@example.org") + house.mail_to("cleo@example.org")) == 2
    assert outbox.hurry_stranded() == 0


def test_an_order_is_undone_with_its_unit_of_work(house: House) -> None:
    def failing() -> None:
        with unit_of_work():
            outbox.order(letters.RESEND, email="ada@example.org")
            raise LookupError

    with pytest.raises(LookupError):
        failing()
    assert all_letters() == []
    assert house.mail_to("ada@example.org") == []


def test_a_person_gets_at_most_five_confirmation_mails_an_hour(house: House) -> None:
    house.sign_up()
    for _ in range(8):
        house.post("/resend-confirmation", {"email": "ADA@example.org"})
    assert len(house.mail_to("ada@example.org")) == outbox.PER_HOUR
    assert {letter.content for letter in all_letters()} == {None}
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=3601), tick=False):
        house.post("/resend-confirmation", {"email": "ada@example.org"})
        assert len(house.mail_to("ada@example.org")) == outbox.PER_HOUR + 1


def test_a_mail_names_both_forms_and_carries_no_header_of_the_sender(house: House) -> None:
    assert house.sign_up(first_name="Evelina\r\nBcc: eve@example.org", last_name="http://evil.example").status_code == 422
    house.sign_up(first_name="Evelina Bcc: eve@example.org", last_name="http://evil.example")
    (mail,) = house.mail_to("ada@example.org")
    assert mail.recipients == ("ada@example.org",)
    assert mail.message["Bcc"] is None
    assert "evil.example" not in mail.text + mail.html + mail.subject
    assert "Evelina" not in mail.text + mail.html + mail.subject
    assert mail.links
