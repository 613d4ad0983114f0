"""What a fact says beside kind, time and place: its request, how somebody proved who they are, and the operator."""

import os
import pwd
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from werkzeug.test import TestResponse

from commands import operator
from services import openid
from tests import factors
from tests.factors import WRONG_PASSWORD
from tests.mailed import ask_for_reset, reset
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.test_commands import run
from tests.visitors import Visitor, ada, link_token, set_up


@pytest.fixture(scope="module")
def google() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


def facts(door: Door, kind: str) -> list[dict[str, Any]]:
    found = sorted(door.rows("audit_facts"), key=lambda row: (row["time"], row["id"]))
    return [row for row in found if row["kind"] == kind]


def newest(door: Door, answer: TestResponse) -> dict[str, dict[str, str]]:
    """Details of the facts that this call wrote, by kind, without its request id."""
    request_id = answer.headers["X-Request-ID"]
    found = [row for row in door.rows("audit_facts") if row["details"].get("request_id") == request_id]
    return {row["kind"]: {name: text for name, text in row["details"].items() if name != "request_id"} for row in found}


def test_each_fact_of_a_call_has_the_id_that_the_caller_was_told(door: Door) -> None:
    """Signing up, changing, ending, refused or not: whatever is written in a request is found by its id."""
    door.account()
    access, refresh = door.tokens()
    calls = {
        "sign_in_failed": door.login(password=WRONG_PASSWORD),
        "profile_changed": door.put("/profile", {"first_name": "Ada"}, access),
        "reauthentication_failed": door.post("/reauthenticate", {"password": WRONG_PASSWORD}, access),
        "other_sessions_ended": door.ask("DELETE", "/sessions", token=access),
        "signed_out": door.post("/logout", token=refresh),
    }
    for kind, answer in calls.items():
        assert kind in newest(door, answer), kind
    of_jobs = {"new_device"}
    unnamed = [row["kind"] for row in door.rows("audit_facts") if "request_id" not in row["details"]]
    assert set(unnamed) <= of_jobs


def test_an_id_that_the_caller_gave_is_in_the_fact_as_in_the_log(door: Door) -> None:
    body = {"username": "nobody", "password": WRONG_PASSWORD}
    door.post("/login", body, headers={"X-Request-ID": "from-the-proxy"})
    assert [fact["details"]["request_id"] for fact in facts(door, "sign_in_failed")] == ["from-the-proxy"]


def test_each_way_in_says_how_it_was_proved(door: Door, standing_clock: time_machine.Traveller) -> None:
    door.account()
    assert newest(door, door.login())["signed_in"] == {"method": "pwd"}
    mailed = factors.verify(door, factors.login_code(door))
    assert newest(door, mailed)["signed_in"] == {"method": "pwd email"}
    access, _ = door.tokens()
    phone = factors.set_up(door, access)
    wanted = door.login()
    assert newest(door, wanted)["sign_in_wants_factor"] == {"method": "pwd"}
    second = factors.second(door, wanted.get_json()["mfa_token"], phone.code())
    assert newest(door, second)["signed_in"] == {"method": "pwd otp"}
    by_paper = factors.sign_in(door, phone.recovery_codes[0])
    assert newest(door, by_paper)["signed_in"] == {"method": "pwd recovery_code"}
    access = by_paper.get_json()["access_token"]
    standing_clock.shift(30)
    stepped = door.post("/reauthenticate", {"password": PASSWORD, "mfa_code": phone.code()}, access)
    assert newest(door, stepped)["reauthenticated"] == {"method": "pwd otp"}


def test_a_code_alone_is_called_a_mailed_one(build: Callable[..., Door]) -> None:
    door = build(OTP_PASSWORDLESS_LOGIN="true")
    door.account()
    assert newest(door, factors.verify(door, factors.login_code(door), None))["signed_in"] == {"method": "email"}
    assert newest(door, factors.verify(door, "000000", None))["sign_in_failed"] == {"method": "email"}


