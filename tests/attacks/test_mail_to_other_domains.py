"""Domains whose Unicode form Python's own codec (IDNA 2003) turns into another domain, or into none: whom mail reaches."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from database import db, rows, unit_of_work
from model import Letter
from services import clock, vault
from services.letters import Written
from tests.attacks import doors
from tests.attacks.doors import call, path_of
from tests.parts.service import Service
from tests.parts.smtp import MECHANISMS, MailServer, Mechanism
from tests.resources.conftest import Door, build

__all__ = ["build"]
DOMAINS = {
    "straße.de": "xn--strae-oqa.de",
    "faß.de": "xn--fa-hia.de",
    "κλαρα-σωλις.ευ": "xn----ylba7abgd9bnh0e.xn--qxa6a",
    "ކުޅިވަރު.com": "xn--kqbdcj4mkmf.com",
    "\u0645\u062b\u0627\u06441.com": "xn--1-ymcl5hc.com",
    "bücher.example.org": "xn--bcher-kva.example.org",
}
"""As people write them, and in ASCII by IDNA 2008, which accounts are compared by."""
SENDERS = {
    "no-reply@münchen.de": ("", "no-reply@xn--mnchen-3ya.de"),
    "Acme, Inc. <no-reply@example.org>": ("Acme, Inc.", "no-reply@example.org"),
    '"Acme, Inc." <no-reply@example.org>': ("Acme, Inc.", "no-reply@example.org"),
    '"Acme \\"A\\" \\\\ Co" <no-reply@example.org>': ('Acme "A" \\ Co', "no-reply@example.org"),
    "Müller, Söhne & Co <no-reply@faß.de>": ("Müller, Söhne & Co", "no-reply@xn--fa-hia.de"),
    "Latchkey<Door@Example.org>": ("Latchkey", "Door@Example.org"),
    "<door@localhost>": ("", "door@localhost"),
    "Acme Corporation International, Inc. <no-reply@notifications.example.org>": (
        "Acme Corporation International, Inc.",
        "no-reply@notifications.example.org",
    ),
    f"{'Acme, Inc. and ' * 9}Sons <door@example.org>": ("Acme, Inc. and " * 9 + "Sons", "door@example.org"),
    f"{'Müller, Söhne ' * 9}& Co <door@example.org>": ("Müller, Söhne " * 9 + "& Co", "door@example.org"),
}
NEW_PASSWORD = "nine-purple-lanterns"


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Nothing here depends on the engine."""
    return f"sqlite:///{tmp_path / 'mail.db'}"


@pytest.fixture
def door(uri: str, smtp: dict[str, str], mail_server: MailServer) -> Iterator[Service]:
    mail_server.clear()
    with doors.service(uri, smtp) as started:
        yield started


def test_every_mail_goes_to_the_domain_of_the_account(door: Service, mail_server: MailServer, uri: str) -> None:
    for number, domain in enumerate(DOMAINS):
        assert doors.sign_up(door, f"ada{number}", f"Ada@{domain}").status == 201
        for spelling in (domain, DOMAINS[domain], DOMAINS[domain].upper()):
            assert call(door, "POST", "/forgot-password", {"email": f"ada@{spelling}"}).status == 202
    doors.wait_until_mail_is_settled(uri, 30)
    asked, headers = set(mail_server.attempts), {str(mail.message["To"]) for mail in mail_server.messages}
    right = {f"Ada@{name}" for name in DOMAINS.values()}
    print(f"\n{len(DOMAINS)} domains, {len(mail_server.messages)} mails: at foreign domains {len(asked - right)}")
    assert asked == headers == right
    assert len(mail_server.messages) == 4 * len(DOMAINS)


def test_a_reset_of_an_account_is_never_mailed_to_a_domain_that_is_spelt_alike(door: Service, mail_server: MailServer) -> None:
    """The whole way of the attack: who owns strasse.de takes the account of somebody at straße.de."""
    assert doors.sign_up(door, "ada", "ada@straße.de").status == 201
    link = mail_server.wait_to("ada@xn--strae-oqa.de")[0].links[0]
    assert call(door, "POST", path_of(link)).status == 200
    assert call(door, "POST", "/forgot-password", {"email": "ada@xn--strae-oqa.de"}).status == 202
    reset = mail_server.wait_to("ada@xn--strae-oqa.de", 2)[1].links[0]
    assert call(door, "POST", path_of(reset), {"password": NEW_PASSWORD}).status == 200
    assert doors.login(door, "ada@xn--strae-oqa.de", NEW_PASSWORD).status == 200
    mail_server.wait_to("ada@xn--strae-oqa.de", 3)
    print(f"\nall mail of the account's life went to {sorted(set(mail_server.attempts))}")
    assert set(mail_server.attempts) == {"ada@xn--strae-oqa.de"}


