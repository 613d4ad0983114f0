"""Whatever changes who can come in, or as whom, is told by one mail to the owner, with a link that takes the account back.

The table is held to the kinds of events: a new kind without a row in it fails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import get_args

import pytest
import time_machine

from services import openid
from services.audit import Kind
from tests import mailed
from tests.factors import Phone, set_up
from tests.mailed import ADA, FRESH_PASSWORD, JSON, NOT_ME, RESET, UNDO, newest
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.people import PASSWORD
from tests.resources.conftest import Door, door, standing_door
from tests.resources.test_commands import run
from tests.visitors import Visitor, ada
from tests.visitors import set_up as set_provider_up

__all__ = ["door", "standing_door"]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LINKS = (NOT_ME, UNDO, RESET)


@dataclass
class Scene:
    """Ada, signed in, with a provider that she may link."""

    door: Door
    access: str
    google: Realm

    def phone(self) -> Phone:
        return set_up(self.door, self.access)

    def press(self, kind: str) -> None:
        """The button behind the newest link of a kind."""
        assert self.door.post(newest(self.door, ADA, kind), headers=JSON).status_code == 200

    def operator(self, *words: str) -> None:
        assert run(self.door, "users", *words)[0] == 0


def change_password(scene: Scene) -> None:
    body = {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}
    assert scene.door.post("/change-password", body, scene.access).status_code == 200


def delete(scene: Scene) -> None:
    assert scene.door.ask("DELETE", "/profile", {"password": PASSWORD}, scene.access).status_code == 204


def link(scene: Scene) -> None:
    visitor = Visitor(scene.door)
    assert visitor.prove(visitor.sign_in(scene.google, **ada())).status_code == 200


def unlink(scene: Scene) -> None:
    link(scene)
    assert scene.door.ask("DELETE", "/auth/google/link", token=scene.access).status_code == 204


def turn_mfa_off(scene: Scene) -> None:
    assert scene.door.ask("DELETE", "/mfa", {"mfa_code": scene.phone().code()}, scene.access).status_code == 200


def use_a_recovery_code(scene: Scene) -> None:
    body = {"username": "ada", "password": PASSWORD, "mfa_code": scene.phone().recovery_codes[0]}
    assert scene.door.post("/login", body).status_code == 200


def renew_codes(scene: Scene) -> None:
    body = {"mfa_code": scene.phone().code()}
    assert scene.door.post("/mfa/recovery-codes", body, scene.access).status_code == 200


def use_a_token_again(scene: Scene) -> None:
    first = scene.door.tokens()[1]
    second = scene.door.post("/refresh", token=first).get_json()["refresh_token"]
    scene.door.post("/refresh", token=second)
    assert scene.door.post("/refresh", token=first).get_json()["code"] == "token_reused"


def come_by_a_new_device(scene: Scene) -> None:
    scene.door.deliver()
    body = {"username": "ada", "password": PASSWORD}
    assert scene.door.post("/login", body, headers={"User-Agent": FIREFOX}).status_code == 200


def change_details(scene: Scene) -> None:
    assert scene.door.put("/profile", {"username": "mallory", "phone_number": "+493012345"}, scene.access).status_code == 200


def and_then(first: Callable[[Scene], object], kind: str) -> Callable[[Scene], None]:
    """An act, and the button of the mail that tells of it."""

    def both(scene: Scene) -> None:
        first(scene)
        scene.press(kind)

    return both


def as_operator(*words: str) -> Callable[[Scene], None]:
    return lambda scene: scene.operator(*words, "ada")


def revoke_admin(scene: Scene) -> None:
    scene.operator("make-admin", "ada")
    scene.operator("revoke-admin", "ada")


TOLD: dict[str, tuple[Callable[[Scene], object], str]] = {
    "new_device": (come_by_a_new_device, "a sign-in from a new device"),
    "token_reused": (use_a_token_again, "a session was ended"),
    "profile_changed": (change_details, "your account details were changed"),
    "password_changed": (change_password, "your password was changed"),
    "password_reset": (lambda scene: mailed.reset(scene.door, mailed.ask_for_reset(scene.door)), "your password was changed"),
    "email_change_asked": (
        lambda scene: mailed.ask_for_change(scene.door, scene.access),
        "a change of address was asked for",
    ),
    "email_changed": (lambda scene: mailed.move(scene.door, scene.access), "the address of your account was changed"),
    "email_change_undone": (
        and_then(lambda scene: mailed.move(scene.door, scene.access), UNDO),
        "the change of address was undone",
    ),
    "not_me": (and_then(change_password, NOT_ME), "set a new password"),
    "account_deleted": (delete, "your account is deleted"),
    "account_restored": (and_then(delete, UNDO), "set a new password"),
    "provider_linked": (link, "a way to sign in was added"),
    "provider_unlinked": (unlink, "a way to sign in was removed"),
    "mfa_enabled": (Scene.phone, "a second factor was turned on"),
    "mfa_disabled": (turn_mfa_off, "the second factor was turned off"),
    "recovery_code_used": (use_a_recovery_code, "a recovery code was used"),
    "recovery_codes_renewed": (renew_codes, "new recovery codes were made"),
    "account_deactivated": (as_operator("deactivate"), "your account was deactivated"),
    "made_admin": (as_operator("make-admin"), "your account has the role admin"),
    "admin_revoked": (revoke_admin, "your account no longer has the role admin"),
}
QUIET = {
    # Somebody signs up, in or out, or fails to. What is unusual about it is told: tests/flows/test_unusual_sign_ins.py.
    *("signed_up", "signed_in", "sign_in_failed", "sign_in_refused", "sign_in_wants_factor", "code_failed"),
    *("too_many_attempts", "reauthenticated", "reauthentication_failed", "signed_out"),
    # Done by the mailbox itself; announced when the account was deleted.
    *("email_confirmed", "account_erased"),
    # Nothing that signs in is added or taken away.
    *("session_ended", "other_sessions_ended", "signed_out_by_operator", "everybody_signed_out", "unlocked"),
    # What was told when it was taken away is given back.
    "account_activated",
}


@pytest.fixture(scope="module")
def google() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture
def scene(door: Door, google: Realm, monkeypatch: pytest.MonkeyPatch, standing_clock: time_machine.Traveller) -> Scene:
    openid._kept.clear()
    set_provider_up(door, monkeypatch, google)
    door.account()
    return Scene(door, door.tokens()[0], google)


def counted(door: Door, kind: str) -> int:
    return [row["kind"] for row in door.rows("audit_facts")].count(kind)


def test_every_kind_of_event_is_told_or_changes_no_way_in() -> None:
    assert TOLD.keys() | QUIET == set(get_args(Kind))
    assert not TOLD.keys() & QUIET


@pytest.mark.parametrize("kind", TOLD)
def test_each_change_is_one_mail_to_the_owner_with_a_way_back(scene: Scene, kind: str) -> None:
    cause, subject = TOLD[kind]
    cause(scene)
    mails = [mail for mail in scene.door.mail_to(ADA) if mail.subject == f"Latchkey: {subject}"]
    assert counted(scene.door, kind) == 1
    assert len(mails) == 1
    (link,) = mails[-1].links
    assert any(path in link for path in LINKS)
    assert link in mails[-1].html
