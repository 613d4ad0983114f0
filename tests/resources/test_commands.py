"""The operator's commands, on a house that is running."""

import base64
from collections.abc import Callable

import pyotp
import pytest
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import select, update

from database import Base, changed, rows, unit_of_work
from model import User
from services import provider_visits, vault
from services.reencryption import SEALED
from tests.people import PASSWORD
from tests.resources.conftest import Door

OLD, NEW = (base64.urlsafe_b64encode(bytes(range(start, start + 32))).decode() for start in (50, 150))


def run(door: Door, *words: str) -> tuple[int, str]:
    result = door.app.test_cli_runner().invoke(args=list(words))
    return result.exit_code, result.output


def enrolled(door: Door) -> pyotp.TOTP:
    """`ada` with an authenticator app; and a set-up of `bob`'s that was abandoned."""
    for name in ("ada", "bob"):
        door.account(name, f"{name}@example.org")
    access, _ = door.tokens("ada")
    app = pyotp.TOTP(door.post("/mfa", token=access).get_json()["mfa_secret"])
    assert door.post("/mfa", {"mfa_code": app.now()}, access).status_code == 200
    assert door.post("/mfa", token=door.tokens("bob")[0]).status_code == 200
    return app


def with_every_secret(build: Callable[..., Door], **changes: str) -> Door:
    """A house that has something sealed in every column that `vault.seal` fills."""
    before = build(**changes)
    enrolled(before)
    assert before.login("ada").get_json()["mfa_token"]
    with before.app.app_context(), unit_of_work():
        provider_visits.depart("google", "the browser's secret", {"nonce": "of the visit"})
    before.post("/forgot-password", {"email": "ada@example.org"})
    return before


def starts(door: Door) -> dict[str, set[str]]:
    """What the sealed values of each column begin with."""
    with door.app.app_context():
        found = {column: rows(select(column).where(column.is_not(None))) for column in SEALED}
    return {str(column): {text.split(".")[0][:5] for (text,) in kept} for column, kept in found.items()}


def sealed_by(door: Door, key: str) -> dict[str, int]:
    """How many values of each column this key opens; fails on a sealed value in a column that the command does not know."""
    known = {f"{column.class_.__tablename__}.{column.key}" for column in SEALED}
    found: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        for row in door.rows(table.name):
            for name, value in row.items():
                if isinstance(value, str) and value.startswith("gAAAA"):
                    assert f"{table.name}.{name}" in known
                    opens = _opens(key, value)
                    found[f"{table.name}.{name}"] = found.get(f"{table.name}.{name}", 0) + opens
    return found


def _opens(key: str, value: str) -> bool:
    try:
        Fernet(key).decrypt(value.encode())
    except InvalidToken:
        return False
    return True


def test_reencrypting_brings_every_secret_under_the_first_key(build: Callable[..., Door]) -> None:
    before = with_every_secret(build, FERNET_KEY=OLD)
    assert all(sealed_by(before, OLD).values())
    assert set(sealed_by(before, OLD)) == {f"{column.class_.__tablename__}.{column.key}" for column in SEALED}
    between = build(FERNET_KEY=f"{NEW},{OLD}")
    code, said = run(between, "keys", "reencrypt")
    after = build(FERNET_KEY=NEW)
    assert (code, said) == (0, f"{sum(sealed_by(after, NEW).values())} values are encrypted by the first key.\n")
    assert set(sealed_by(after, OLD).values()) == {0}
    assert any("reset-password" in mail.text for mail in after.mail_to("ada@example.org"))


def test_reencrypting_brings_every_secret_to_the_configured_format_and_back(build: Callable[..., Door]) -> None:
    before = with_every_secret(build, FERNET_KEY=OLD)
    totp_secret = before.user()["totp_secret"]
    there = build(FERNET_KEY=f"{NEW},{OLD}", ENCRYPTION_FORMAT="aes-256-gcm")
    assert run(there, "keys", "reencrypt")[0] == 0
    assert starts(there) == {str(column): {"v2"} for column in SEALED}
    alone = build(FERNET_KEY=NEW, ENCRYPTION_FORMAT="aes-256-gcm")
    assert alone.user()["totp_secret"] != totp_secret
    back = build(FERNET_KEY=NEW)
    assert run(back, "keys", "reencrypt")[0] == 0
    assert starts(back) == {str(column): {"gAAAA"} for column in SEALED}
    assert all(sealed_by(back, NEW).values())
    assert any("reset-password" in mail.text for mail in back.mail_to("ada@example.org"))


def test_a_reencryption_that_was_cut_short_is_continued(build: Callable[..., Door]) -> None:
    before = with_every_secret(build, FERNET_KEY=OLD)
    there = build(FERNET_KEY=f"{NEW},{OLD}", ENCRYPTION_FORMAT="aes-256-gcm")
    with there.app.app_context(), unit_of_work():
        [(row_id, kept)] = rows(select(User.id, User.totp_secret).where(User.totp_secret.is_not(None)))
        changed(update(User).where(User.id == row_id).values(totp_secret=vault.resealed("totp", row_id, kept)))
    assert starts(before)["User.totp_secret"] == {"v2"}
    assert run(there, "keys", "reencrypt")[0] == 0
    assert starts(there) == {str(column): {"v2"} for column in SEALED}


def test_a_lost_key_is_said_and_nothing_is_harmed(build: Callable[..., Door]) -> None:
    before = build(FERNET_KEY=OLD)
    enrolled(before)
    code, said = run(build(FERNET_KEY=NEW), "keys", "reencrypt")
    assert (code, "Put the key" in said) == (1, True)
    assert all(sealed_by(before, OLD).values())


@pytest.mark.parametrize("name", ["ada", "ADA@example.org"])
def test_the_operator_lets_a_person_try_again(door: Door, name: str) -> None:
    door.account()
    for _ in range(5):
        assert door.login(password="wrong-horse-battery").status_code == 401
    assert door.login(password="wrong-horse-battery").status_code == 401
    assert door.login(password=PASSWORD).status_code == 429
    assert run(door, "users", "unlock", name) == (0, "ada may try again.\n")
    assert door.login(password=PASSWORD).status_code == 200
    assert [row["user_id"] for row in door.rows("audit_facts") if row["kind"] == "unlocked"] == [door.user()["id"]]


def test_an_unknown_name_is_said(door: Door) -> None:
    code, said = run(door, "users", "unlock", "nobody")
    assert (code, said) == (1, "Error: No account has this user name or address.\n")