def test_a_letter_that_an_older_release_wrote_goes_to_the_account_s_domain(build: Callable[..., Door]) -> None:
    door = build()
    letters = [Written(f"Ada@{domain}", "Hello", "text", "<p>html</p>", 3600, "reset") for domain in DOMAINS]
    for number, letter in enumerate(letters):
        door.sign_up(f"ada{number}")
        _written_before(door, letter)
    door.deliver()
    assert sorted(door.mail_server.attempts) == sorted(f"Ada@{name}" for name in DOMAINS.values())
    assert {row["state"] for row in door.rows("letters")} == {"sent"}


def _written_before(door: Door, written: Written) -> None:
    """Makes the newest order a letter that was written, and waits."""
    with door.app.app_context(), unit_of_work():
        newest = rows(select(Letter.id).where(Letter.state == "ordered"))[0].id
        values = {"state": "written", "content": vault.seal("letter", newest, asdict(written)), "written_at": clock.now()}
        db.session.execute(update(Letter).where(Letter.id == newest).values(values))


def test_every_mail_says_that_a_machine_sent_it(build: Callable[..., Door]) -> None:
    door = build()
    door.account()
    access, _ = door.tokens()
    assert door.post("/forgot-password", {"email": "ada@example.org"}).status_code == 202
    assert door.put("/profile", {"email": "ada@straße.de"}, access).status_code == 200
    door.deliver()
    assert [mail.message["Auto-Submitted"] for mail in door.mail_server.messages] == ["auto-generated"] * 4


def test_what_is_no_address_is_given_up_at_once(build: Callable[..., Door]) -> None:
    door = build()
    door.sign_up()
    _written_before(door, Written("ada@-ß-.de", "Hello", "text", "<p>html</p>", 3600, "reset"))
    door.deliver()
    assert door.mail_server.attempts == []
    assert [row["state"] for row in door.rows("letters")] == ["given_up"]


@pytest.mark.parametrize("sender", SENDERS)
def test_the_sender_is_one_ascii_address_with_its_name(build: Callable[..., Door], sender: str) -> None:
    door = build(MAIL_DEFAULT_SENDER=sender)
    door.sign_up()
    (mail,) = door.mail_to("ada@example.org")
    ((shown, written),) = getaddresses([str(message_from_bytes(mail.raw)["From"])])
    name, address = SENDERS[sender]
    assert (mail.sender, written, str(make_header(decode_header(shown)))) == (address, address, name)
    assert b"".join(line for line in mail.raw.splitlines() if line.startswith((b"From:", b"Message-ID:"))).isascii()
    assert str(mail.message["Message-ID"]).endswith(f"@{address.partition('@')[2]}>")


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("password", ["grüße-пароль-🔑", "mail-password"])
def test_a_mail_server_is_logged_in_to_in_utf_8(build: Callable[..., Door], mechanism: Mechanism, password: str) -> None:
    with MailServer("starttls", user="jürgen@faß.de", password=password, mechanism=mechanism) as server:
        door = build(**_reaching(server), MAIL_USERNAME="jürgen@faß.de", MAIL_PASSWORD=password)
        door.sign_up()
        door.deliver()
        assert server.attempts == ["ada@example.org"]
        assert server.mechanisms == [mechanism]


def test_a_wrong_password_in_utf_8_keeps_the_letter(build: Callable[..., Door]) -> None:
    with MailServer("starttls", user="jürgen", password="grüße") as server:
        door = build(**_reaching(server), MAIL_USERNAME="jürgen", MAIL_PASSWORD="grüsse")
        door.sign_up()
        door.deliver()
        assert server.attempts == []
        assert door.rows("letters")[0]["state"] == "written"


def _reaching(server: MailServer) -> dict[str, Any]:
    return {"MAIL_PORT": str(server.port), "MAIL_CA_FILE": str(server.ca_file)}
