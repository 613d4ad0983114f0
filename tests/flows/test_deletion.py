"""Deleting one's account: closed at once, undone by a mailed link, erased when its time is over."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, update

from database import Base, db, rows, unit_of_work
from model import AuditFact, HeldAddress, Identity, KnownDevice, RecoveryCode, Session, Ticket, User
from services import clock, erasure, identities, pictures, retention
from tests.parts import forms, images
from tests.people import PASSWORD, House

ADA = "ada@example.org"
WEEK = 604800
KEPT_OF_USERS = {"id", "username", "username_key", "email", "email_key", "is_active", "is_admin", "created_at"}
"""What the shell has that is not null: an id, a made-up name, blanks, and a time."""
NOBODYS = {"provider_visits", "attempts", "letters", "job_runs"}
"""Tables without a user: before a sign-in, keyed hashes, and encrypted mail that goes by itself."""
EMPTIED = {"users", "sessions", "audit_facts"}


def delete(house: House, access: str, password: str | None = PASSWORD) -> Any:
    return house.ask("DELETE", "/profile", {} if password is None else {"password": password}, access)


def newest_undo(house: House) -> str:
    links = [link for mail in house.mail_to(ADA) for link in mail.links if "/undo/" in link]
    return links[-1].removeprefix(house.app.extensions["settings"].address)


def new_password(house: House) -> None:
    """Sets the password by the link that was mailed last."""
    link = house.mail_to(ADA)[-1].links[0].removeprefix(house.app.extensions["settings"].address)
    assert house.post(link, {"password": PASSWORD}).status_code == 200


def facts(kind: str) -> int:
    return int(rows(select(func.count()).select_from(AuditFact).where(AuditFact.kind == kind))[0][0])


def the_user() -> Any:
    return rows(select(*User.__table__.columns))[0]


@pytest.fixture
def access(house: House) -> str:
    house.account(first_name="Ada", last_name="Lovelace", phone_number="+441632960961")
    return house.tokens()[0]


def erase_all_due(house: House) -> int:
    """What the job does once the week is over."""
    with time_machine.travel(clock.now() + timedelta(seconds=WEEK + 2)):
        return erasure.erase_due()


def test_the_password_is_wanted_and_a_wrong_one_is_counted(house: House, access: str) -> None:
    missing = delete(house, access, None)
    assert (missing.status_code, set(missing.get_json()["errors"])) == (422, {"password"})
    assert house.ask("DELETE", "/profile", {"password": None}, access).status_code == 422
    for _ in range(6):
        wrong = delete(house, access, "wrong-horse-battery")
        assert (wrong.status_code, wrong.get_json()["code"]) == (401, "invalid_credentials")
    blocked = delete(house, access)
    assert (blocked.status_code, blocked.get_json()["code"]) == (429, "too_many_attempts")
    assert house.login().status_code == 429, "the same count as at the door"
    assert (facts("reauthentication_failed"), facts("account_deleted")) == (6, 0)
    assert house.get("/profile", access).status_code == 200
    assert the_user().deleted_at is None


def test_a_recent_sign_in_is_wanted(house: House, access: str) -> None:
    with time_machine.travel(clock.now() + timedelta(seconds=700)):
        for password in (PASSWORD, "wrong-horse-battery", None):
            answer = delete(house, access, password)
            assert (answer.status_code, answer.get_json()["code"]) == (401, "reauthentication_required")
        assert "password" in answer.get_json()["methods"]
        assert the_user().deleted_at is None
    assert delete(house, access).status_code == 204


def test_every_session_ends_and_nobody_comes_in(house: House, access: str) -> None:
    other, refresh = house.tokens()
    answer = delete(house, access)
    assert (answer.status_code, answer.get_data()) == (204, b"")
    for method, path, token in (("GET", "/profile", access), ("GET", "/sessions", other), ("POST", "/refresh", refresh)):
        refused = house.ask(method, path, token=token)
        assert (refused.status_code, refused.get_json()["reason"]) == (401, "account_deleted")
    for name in ("ada", ADA):
        closed = house.login(name)
        assert (closed.status_code, closed.get_json()["code"]) == (403, "account_inactive")
        assert house.login(name, "wrong-horse-battery").get_json()["code"] == "invalid_credentials"
    assert facts("account_deleted") == 1


def test_what_was_mailed_before_works_no_more(house: House, access: str) -> None:
    house.post("/forgot-password", {"email": ADA})
    link = house.mail_to(ADA)[-1].links[0].removeprefix(house.app.extensions["settings"].address)
    house.post("/send-otp", {"email": ADA})
    code = next(word for word in house.mail_to(ADA)[-1].text.split() if word.isdigit() and len(word) == 6)
    delete(house, access)
    assert house.post(link, {"password": "another-horse-battery"}).get_json()["code"] == "invalid_token"
    by_code = house.post("/verify-otp", {"email": ADA, "otp_code": code, "password": PASSWORD})
    assert by_code.get_json()["code"] == "invalid_otp"


def test_names_stay_taken_and_whoever_asks_gets_a_new_undo_link(house: House, access: str) -> None:
    free = house.sign_up("free", "free@example.org")
    delete(house, access)
    undo = {newest_undo(house)}
    assert house.sign_up("ADA", "new@example.org").get_json()["code"] == "username_taken"
    taken = house.sign_up("bea", ADA)
    assert (taken.status_code, taken.get_json()["message"]) == (201, free.get_json()["message"])
    undo.add(newest_undo(house))
    house.post("/forgot-password", {"email": "ADA@example.org"})
    undo.add(newest_undo(house))
    house.post("/resend-confirmation", {"email": ADA})
    undo.add(newest_undo(house))
    assert len(undo) == 4
    assert not [link for mail in house.mail_to(ADA)[1:] for link in mail.links if "/confirm/" in link or "/reset" in link]
    assert {house.get(link).status_code for link in undo} == {200}
    assert house.post(undo.pop()).status_code == 200


@pytest.mark.parametrize("after", [1, WEEK - 60])
def test_undo_brings_everything_back_but_the_password(house: House, access: str, after: int) -> None:
    house.ask("PUT", "/profile", token=access, data=forms.body(forms.file(images.png())), content_type=forms.CONTENT_TYPE)
    before = house.get("/profile", access).get_json()
    delete(house, access)
    link = newest_undo(house)
    with time_machine.travel(clock.now() + timedelta(seconds=after)):
        erasure.erase_due()
        assert house.get(link).get_json()["action"].startswith("Restore your account.")
        assert house.login().status_code == 403, "looking changes nothing"
        assert house.post(link).status_code == 200
        assert house.post(link).get_json()["code"] == house.get(link).get_json()["code"] == "invalid_token"
        assert house.login().get_json()["code"] == "invalid_credentials", "whoever deleted it knew the password"
        new_password(house)
        again, _ = house.tokens()
        assert house.get("/profile", again).get_json() | {"last_activity": ""} == before | {"last_activity": ""}
        assert house.get(before["profile_picture"].removeprefix(house.app.extensions["settings"].address)).status_code == 200
        assert house.get("/profile", access).status_code == 401, "old sessions stay ended"
    assert facts("account_restored") == 1


def test_it_is_erased_when_its_time_is_over_and_not_before(house: House, access: str) -> None:
    delete(house, access)
    link, user_id = newest_undo(house), the_user().id
    with time_machine.travel(clock.now() + timedelta(seconds=WEEK - 60)):
        assert erasure.erase_due() == 0
        assert house.login().status_code == 403
    with time_machine.travel(clock.now() + timedelta(seconds=WEEK + 2)):
        assert erasure.erase_due() == 1
        assert erasure.erase_due() == 0, "once"
        assert (facts("account_erased"), the_user().id) == (1, user_id)
        assert house.post(link).get_json()["code"] == house.get(link).get_json()["code"] == "invalid_token"
        for name in ("ada", ADA):
            assert house.login(name).get_json()["code"] == "invalid_credentials"
        assert house.sign_up().status_code == 201, "both names are free again"
        assert house.post(house.confirm_link()).status_code == 200
        assert house.login().status_code == 200


def test_whoever_takes_the_name_afterwards_does_not_inherit_wrong_guesses(house: House, access: str) -> None:
    delete(house, access)
    for _ in range(6):
        house.login(password="wrong-horse-battery")
    assert house.login().status_code == 429
    assert erase_all_due(house) == 1
    house.account()
    assert house.login().status_code == 200


def test_of_the_record_only_kinds_and_times_stay_and_of_sessions_ids_reasons_and_times(house: House, access: str) -> None:
    house.ask("PUT", "/profile", {"first_name": "Augusta"}, access)
    before = rows(select(AuditFact.id, AuditFact.time, AuditFact.kind).order_by(AuditFact.id))
    delete(house, access)
    assert erase_all_due(house) == 1
    kept = {row.id: row for row in rows(select(*AuditFact.__table__.columns))}
    assert {row.id: (row.time, row.kind) for row in before} == {
        row.id: (kept[row.id].time, kept[row.id].kind) for row in before
    }
    assert {(row.ip, row.user_agent, str(row.details)) for row in kept.values()} == {("", "", "{}")}
    for row in rows(select(*Session.__table__.columns)):
        said = {name for name, value in row._mapping.items() if value not in (None, "")}
        times = {name for name, value in row._mapping.items() if hasattr(value, "tzinfo")}
        assert said - times == {"id", "user_id", "end_reason", "ip_shortened"}
        assert row.end_reason == "account_deleted"


def test_old_tokens_are_told_why_until_they_run_out_and_then_the_shell_goes(house: House) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        house.account()
        access, refresh = house.tokens()
        delete(house, access)
        moment.shift(-WEEK)  # as if it had been deleted a week ago, with tokens of today
        with unit_of_work():
            db.session.execute(update(User).values(deleted_at=clock.now()))
        moment.shift(WEEK + 1)
        assert erasure.erase_due() == 1
        assert house.get("/profile", access).get_json()["reason"] == "account_deleted"
        moment.shift(86400 + 5)
        retention.clear_out()
        assert house.post("/refresh", token=refresh).status_code == 401
        assert (rows(select(User.id)) != [], rows(select(Session.id)) != []) == (True, True)
        moment.shift(20)
        retention.clear_out()
        assert (rows(select(User.id)), rows(select(Session.id))) == ([], [])
        assert facts("account_deleted") == facts("account_erased") == 1


def test_an_account_without_a_password_is_deleted_without_one(house: House, access: str) -> None:
    with unit_of_work():
        db.session.execute(update(User).values(password_hash=None))
    assert delete(house, access, None).status_code == 204
    assert newest_undo(house)


def test_a_change_under_way_writes_nothing_into_an_erased_account(
    house: House, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account is erased while its owner's picture is being drawn."""
    files = set(pictures.folder().glob("*"))

    def drawn(file: bytes) -> tuple[bytes, str]:
        delete(house, access)
        erase_all_due(house)
        return file, "png"

    monkeypatch.setattr(pictures, "drawn", drawn)
    raw = forms.body(forms.file(images.png()), forms.text("first_name", "Eve"))
    answer = house.ask("PUT", "/profile", token=access, data=raw, content_type=forms.CONTENT_TYPE)
    assert (answer.status_code, answer.get_json()["reason"]) == (401, "account_deleted")
    assert (the_user().first_name, the_user().picture) == (None, None)
    assert set(pictures.folder().glob("*")) == files


