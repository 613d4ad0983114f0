"""Everything that the service holds about a person, for that person alone, and no secret."""

import base64
import json
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from database import Base, db, rows, unit_of_work
from flows import export
from model import HeldAddress, User
from services import addresses, audit, clock, identities, pictures
from tests.parts import forms, images
from tests.people import PASSWORD, House

NOT_IN_IT = {
    "tickets": "hashes of one-time secrets",
    "recovery_codes": "hashes of codes; how many are left is in it",
    "known_devices": "hashes; when each was first seen is in it",
}
"""Tables with a user that are not shown row by row, and why."""
LEFT_OUT = {
    "users": {"username_key", "email_key", "owned_email_key", "picture", "deleted_at", "erased_at", "is_active"}
    | {"password_hash", "totp_secret", "totp_offered", "totp_last_step"},
    "sessions": {"user_id", "refresh_jti", "parent_jti", "refreshed_at", "ip_shortened"},
    "audit_facts": {"user_id", "session_id", "ip_shortened"},
    "identities": {"id", "user_id"},
    "held_addresses": {"user_id"},
}
"""Columns that are secrets, keys of comparison or bookkeeping, or are shown in another form."""
SECTIONS = {"users": "profile", "sessions": "sessions", "audit_facts": "security_events", "identities": "linked_accounts"}
SECTIONS |= {"held_addresses": "former_addresses"}
CALLED = {"email_key": "email"}


@pytest.fixture
def access(house: House) -> str:
    """`ada` with something in every table, and `bea`, who has the same."""
    for name in ("bea", "ada"):
        house.account(
            name, f"{name}@example.org", first_name=f"First-{name}", last_name=name.title(), phone_number="+441632960961"
        )
        access, _ = house.tokens(name)
        house.ask("PUT", "/profile", token=access, data=forms.body(forms.file(images.png())), content_type=forms.CONTENT_TYPE)
        house.post("/mfa", token=access)
        user_id, now = house.get("/profile", access).get_json()["id"], clock.now()
        with unit_of_work():
            identities.link(user_id, "google", "https://accounts.example.org", f"subject-of-{name}")
            db.session.add(HeldAddress(email_key=f"old-{name}@example.org", user_id=user_id, since=now, until=now))
            addresses.want(user_id, f"new-{name}@example.org")
        house.deliver()
    return access


def exported(house: House, access: str) -> dict[str, Any]:
    answer = house.get("/profile/export", access)
    assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (200, "application/json", "no-store")
    found: dict[str, Any] = answer.get_json()
    return found


