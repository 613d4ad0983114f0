"""Sixteen clients with one secret on two processes: one of them gets what it is good for, and every guess is counted."""

import http.client
from collections import Counter

import pytest

from tests.attacks.doors import CLIENTS, Answer, call
from tests.attacks.town import Owner, Send, Town, codes, is_hash_of, statuses
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time


def told(town: Town, what: str, seen: list[Counter[int]]) -> None:
    total: Counter[int] = sum(seen, Counter())
    winners = [found[200] for found in seen]
    print(f"\n[{town.kind}] {what} x {CLIENTS}: one winner in {winners.count(1)}/{len(seen)} rounds; answers {dict(total)}")
    assert winners == [1] * len(seen)


def test_one_reset_link_sets_one_password(town: Town, rounds: int) -> None:
    owners, seen = town.people("reset", rounds), []
    for _ in range(2):  # the newer link makes the older void
        town.each(owners, lambda owner: town.post("/forgot-password", {"email": owner.email}))
        town.settle()
    for owner in owners:
        older, path = town.mails(owner.email, "/reset-password/")[-2].links[0], town.link(owner.email, "/reset-password/")
        answers = _resets(town, path, owner)
        seen.append(statuses(answers))
        assert codes(answers) == {"invalid_token": CLIENTS - 1}
        _check_reset(town, owner, [answer.status for answer in answers].index(200))
        assert town.post("/reset-password/" + older.rpartition("/")[2], {"password": PASSWORD}).code == "invalid_token"
    told(town, "one reset link", seen)


def _password(owner: Owner, index: int) -> str:
    return f"{PASSWORD}-{owner.name}-{index}"


def _resets(town: Town, path: str, owner: Owner) -> list[Answer]:
    return town.race(lambda index, door: call(door, "POST", path, {"password": _password(owner, index)}))


def _check_reset(town: Town, owner: Owner, winner: int) -> None:
    kept = town.look("SELECT password_hash FROM users WHERE id = :id", id=owner.id)[0][0]
    assert [index for index in range(CLIENTS) if is_hash_of(kept, _password(owner, index))] == [winner]
    assert town.is_signed_in(owner.access) == [401, 401]
    unspent = "user_id = :id AND purpose = 'reset' AND spent_at IS NULL"
    assert (town.count("tickets", unspent, id=owner.id), town.facts(owner, "password_reset")) == (0, 1)
    town.sign_in(owner, _password(owner, winner))
    assert town.post("/login", {"username": owner.name, "password": PASSWORD}).code == "invalid_credentials"


def test_one_mailed_login_code_signs_in_once(town: Town, rounds: int) -> None:
    owners, seen = town.people("login", rounds), []
    town.each(owners, lambda owner: town.post("/send-otp", {"email": owner.email}))
    town.settle()
    for owner in owners:
        answers = _codes_sent(town, owner, town.mailed_code(owner.email))
        seen.append(statuses(answers))
        assert set(codes(answers)) <= {"invalid_otp", "too_many_attempts"}
        assert town.count("sessions", "user_id = :id AND amr = 'pwd email'", id=owner.id) == 1
        unspent = "user_id = :id AND purpose = 'login_code' AND spent_at IS NULL"
        assert town.count("tickets", unspent, id=owner.id) == 0
    told(town, "one mailed login code", seen)


def _codes_sent(town: Town, owner: Owner, code: str) -> list[Answer]:
    body = {"email": owner.email, "otp_code": code, "password": PASSWORD}
    return town.race(lambda _, door: call(door, "POST", "/verify-otp", body))


def test_every_wrong_mailed_code_is_counted(town: Town, rounds: int) -> None:
    owners, evaluated = town.people("wrong", rounds), []
    town.each(owners, lambda owner: town.post("/send-otp", {"email": owner.email}))
    town.settle()
    for owner in owners:
        right = town.mailed_code(owner.email)
        answers = _codes_sent(town, owner, f"{(int(right) + 1) % 10**6:06}")
        evaluated.append(codes(answers)["invalid_otp"])
        assert codes(answers) == {"invalid_otp": 5, "too_many_attempts": CLIENTS - 5}
        late = town.post("/verify-otp", {"email": owner.email, "otp_code": right, "password": PASSWORD})
        assert late.code == "too_many_attempts"
    print(f"\n[{town.kind}] 16 wrong mailed codes at once: evaluated {evaluated}, at most 5; the right one then comes too late")


def test_one_step_up_code_proves_once(town: Town, rounds: int) -> None:
    owners, seen = town.people("stepup", rounds), []
    town.each(owners, lambda owner: town.post("/send-otp", None, owner))
    town.settle()
    for owner in owners:
        body = {"otp_code": town.mailed_code(owner.email)}
        answers = town.race(lambda _, door, body=body, owner=owner: call(door, "POST", "/verify-otp", body, owner.access))  # type: ignore[misc]
        seen.append(statuses(answers))
        # Whoever comes after the one has a token from before the step-up.
        assert set(codes(answers)) <= {"invalid_otp", "too_many_attempts", "token_expired"}
        assert town.facts(owner, "reauthenticated") == 1
    told(town, "one step-up code", seen)