def test_mail_that_was_ordered_before_the_erasure_is_not_written_after_it(house: House, access: str) -> None:
    house.put("/profile", {"email": "new@example.org"}, access)
    house.login()
    delete(house, access)
    assert erase_all_due(house) == 1
    arrived, known = len(house.mail_server.messages), facts("new_device")
    house.deliver()
    assert len(house.mail_server.messages) == arrived
    assert facts("new_device") == known
    assert {row.state for row in rows(select(Base.metadata.tables["letters"].c.state))} == {"sent", "void"}


def test_an_account_that_was_brought_back_meanwhile_is_not_erased(house: House, access: str) -> None:
    """The job found it due, and then its owner used the link."""
    delete(house, access)
    user_id, link = the_user().id, newest_undo(house)
    assert house.post(link).status_code == 200
    with unit_of_work():
        assert erasure.erase(user_id) is False
    new_password(house)
    delete(house, house.tokens()[0])
    with unit_of_work():
        assert erasure.erase(user_id) is False, "its week has begun anew"
    assert the_user().email == ADA


def test_each_personal_column_and_table_has_a_decision(house: House, access: str) -> None:
    """A new column of `users` is kept or emptied by name; a new table with a user goes, or is emptied, or has none."""
    shell = erasure._shell()
    kept = {"id", "created_at"}
    assert set(shell) | kept == set(User.__table__.columns.keys())
    filled = {name for name, value in shell.items() if value not in (None, "", False)}
    assert filled == {"username", "username_key", "deleted_at", "erased_at"}
    hanging = {table.__tablename__ for table in erasure.HANGING_ON}
    of_users = {table.name for table in Base.metadata.sorted_tables if "user_id" in table.columns or table.name == "users"}
    assert of_users == hanging | EMPTIED
    assert {table.name for table in Base.metadata.sorted_tables} == of_users | NOBODYS
    personal = {"sessions": {"ip", "user_agent", "amr"}, "audit_facts": {"ip", "user_agent", "details"}}
    harmless = {"id", "user_id", "session_id", "kind", "time", "ip_shortened", "refresh_jti", "parent_jti", "end_reason"}
    harmless |= {"created_at", "auth_time", "expires_at", "last_activity", "refreshed_at", "ended_at"}
    for name, columns in personal.items():
        assert set(Base.metadata.tables[name].columns.keys()) <= columns | harmless, "a new column wants a decision"


