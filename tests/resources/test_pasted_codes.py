"""Every code is taken as people paste it, at every call that takes one."""

from collections.abc import Callable

import pytest
import time_machine
from werkzeug.test import TestResponse

from resources.contract import Body
from resources.routes import ROUTES
from tests.factors import (
    ADA,
    STEP,
    login_code,
    nothing_changes,
    pending,
    protected,
    renewed,
    said,
    second,
    set_up,
    sign_in,
    step_up_code,
    verify,
)
from tests.people import PASSWORD
from tests.resources.conftest import Door

CODES = {"mfa_code", "otp_code"}
Paste = Callable[[str], str]


def in_groups(code: str) -> str:
    return f" {code[:3]}\u00a0{code[3:]}\n"


def in_full_width(code: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) for letter in f"{code[:3]}-{code[3:]}")


def raised(code: str) -> str:
    return code.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def arabic(code: str) -> str:
    return code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))


def bodies() -> list[type[Body]]:
    methods = [getattr(resource, name, None) for resource in ROUTES.values() for name in ("post", "put", "delete", "get")]
    found = {method.contract.body for method in methods if method and method.contract.body}
    return sorted((body for body in found if CODES & set(body.model_fields)), key=lambda body: body.__name__)


@pytest.mark.parametrize("body", bodies(), ids=lambda body: body.__name__)
def test_every_body_with_a_code_takes_it_as_it_was_pasted(body: type[Body]) -> None:
    more = {"email": ADA, "password": PASSWORD, "otp_code": "000000", "code": "x" * 43, "link_token": "x" * 43}
    given = {name: value for name, value in more.items() if name in body.model_fields}
    for name in CODES & set(body.model_fields):
        parsed = body.model_validate(given | {name: "\uff11\uff12\uff13\u2013456\n"})
        assert getattr(parsed, name) == "123456"


@pytest.mark.parametrize("paste", [in_groups, in_full_width])
def test_every_way_in_takes_a_pasted_code(door: Door, standing_clock: time_machine.Traveller, paste: Paste) -> None:
    access, phone = protected(door)
    mailed, own = login_code(door), step_up_code(door, access)
    ways: list[Callable[[str], TestResponse]] = [
        lambda code: sign_in(door, code),
        lambda code: second(door, pending(door), code),
        lambda code: door.post("/reauthenticate", {"password": PASSWORD, "mfa_code": code}, access),
        lambda code: door.post("/verify-otp", {"otp_code": paste(own), "mfa_code": code}, access),
        lambda code: verify(door, paste(mailed), mfa_code=code),
        lambda code: door.post("/mfa/recovery-codes", {"mfa_code": code}, access),
        lambda code: door.ask("DELETE", "/mfa", {"mfa_code": code}, access),
    ]
    for way in ways:
        standing_clock.shift(STEP)
        answer = way(paste(phone.code()))
        assert answer.status_code == 200, answer.get_json()
        access = renewed(access, answer)


def test_a_recovery_code_may_have_other_dashes(door: Door) -> None:
    _, phone = protected(door)
    for code, dash in zip(phone.recovery_codes, ("\u2013", "\u2014", "\u2011", " - ", "\u00a0", ""), strict=False):
        assert sign_in(door, code.upper().replace("-", dash)).status_code == 200


@pytest.mark.parametrize("paste", [raised, arabic])
def test_digits_of_other_kinds_are_refused_and_spend_nothing(door: Door, paste: Paste) -> None:
    access, phone = protected(door)
    mailed = login_code(door)
    with nothing_changes(door):
        assert said(sign_in(door, paste(phone.code()))) == (401, "invalid_mfa_code")
        assert said(verify(door, paste(mailed), mfa_code=phone.recovery_codes[0])) == (401, "invalid_otp")
        assert door.post("/mfa/recovery-codes", {"mfa_code": paste(phone.code())}, access).status_code == 401


def test_nothing_but_spaces_is_no_code(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    for text in (" ", "-", "\u00a0\u2013"):
        answer = door.post("/verify-otp", {"otp_code": text}, access)
        assert (answer.status_code, answer.get_json()["errors"]) == (422, {"otp_code": ["This is not a code."]})


def test_a_set_up_is_verified_by_a_pasted_code(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.account()
    access, _ = door.tokens()
    ask = door.ask

    def pasted(method: str, path: str, json: object = None, token: str | None = None, **more: object) -> TestResponse:
        given = {"mfa_code": in_groups(str(json["mfa_code"]))} if isinstance(json, dict) and "mfa_code" in json else json
        return ask(method, path, given, token, **more)

    monkeypatch.setattr(door, "ask", pasted)
    assert set_up(door, access).recovery_codes