def test_each_failure_says_what_was_tried(door: Door, standing_clock: time_machine.Traveller) -> None:
    access, phone = factors.protected(door)
    wrong = {
        "pwd": ("sign_in_failed", door.login(password=WRONG_PASSWORD)),
        "pwd email": ("sign_in_failed", factors.verify(door, "000000")),
        "otp": ("code_failed", factors.sign_in(door, phone.wrong())),
        "recovery_code": ("code_failed", factors.sign_in(door, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ")),
        "email": ("code_failed", door.post("/verify-otp", {"otp_code": "000000", "mfa_code": phone.code()}, access)),
    }
    for method, (kind, answer) in wrong.items():
        assert newest(door, answer) == {kind: {"method": method}}
    for path, body in {
        "/reauthenticate": {"password": WRONG_PASSWORD, "mfa_code": phone.code()},
        "/change-password": {"current_password": WRONG_PASSWORD, "new_password": "staple-battery-horse-correct"},
    }.items():
        assert newest(door, door.post(path, body, access)) == {"reauthentication_failed": {"method": "pwd"}}
    deleted = door.ask("DELETE", "/profile", {"password": WRONG_PASSWORD}, access)
    assert newest(door, deleted) == {"reauthentication_failed": {"method": "pwd"}}


def test_a_refused_sign_in_says_what_was_right_and_why_it_was_refused(door: Door) -> None:
    door.sign_up()
    refused = {"sign_in_refused": {"method": "pwd", "reason": "email_not_confirmed"}}
    assert newest(door, door.login()) == refused


def test_a_sign_in_at_a_provider_says_so(build: Callable[..., Door], google: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    openid._kept.clear()
    door = build()
    set_up(door, monkeypatch, google)
    door.account()
    visitor = Visitor(door)
    wanted = visitor.sign_in(google, **ada())
    assert newest(door, wanted) == {"sign_in_refused": {"method": "fed", "reason": "link_proof_required"}}
    body = {"link_token": link_token(wanted)}
    guessed = visitor.open("/auth/link", body | {"password": WRONG_PASSWORD})
    assert newest(door, guessed) == {"sign_in_failed": {"method": "pwd"}}
    guessed = visitor.open("/auth/link", body | {"otp_code": "000000"})
    assert newest(door, guessed) == {"code_failed": {"method": "email"}}
    assert newest(door, visitor.prove(wanted))["signed_in"] == {"method": "fed pwd"}
    assert newest(door, Visitor(door).sign_in(google, **ada()))["signed_in"] == {"method": "fed"}


def test_guesses_that_have_to_wait_leave_one_fact_for_each_wait(door: Door) -> None:
    with time_machine.travel(1893456015, tick=False) as standing:
        door.account()
        for _ in range(6):
            door.login(password=WRONG_PASSWORD)
        first = door.login()
        for name in ("ada", "ada@example.org", "ADA"):
            assert {door.login(name).status_code for _ in range(5)} == {429}
        assert newest(door, first) == {"too_many_attempts": {"method": "pwd"}}
        assert [fact["user_id"] for fact in facts(door, "too_many_attempts")] == [door.user()["id"]]
        standing.shift(30)
        door.login(password=WRONG_PASSWORD)
        assert len(facts(door, "too_many_attempts")) == 1, "a guess that was counted"
        assert {door.login().status_code for _ in range(5)} == {429}
        assert len(facts(door, "too_many_attempts")) == 2
        standing.shift(60)
        access, _ = door.tokens()
        shown = door.get("/security-events", access).get_json()["events"]
    assert [event["kind"] for event in shown].count("too_many_attempts") == 2
    assert {frozenset(event) for event in shown} == {frozenset({"id", "time", "kind", "ip", "device"})}


def test_each_factor_that_waits_has_a_fact_of_its_own(door: Door, standing_clock: time_machine.Traveller) -> None:
    access, phone = factors.protected(door)
    tries: dict[str, Callable[[], TestResponse]] = {
        "otp": lambda: factors.sign_in(door, phone.wrong()),
        "recovery_code": lambda: factors.sign_in(door, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ"),
        "email": lambda: door.post("/verify-otp", {"otp_code": "000000"}, access),
    }
    for method, attempt in tries.items():
        answers = [attempt() for _ in range(9)]
        assert answers[-1].status_code == 429, method
        mine = [fact for fact in facts(door, "too_many_attempts") if fact["details"]["method"] == method]
        assert [fact["user_id"] for fact in mine] == [door.user()["id"]], method


def test_the_owner_is_shown_all_of_it_by_the_export_and_erasure_empties_it(build: Callable[..., Door]) -> None:
    door = build(ACCOUNT_ERASE_SECONDS="0")
    door.account()
    signed_in = door.login()
    access = signed_in.get_json()["access_token"]
    exported = door.get("/profile/export", access).get_json()["security_events"]
    mine = next(event for event in exported if event["kind"] == "signed_in")
    assert mine["details"] == {"method": "pwd", "request_id": signed_in.headers["X-Request-ID"]}
    assert door.ask("DELETE", "/profile", {"password": PASSWORD}, access).status_code == 204
    kept = door.rows("audit_facts")
    assert {"signed_in", "account_deleted", "account_erased"} <= {row["kind"] for row in kept}
    assert [row["details"] for row in kept] == [{}] * len(kept)


def test_what_an_operator_does_names_the_user_of_the_system(door: Door) -> None:
    door.account()
    assert run(door, "users", "deactivate", "ada")[0] == 0
    assert run(door, "users", "create", "bea", "bea@example.org")[0] == 0
    assert run(door, "sessions", "end-all", "--yes")[0] == 0
    found = [row["details"] for row in door.rows("audit_facts") if row["user_agent"] == "command line"]
    assert found == [{"operator": operator.OPERATOR.operator}] * 3
    assert pwd.getpwuid(os.getuid()).pw_name in operator.OPERATOR.operator


@pytest.mark.parametrize(
    ("caller", "uid", "named"),
    [("", 0, "root"), ("ada", 0, "ada as root"), ("", 3999999, "3999999"), ("a\x1bda", 0, "root"), ("a\udc80", 0, "root")],
)
def test_the_operator_is_named_through_sudo_and_without_a_name(
    monkeypatch: pytest.MonkeyPatch, caller: str, uid: int, named: str
) -> None:
    monkeypatch.setenv("SUDO_USER", caller)
    monkeypatch.setattr("os.getuid", lambda: uid)
    assert operator.user_of_the_system() == named


def test_a_mailed_link_keeps_its_request_too(door: Door) -> None:
    door.account()
    assert newest(door, reset(door, ask_for_reset(door)))["password_reset"] == {}