def test_everything_that_hangs_on_it_goes(house: House, access: str) -> None:
    user_id = the_user().id
    now = clock.now()
    with unit_of_work():
        identities.link(user_id, "google", "https://accounts.example.org", "subject-of-ada")
        db.session.add(HeldAddress(email_key="old@example.org", user_id=user_id, since=now, until=now))
        db.session.add(KnownDevice(user_id=user_id, digest="d" * 64, first_seen=now))
        db.session.add(RecoveryCode(id="r" * 36, user_id=user_id, digest="d" * 64, created_at=now))
    house.ask("PUT", "/profile", token=access, data=forms.body(forms.file(images.png())), content_type=forms.CONTENT_TYPE)
    picture = pictures.folder() / the_user().picture
    assert picture.exists()
    delete(house, access)
    newest_undo(house)
    assert picture.exists()
    assert erase_all_due(house) == 1
    for table in (HeldAddress, Identity, KnownDevice, RecoveryCode, Ticket):
        assert rows(select(func.count()).select_from(table))[0][0] == 0, table
    assert not picture.exists()
    assert {name for name, value in the_user()._mapping.items() if value is not None} == KEPT_OF_USERS | {
        "deleted_at",
        "erased_at",
    }
    assert (the_user().email, the_user().is_active) == ("", False)