@pytest.mark.parametrize("kind_of_code", ["TOTP code", "recovery code"])
def test_one_code_of_a_second_factor_counts_once_over_all_endpoints(town: Town, rounds: int, kind_of_code: str) -> None:
    owners, seen = town.people(kind_of_code[0].lower() + "factor", rounds), []
    town.turn_on_mfa(owners)
    for owner in owners:
        tokens = [_mfa_token(town, owner) for _ in range(0, CLIENTS, 3)]
        code = owner.totp() if kind_of_code == "TOTP code" else owner.recovery_codes[3]
        answers = town.race(_wherever_it_is_taken(owner, tokens, code))
        seen.append(statuses(answers))
        # A step-up that wins makes the tokens of the other calls stale.
        assert set(codes(answers)) <= {"invalid_mfa_code", "too_many_attempts", "token_expired"}
        town.forget_guesses()
        again = town.post("/login", {"mfa_token": tokens[0], "mfa_code": code})
        assert again.code in ("invalid_mfa_code", "token_invalid")
    told(town, f"one {kind_of_code} at three endpoints", seen)


def _mfa_token(town: Town, owner: Owner) -> str:
    answer = town.post("/login", {"username": owner.name, "password": PASSWORD})
    assert answer.code == "mfa_required"
    return str(answer.json["mfa_token"])


def _wherever_it_is_taken(owner: Owner, tokens: list[str], code: str) -> Send:
    def send(index: int, door: http.client.HTTPConnection) -> Answer:
        calls = [
            ("/login", {"mfa_token": tokens[index // 3], "mfa_code": code}, None),
            ("/reauthenticate", {"password": PASSWORD, "mfa_code": code}, owner.access),
            ("/mfa/recovery-codes", {"mfa_code": code}, owner.access),
        ]
        path, body, token = calls[index % 3]
        return call(door, "POST", path, body, token)

    return send


def test_one_mfa_token_opens_one_session(town: Town, rounds: int) -> None:
    """Each client has a right code of its own: those who lose keep theirs."""
    owners, seen = town.people("pending", rounds), []
    town.turn_on_mfa(owners)
    for owner in owners:
        token, codes_of = _mfa_token(town, owner), [owner.totp(), *owner.recovery_codes]
        bodies = [{"mfa_token": token, "mfa_code": codes_of[index % len(codes_of)]} for index in range(CLIENTS)]
        answers = town.race(lambda index, door, bodies=bodies: call(door, "POST", "/login", bodies[index]))  # type: ignore[misc]
        seen.append(statuses(answers))
        assert set(codes(answers)) <= {"token_invalid", "invalid_mfa_code", "too_many_attempts"}
        assert town.count("sessions", "user_id = :id", id=owner.id) == 2
        used = town.count("recovery_codes", "user_id = :id AND used_at IS NOT NULL", id=owner.id)
        assert used <= 1, "a code is spent with the sign-in that it finished, or not at all"
    told(town, "one mfa_token, a right code each", seen)


def test_one_code_turns_the_factor_on_once_and_off_once(town: Town, rounds: int) -> None:
    owners, on, off = town.people("onoff", rounds), [], []
    for owner in owners:
        owner.secret = town.post("/mfa", None, owner).json["mfa_secret"]
        answers = _send_code(town, owner, "POST", owner.totp())
        on.append(statuses(answers))
        assert set(codes(answers)) <= {"invalid_mfa_code", "mfa_already_enabled"}
        assert town.count("recovery_codes", "user_id = :id", id=owner.id) == 10
        shown = next(answer.json["recovery_codes"] for answer in answers if answer.status == 200)
        answers = _send_code(town, owner, "DELETE", shown[0])
        off.append(statuses(answers))
        assert set(codes(answers)) <= {"invalid_mfa_code", "mfa_not_enabled", "too_many_attempts"}
        assert town.count("recovery_codes", "user_id = :id", id=owner.id) == 0
        assert (town.facts(owner, "mfa_enabled"), town.facts(owner, "mfa_disabled")) == (1, 1)
    told(town, "turning the factor on", on)
    told(town, "turning the factor off", off)


def _send_code(town: Town, owner: Owner, method: str, code: str) -> list[Answer]:
    return town.race(lambda _, door: call(door, method, "/mfa", {"mfa_code": code}, owner.access))


def test_one_of_sixteen_changes_of_password_wins(town: Town, rounds: int) -> None:
    owners, seen = town.people("change", rounds), []
    for owner in owners:
        old = owner.access
        town.sign_in(owner)
        answers = _changes(town, owner)
        seen.append(statuses(answers))
        assert set(codes(answers)) <= {"invalid_credentials", "too_many_attempts"}
        winner = [answer.status for answer in answers].index(200)
        kept = town.look("SELECT password_hash FROM users WHERE id = :id", id=owner.id)[0][0]
        assert [index for index in range(CLIENTS) if is_hash_of(kept, _password(owner, index))] == [winner]
        assert (town.is_signed_in(old), town.is_signed_in(owner.access)) == ([401, 401], [200, 200])
        assert town.facts(owner, "password_changed") == 1
    told(town, "changes of password", seen)


def _changes(town: Town, owner: Owner) -> list[Answer]:
    def send(index: int, door: http.client.HTTPConnection) -> Answer:
        body = {"current_password": PASSWORD, "new_password": _password(owner, index)}
        return call(door, "POST", "/change-password", body, owner.access)

    return town.race(send)
