"""Guesses and wishes for mail by sixteen at once on two workers: one count over both, and over a restart."""

import pytest

from tests.attacks.doors import CLIENTS, behind_its_back, call, login
from tests.attacks.town import Owner, Send, Town, codes
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(600)
BURST = 6
"""Five guesses are free, and with the sixth the waits begin."""
WRONG = "not-the-password"
MAILS = 5
"""An hour, of one kind, to one address."""


def _password(town: Town, owner: Owner) -> Send:
    names = (owner.name, owner.name.upper(), owner.email, f" {owner.email.upper()} ")
    return lambda index, door: login(door, names[index % len(names)], WRONG)


def _of_nobody(town: Town, owner: Owner) -> Send:
    return lambda _, door: login(door, f"nobody-{owner.name}", WRONG)


def _second_step(town: Town, owner: Owner, code: str) -> Send:
    token = town.post("/login", {"username": owner.name, "password": PASSWORD}).json["mfa_token"]
    return lambda _, door: call(door, "POST", "/login", {"mfa_token": token, "mfa_code": code})


def _totp(town: Town, owner: Owner) -> Send:
    return _second_step(town, owner, f"{(int(owner.totp()) + 1) % 10**6:06}")


def _recovery_code(town: Town, owner: Owner) -> Send:
    return _second_step(town, owner, "0000-0000-0000-0000")


def _login_code(town: Town, owner: Owner) -> Send:
    body = {"email": owner.email, "otp_code": "000000", "password": PASSWORD}
    return lambda _, door: call(door, "POST", "/verify-otp", body)


def _step_up_code(town: Town, owner: Owner) -> Send:
    return lambda _, door: call(door, "POST", "/verify-otp", {"otp_code": "000000"}, owner.access)


FACTORS = {
    "password": (_password, BURST, "invalid_credentials"),
    "password of nobody": (_of_nobody, BURST, "invalid_credentials"),
    "TOTP code": (_totp, BURST, "invalid_mfa_code"),
    "recovery code": (_recovery_code, BURST, "invalid_mfa_code"),
    "login code": (_login_code, 5, "invalid_otp"),
    "step-up code": (_step_up_code, 5, "invalid_otp"),
}


@pytest.mark.parametrize("factor", FACTORS)
def test_guesses_at_once_are_counted_before_they_are_checked(town: Town, factor: str) -> None:
    ready, free, refusal = FACTORS[factor]
    owners = town.people(factor.replace(" ", "").lower() + "-", 3)
    if "mfa" in refusal:
        town.turn_on_mfa(owners)
    seen = []
    for owner in owners:
        send = ready(town, owner)
        found = codes(town.race(send))
        seen.append(found[refusal])
        assert found == {refusal: free, "too_many_attempts": CLIENTS - free}
        assert codes(town.race(send)) == {"too_many_attempts": CLIENTS}
    print(f"\n[{town.kind}] 16 wrong guesses at once, {factor}: evaluated {seen}, and none of the next sixteen")


def test_one_count_over_two_workers_and_a_restart(town: Town) -> None:
    owner = town.person("restarted")
    evaluated = [login(town.doors[turn % 2], owner.name, WRONG).code == "invalid_credentials" for turn in range(8)]
    assert evaluated == [True] * BURST + [False] * 2
    for door in town.doors:
        door.restart()
        assert login(door, owner.email).code == "too_many_attempts"
    behind_its_back(town.uri, "UPDATE attempts SET blocked_until = last_at")  # as if the wait were over
    after = [login(town.doors[turn % 2], owner.name, WRONG) for turn in range(2)]
    print(f"\n[{town.kind}] one after the other on two workers: {sum(evaluated)} evaluated; after a restart 0; then one a wait")
    assert [answer.code for answer in after] == ["invalid_credentials", "too_many_attempts"]
    assert 55 <= int(after[1].headers["Retry-After"]) <= 60
    behind_its_back(town.uri, "UPDATE attempts SET blocked_until = last_at")
    assert login(town.doors[1], owner.name).status == 200


def _asks(town: Town, owners: list[Owner]) -> dict[str, tuple[str, str, Send]]:
    """For each kind of mail: to whom, what its text has in it, and how sixteen ask for it."""
    ada, bob = owners[0], owners[1]
    prize = f"prize-{ada.email}"
    return {
        "reset": (ada.email, "/reset-password/", lambda _, door: call(door, "POST", "/forgot-password", {"email": ada.email})),
        "login code": (ada.email, "your code", lambda _, door: call(door, "POST", "/send-otp", {"email": ada.email})),
        "step-up code": (bob.email, "your code", lambda _, door: call(door, "POST", "/send-otp", None, bob.access)),
        "notice": (
            ada.email,
            "a change",
            lambda _, door: call(door, "PUT", "/profile", {"email": f"other-{ada.email}"}, ada.access),
        ),
        "change of address": (
            prize,
            "/confirm/",
            lambda index, door: call(door, "PUT", "/profile", {"email": prize}, owners[2 + index].access),
        ),
    }


def test_mail_to_one_address_is_bounded_by_kind(town: Town) -> None:
    owners = town.people("mailed", CLIENTS + 2)
    told = {}
    for kind, (address, part, send) in _asks(town, owners).items():
        for _ in range(2):
            # An account may ask for another address ten times in a row.
            assert {answer.status for answer in town.race(send)} <= {200, 202, 429}
        town.settle()
        told[kind] = len([mail for mail in town.mails(address) if part in mail.text or part in mail.subject])
    print(f"\n[{town.kind}] 32 mails of each kind asked for at once, two workers: sent {told}")
    assert max(told.values()) <= MAILS
    assert {kind: told[kind] for kind in ("reset", "login code")} == {"reset": MAILS, "login code": MAILS}