def moved_away(house: House, access: str) -> None:
    """Somebody who holds a session moves the account to a mailbox of their own."""
    house.put("/profile", {"email": "eve@example.org"}, access)
    assert house.post(house.confirm_link("eve@example.org")).status_code == 200


def test_an_address_that_was_left_lately_hears_of_the_deletion_and_may_undo_it(house: House, access: str) -> None:
    """Whoever moves an account to a mailbox of their own, and then deletes it, does not get the only way back."""
    moved_away(house, access)
    delete(house, access)
    theirs = [link for mail in house.mail_to("eve@example.org") for link in mail.links if "/undo/" in link][-1]
    links = [link for mail in house.mail_to(ADA) for link in mail.links if "/undo/" in link]
    assert len(links) == 2, "of the change, and of the deletion"
    assert house.post(links[-1].removeprefix(house.app.extensions["settings"].address)).status_code == 200
    refused = house.post(theirs.removeprefix(house.app.extensions["settings"].address))
    assert (refused.status_code, refused.get_json()["code"]) == (400, "invalid_token")
    new_password(house)
    assert house.get("/profile", house.tokens(ADA)[0]).get_json()["email"] == ADA


def test_the_undo_of_a_change_brings_a_deleted_account_back(house: House, access: str) -> None:
    moved_away(house, access)
    link = newest_undo(house)
    delete(house, access)
    assert house.post(link).status_code == 200
    new_password(house)
    assert house.get("/profile", house.tokens(ADA)[0]).get_json()["email"] == ADA