def own_rows(user: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that has the user's id in it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in Base.metadata.sorted_tables:
        for row in rows(select(*table.columns)):
            if user in map(str, row):
                found.setdefault(table.name, []).append(dict(row._mapping))
    return found


def test_whatever_is_held_about_the_user_is_in_it(house: House, access: str) -> None:
    user = house.get("/profile", access).get_json()["id"]
    export, held = exported(house, access), own_rows(user)
    assert set(held) >= {"users", "sessions", "audit_facts", "identities", "held_addresses", "tickets", "known_devices"}
    assert set(held) <= set(SECTIONS) | set(NOT_IN_IT), "a table that is neither exported nor named as a secret"
    for table, section in SECTIONS.items():
        shown = export[section] if isinstance(export[section], list) else [export[section]]
        assert len(shown) == len(held[table]), table
        wanted = set(Base.metadata.tables[table].columns.keys()) - LEFT_OUT[table]
        for one in shown:
            assert wanted <= {*one, *(column for column, name in CALLED.items() if name in one)}, table
    assert export["profile"] | {"email": "ada@example.org", "phone_number": "+441632960961"} == export["profile"]
    assert export["profile"]["pending_email"] == "new-ada@example.org"
    assert [one["email"] for one in export["former_addresses"]] == ["old-ada@example.org"]
    assert [one["subject"] for one in export["linked_accounts"]] == ["subject-of-ada"]
    assert {"signed_up", "email_confirmed", "signed_in", "profile_changed"} <= {
        one["kind"] for one in export["security_events"]
    }
    assert len(export["devices_first_seen"]) == 1


def test_the_picture_is_in_it_as_it_is_served(house: House, access: str) -> None:
    address = house.get("/profile", access).get_json()["profile_picture"]
    served = house.get(address.removeprefix(house.app.extensions["settings"].address)).get_data()
    kind, _, content = exported(house, access)["picture"].partition(",")
    assert (kind, base64.b64decode(content)) == ("data:image/png;base64", served)
    house.ask("DELETE", "/profile/picture", token=access)
    assert exported(house, access)["picture"] is None


def test_a_picture_whose_file_is_gone_keeps_nobody_from_the_rest(house: House, access: str) -> None:
    name = next(row.picture for row in rows(select(User.picture).where(User.username == "ada")))
    (pictures.folder() / name).unlink()
    assert exported(house, access)["picture"] is None


def test_no_secret_and_nobody_else_is_in_it(house: House, access: str) -> None:
    house.post("/send-otp", token=access)
    house.deliver()
    text = json.dumps(exported(house, access))
    held = own_rows(house.get("/profile", access).get_json()["id"])
    secrets = {str(held["users"][0][name]) for name in ("password_hash", "totp_offered")} | {PASSWORD, access}
    secrets |= {ticket[name] for ticket in held["tickets"] for name in ("digest", "id")}
    secrets |= {row["refresh_jti"] for row in held["sessions"]} | {row["digest"] for row in held["known_devices"]}
    assert len(secrets) > 6
    assert not {"None", ""} & secrets
    assert [secret for secret in secrets if secret in text] == []
    # The picture's base64 and random ids hold any short word by chance.
    plain = json.dumps(exported(house, access) | {"picture": None})
    assert [word for word in ("$2b$", "gAAAA", "digest", "hash", '"bea"', "bea@") if word in plain] == []
    other = str(rows(select(User.id).where(User.username == "bea"))[0][0])
    assert other not in text


def test_it_wants_a_recent_sign_in(house: House, access: str) -> None:
    with time_machine.travel(clock.now() + timedelta(seconds=700)):
        refused = house.get("/profile/export", access)
        assert (refused.status_code, refused.get_json()["code"]) == (401, "reauthentication_required")
    assert house.get("/profile/export").get_json()["code"] == "authentication_required"
    assert house.post("/profile/export", token=access).status_code == 405


def test_without_anything_it_is_complete_all_the_same(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    export = exported(house, access)
    assert (export["picture"], export["linked_accounts"], export["former_addresses"]) == (None, [], [])
    assert export["profile"]["first_name"] is None
    with unit_of_work():
        db.session.execute(update(User).values(password_hash=None))
    assert exported(house, access)["profile"]["has_password"] is False


def test_two_are_written_at_once_and_a_third_is_told_to_come_back(
    house: House, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "WAIT_SECONDS", 0.01)
    with export._places, export._places:
        refused = house.get("/profile/export", access)
        assert (refused.status_code, refused.get_json()["code"]) == (503, "busy")
        assert int(refused.headers["Retry-After"]) > 0
    for _ in range(3):
        exported(house, access)


def test_its_file_is_gone_once_it_is_sent_or_cannot_be_written(
    house: House, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[SpooledTemporaryFile[bytes]] = []

    def noted(size: int) -> "SpooledTemporaryFile[bytes]":
        file = SpooledTemporaryFile(size)  # noqa: SIM115 - the service closes it
        made.append(file)
        return file

    monkeypatch.setattr(export, "SpooledTemporaryFile", noted)
    with house.get("/profile/export", access) as answer:
        assert len(answer.get_data()) == int(answer.headers["Content-Length"])
    monkeypatch.setattr(audit, "all_of", lambda user_id: 1 / 0)
    for _ in range(export.AT_ONCE + 1):
        assert house.get("/profile/export", access).get_json()["code"] == "internal_error"
    assert [file.closed for file in made] == [True] * (export.AT_ONCE + 2)
