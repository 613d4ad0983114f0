"""Sixteen different people do the same at the same moment: what concerns one must not make another one wait or fail."""

import time
from collections.abc import Callable

import pytest

from tests.attacks.doors import CLIENTS, Answer, call
from tests.attacks.town import Owner, Send, Town, statuses
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time
NEW_PASSWORD = "purple-elephant-staircase"


@pytest.fixture
def crowds(rounds: int) -> int:
    """How many crowds of sixteen."""
    return max(1, rounds // 10)


def _crowd(town: Town, what: str, owners: list[Owner], send: Callable[[Owner], Send]) -> None:
    """Lets them loose in crowds; all must get what they want, and soon."""
    before, slowest = town.deadlocks(), 0.0
    for start in range(0, len(owners), CLIENTS):
        sends = [send(owner) for owner in owners[start : start + CLIENTS]]
        began = time.monotonic()
        answers = town.race(lambda index, door, sends=sends: sends[index](index, door))  # type: ignore[misc]
        slowest = max(slowest, time.monotonic() - began)
        assert statuses(answers) == {200: CLIENTS}, [answer.raw for answer in answers if answer.status != 200]
    broken_up = town.deadlocks() - before
    print(f"\n[{town.kind}] {what}, {len(owners)} people in crowds of 16: slowest crowd {slowest:.2f} s, deadlocks {broken_up}")
    assert slowest < 10


def _call(method: str, path: str, body: object, token: str | None = None) -> Send:
    return lambda _, door: call(door, method, path, body, token)


def test_a_crowd_turns_factors_on_renews_its_codes_and_turns_them_off(town: Town, crowds: int) -> None:
    owners = town.people("crowd", CLIENTS * crowds)
    for owner in owners:
        owner.secret = town.post("/mfa", None, owner).json["mfa_secret"]
    _crowd(town, "factors on", owners, lambda owner: _call("POST", "/mfa", {"mfa_code": owner.totp()}, owner.access))
    town.forget_steps()
    _crowd(
        town,
        "codes anew",
        owners,
        lambda owner: _call("POST", "/mfa/recovery-codes", {"mfa_code": owner.totp()}, owner.access),
    )
    town.forget_steps()
    _crowd(town, "factors off", owners, lambda owner: _call("DELETE", "/mfa", {"mfa_code": owner.totp()}, owner.access))


def test_a_crowd_resets_and_changes_its_passwords(town: Town, crowds: int) -> None:
    owners = town.people("forget", CLIENTS * crowds)
    began = time.monotonic()
    town.each(owners, lambda owner: town.post("/forgot-password", {"email": owner.email}))
    town.settle()
    print(f"\n[{town.kind}] {len(owners)} reset mails by two workers: {time.monotonic() - began:.1f} s")
    paths = {owner.name: town.link(owner.email, "/reset-password/") for owner in owners}
    _crowd(town, "resets", owners, lambda owner: _call("POST", paths[owner.name], {"password": NEW_PASSWORD}))
    town.each(owners, lambda owner: town.sign_in(owner, NEW_PASSWORD))
    body = {"current_password": NEW_PASSWORD, "new_password": PASSWORD}
    _crowd(town, "changes of password", owners, lambda owner: _call("POST", "/change-password", body, owner.access))


def test_a_crowd_changes_its_addresses_and_undoes_it(town: Town, crowds: int) -> None:
    owners = town.people("wander", CLIENTS * crowds)
    bodies = {owner.name: {"email": f"new-{owner.email}"} for owner in owners}
    _crowd(town, "wishes for an address", owners, lambda owner: _call("PUT", "/profile", bodies[owner.name], owner.access))
    town.settle()
    links = {owner.name: town.link(f"new-{owner.email}", "/confirm/") for owner in owners}
    _crowd(town, "changes of address", owners, lambda owner: _call("POST", links[owner.name], None))
    town.settle()
    undo = {owner.name: town.link(owner.email, "/undo/") for owner in owners}
    _crowd(town, "undoings", owners, lambda owner: _call("POST", undo[owner.name], None))


def test_a_crowd_signs_in_by_mailed_codes_and_steps_up(town: Town, crowds: int) -> None:
    owners = town.people("codes", CLIENTS * crowds)
    began = time.monotonic()
    town.each(owners, lambda owner: town.post("/send-otp", {"email": owner.email}))
    town.settle()
    seconds = time.monotonic() - began
    codes = {owner.name: town.mailed_code(owner.email) for owner in owners}
    more = {"password": PASSWORD}
    _crowd(
        town,
        "sign-ins by mailed code",
        owners,
        lambda owner: _call("POST", "/verify-otp", {"email": owner.email, "otp_code": codes[owner.name]} | more),
    )
    _crowd(town, "step-ups", owners, lambda owner: _call("POST", "/reauthenticate", more, owner.access))
    print(f"\n[{town.kind}] {len(owners)} mailed codes by two workers: {seconds:.1f} s")
    assert seconds < 30


def test_everything_at_once_at_one_account_meets_no_fault(town: Town, rounds: int) -> None:
    """A reset, a change of password, “not me”, sign-ins and step-ups lock the same rows, each from its own end."""
    owners, before, seen = town.people("mixed", rounds), town.deadlocks(), []
    town.each(owners, lambda owner: call(town.doors[0], "PUT", "/profile", {"email": f"new-{owner.email}"}, owner.access))
    town.each(owners, lambda owner: town.post("/forgot-password", {"email": owner.email}))
    town.settle()
    began = time.monotonic()
    for owner in owners:
        sends = _everything(town, owner)
        answers: list[Answer] = town.race(lambda index, door, sends=sends: sends[index % len(sends)](index, door))  # type: ignore[misc]
        seen.append(statuses(answers))
        live = town.count("sessions", "user_id = :id AND ended_at IS NULL", id=owner.id)
        has_password = town.look("SELECT password_hash FROM users WHERE id = :id", id=owner.id)[0][0] is not None
        assert has_password or live == 0, "nobody is signed in once “not me” was the last word"
    seconds, broken_up = time.monotonic() - began, town.deadlocks() - before
    print(f"\n[{town.kind}] everything at one account, {rounds} rounds: {seconds:.1f} s, deadlocks {broken_up}; {seen[0]}")


def _everything(town: Town, owner: Owner) -> list[Send]:
    reset, not_me = town.link(owner.email, "/reset-password/"), town.link(owner.email, "/not-me/")
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return [
        _call("POST", reset, {"password": NEW_PASSWORD}),
        _call("POST", "/change-password", body, owner.access),
        _call("POST", not_me, None),
        _call("POST", "/login", {"username": owner.name, "password": PASSWORD}),
        _call("POST", "/reauthenticate", {"password": PASSWORD}, owner.access),
        _call("POST", "/login", {"username": owner.email, "password": NEW_PASSWORD}),
        _call("POST", town.link(f"new-{owner.email}", "/confirm/"), None),
        _call("POST", "/refresh", None, owner.refresh),
    ]