def test_a_letter_about_a_deletion_that_was_undone_meanwhile_is_not_written(house: House, access: str) -> None:
    moved_away(house, access)
    link = newest_undo(house)
    delete(house, access)
    assert house.post(link).status_code == 200
    assert "/undo/" not in "".join(link for mail in house.mail_to("eve@example.org") for link in mail.links)


@pytest.mark.parametrize("seconds", [0, 60])
def test_erasure_waits_for_an_address_that_may_bring_the_account_back(
    house: House, access: str, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    moved_away(house, access)
    settings = house.app.extensions["settings"].model_copy(update={"account_erase_seconds": seconds})
    monkeypatch.setitem(house.app.extensions, "settings", settings)
    delete(house, access)
    link, moved = newest_undo(house), clock.now()
    with time_machine.travel(moved + timedelta(days=6, hours=23)):
        assert erasure.erase_due() == 0
        assert house.get(link).status_code == 200
    with time_machine.travel(moved + timedelta(days=7, hours=1)):
        assert erasure.erase_due() == 1


def test_erasure_waits_for_a_link_that_was_mailed_late(house: House, access: str) -> None:
    """Its mail says that it works for seven days."""
    new = {"current_password": PASSWORD, "new_password": "amber-lanterns-over-water"}
    assert house.post("/change-password", new, access).status_code == 200
    delete(house, access, new["new_password"])
    deleted = clock.now()
    with time_machine.travel(deleted + timedelta(hours=1)):
        mailed = [link for mail in house.mail_to(ADA) for link in mail.links if "/not-me/" in link][-1]
    link = mailed.removeprefix(house.app.extensions["settings"].address)
    with time_machine.travel(deleted + timedelta(days=7, minutes=50)):
        assert erasure.erase_due() == 0
        assert house.get(link).status_code == 200
    with time_machine.travel(deleted + timedelta(days=7, minutes=70)):
        assert erasure.erase_due() == 1


def test_a_deletion_cancels_a_change_of_address_that_waits(house: House, access: str) -> None:
    """Also one whose letter is late: the link would move the closed account."""
    house.put("/profile", {"email": "eve@example.org"}, access)
    link = house.confirm_link("eve@example.org")
    house.put("/profile", {"email": "eva@example.org"}, access)
    delete(house, access)
    assert house.mail_to("eva@example.org") == []
    assert house.post(link).get_json()["code"] == "invalid_token"
    assert (the_user().email, the_user().pending_email) == (ADA, None)


def test_no_link_moves_a_closed_account(house: House, access: str) -> None:
    house.put("/profile", {"email": "eve@example.org"}, access)
    link = house.confirm_link("eve@example.org")
    with unit_of_work():
        db.session.execute(update(User).values(deleted_at=clock.now()))
    assert house.post(link).get_json()["code"] == "invalid_token"
    assert the_user().email == ADA
