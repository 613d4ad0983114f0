"""Every way in, on an account with a second factor: each stops there, and none takes the factor away.

The ways are the calls that may answer with tokens, read from the route table, and those that change by what one comes in.
A new one without a row here fails.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from resources.answers import TokenAnswer
from resources.contract import Access
from services import clock, lockout, openid
from tests.attacks.secrets_of import NEWER, Holder, holder
from tests.attacks.test_kinds_of_token import PROVIDER, contracts
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.resources.conftest import Door, door_with

WRONG = "0000-0000-0000-0000"
JSON = {"Accept": "application/json"}
Way = Callable[[Holder], TestResponse]


def post(one: Holder, path: str, body: object = None, token: str | None = None) -> TestResponse:
    return one.door.post(path, body, token, headers=JSON)


def by_name(one: Holder, **more: str) -> TestResponse:
    return post(one, "/login", {"username": one.name, "password": PASSWORD} | more)


def by_mail(one: Holder, **more: str) -> TestResponse:
    return post(one, "/verify-otp", {"email": one.email, "otp_code": one.secrets["login code"]} | more)


def by_link(one: Holder, path: str, kind: str, body: object = None) -> TestResponse:
    answer = post(one, f"{path}/{one.secrets[kind]}", body)
    assert answer.status_code == 200
    assert "access_token" not in answer.text, "no link signs anybody in"
    return answer


def after_a_reset(one: Holder) -> TestResponse:
    by_link(one, "/reset-password", "reset link", {"password": NEWER})
    return post(one, "/login", {"username": one.name, "password": NEWER})


def after_a_voided_password(one: Holder, path: str, kind: str) -> TestResponse:
    """The password is void, and a reset link comes; once more the reset is not enough."""
    by_link(one, path, kind)
    assert by_name(one).get_json()["code"] == "invalid_credentials"
    return after_the_reset_that_follows(one)


def after_the_reset_that_follows(one: Holder) -> TestResponse:
    current = one.door.user(one.name)["email"]
    links = [link for mail in one.door.mail_to(current) for link in mail.links if "/reset-password/" in link]
    assert post(one, "/reset-password/" + links[-1].rpartition("/")[2], {"password": NEWER}).status_code == 200
    return post(one, "/login", {"username": one.name, "password": NEWER})


def after_a_change_of_address(one: Holder) -> TestResponse:
    by_link(one, "/confirm", "change link")
    return by_name(one, username=f"wanted-{one.name}@example.org")


def after_a_change_of_password(one: Holder) -> TestResponse:
    body = {"current_password": PASSWORD, "new_password": NEWER}
    assert post(one, "/change-password", body, one.access).status_code == 200
    return post(one, "/login", {"username": one.name, "password": NEWER})


def after_the_deletion_is_undone(one: Holder) -> TestResponse:
    assert one.door.ask("DELETE", "/profile", {"password": PASSWORD}, one.access).status_code == 204
    links = [link for mail in one.door.mail_to(one.email) for link in mail.links if "/undo/" in link]
    assert post(one, "/undo/" + links[-1].rpartition("/")[2]).status_code == 200
    assert by_name(one).get_json()["code"] == "invalid_credentials"
    return after_the_reset_that_follows(one)


WANTS_FACTOR = "mfa_required"
WAYS: dict[str, tuple[str, Way, str]] = {
    "password": ("POST /login", by_name, WANTS_FACTOR),
    "password, wrong factor": ("POST /login", lambda one: by_name(one, mfa_code=WRONG), "invalid_mfa_code"),
    "second step, wrong factor": (
        "POST /login",
        lambda one: post(one, "/login", {"mfa_token": one.secrets["mfa_token"], "mfa_code": WRONG}),
        "invalid_mfa_code",
    ),
    "mailed code and password": ("POST /verify-otp", lambda one: by_mail(one, password=PASSWORD), WANTS_FACTOR),
    "mailed code, password, wrong factor": (
        "POST /verify-otp",
        lambda one: by_mail(one, password=PASSWORD, mfa_code=WRONG),
        "invalid_mfa_code",
    ),
    "mailed code alone": ("POST /verify-otp", by_mail, WANTS_FACTOR),
    "mailed code alone, wrong factor": ("POST /verify-otp", lambda one: by_mail(one, mfa_code=WRONG), "invalid_mfa_code"),
    "provider": (
        "POST /auth/exchange",
        lambda one: post(one, "/auth/exchange", {"code": one.secrets["exchange code"]}),
        WANTS_FACTOR,
    ),
    "provider, account proved by password": (
        "POST /auth/link",
        lambda one: post(one, "/auth/link", {"link_token": one.secrets["link token"], "password": PASSWORD}),
        WANTS_FACTOR,
    ),
    "provider, account proved by mailed code": (
        "POST /auth/link",
        lambda one: post(one, "/auth/link", {"link_token": one.secrets["link token"], "otp_code": one.secrets["link code"]}),
        WANTS_FACTOR,
    ),
    "step-up at the provider": (
        "POST /auth/exchange",
        lambda one: post(one, "/auth/exchange", {"code": one.secrets["step-up exchange code"]}, one.access),
        WANTS_FACTOR,
    ),
    "step-up by password": (
        "POST /reauthenticate",
        lambda one: post(one, "/reauthenticate", {"password": PASSWORD}, one.access),
        WANTS_FACTOR,
    ),
    "step-up by mailed code": (
        "POST /verify-otp",
        lambda one: post(one, "/verify-otp", {"otp_code": one.secrets["step-up code"]}, one.access),
        WANTS_FACTOR,
    ),
    "sign-up link of the same address": (
        "POST /confirm/<string:token>",
        lambda one: by_link(one, "/confirm", "confirm link") and by_name(one),
        WANTS_FACTOR,
    ),
    "change of address, with the password": (
        "POST /confirm/<string:token>",
        lambda one: post(one, f"/confirm/{one.secrets['change link']}", {"password": PASSWORD}),
        WANTS_FACTOR,
    ),
    "change of address": ("POST /confirm/<string:token>", after_a_change_of_address, WANTS_FACTOR),
    "reset": ("POST /reset-password/<string:token>", after_a_reset, WANTS_FACTOR),
    "change of password": ("POST /change-password", after_a_change_of_password, WANTS_FACTOR),
    "not me, then reset": (
        "POST /not-me/<string:token>",
        lambda one: after_a_voided_password(one, "/not-me", "not-me link"),
        WANTS_FACTOR,
    ),
    "undone deletion": ("POST /undo/<string:token>", after_the_deletion_is_undone, WANTS_FACTOR),
}
"""By name: the call, how somebody tries it who has everything but the second factor, and what he is told."""
NO_NEW_PROOF = {
    "POST /refresh": "carries a session on that the factor opened",
    "GET /auth/<string:provider>/callback": "needs a provider; signs in by the same step as POST /auth/exchange",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Iterator[Door]:
    """With a mailed code for a whole sign-in, and with a provider whose own pages nobody visits here."""
    mail_server.clear()
    known = {"issuer": "http://127.0.0.1:9", "authorization_endpoint": "http://127.0.0.1:9/authorize"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openid, "metadata", lambda chosen: known)
        folder = tmp_path_factory.mktemp("ways")
        yield door_with(folder, mail_server, smtp, OTP_PASSWORDLESS_LOGIN="true", **PROVIDER)


def established(house: Door) -> Holder:
    """Somebody whose factor is past its probation."""
    one, moment = holder(house), clock.now() - lockout.PROBATION - timedelta(days=1)
    house.change("users", mfa_enabled_at=moment)
    house.change("recovery_codes", created_at=moment)
    return one


def test_every_way_in_has_a_row() -> None:
    gives_tokens = {f"{method} {path}" for method, path, _, contract in contracts() if contract.answer is TokenAnswer}
    by_link_or_password = {
        f"{method} {path}"
        for method, path, access, contract in contracts()
        if method == "POST"
        and (
            (access in (Access.OPEN, Access.EITHER_WAY) and "<string:token>" in path)
            or (contract.body and "new_password" in contract.body.model_fields)
        )
    }
    rows = {call for call, _, _ in WAYS.values()} | set(NO_NEW_PROOF)
    assert gives_tokens | by_link_or_password == rows


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_stops_at_the_second_factor(house: Door, way: str) -> None:
    _, attempt, wanted = WAYS[way]
    one = established(house)
    before = (house.user(one.name)["totp_secret"], house.user(one.name)["mfa_enabled_at"])
    opened = len(house.rows("sessions"))
    answer = attempt(one)
    assert answer.get_json()["code"] == wanted, answer.text
    assert "access_token" not in answer.text
    assert len(house.rows("sessions")) == opened, "no session was opened"
    assert (house.user(one.name)["totp_secret"], house.user(one.name)["mfa_enabled_at"]) == before, "the factor is untouched"
    assert [row["used_at"] for row in house.rows("recovery_codes") if row["user_id"] == one.id] == [None] * 10
    _comes_in_by_the_factor(one, answer)
    print(f"\n{way}: {wanted}; the factor stays, and with it one comes in")


def _comes_in_by_the_factor(one: Holder, answer: TestResponse) -> None:
    """The control: it was the factor alone that was missing."""
    one.settle()
    if mfa_token := answer.get_json().get("mfa_token"):
        assert post(one, "/login", {"mfa_token": mfa_token, "mfa_code": one.app()}).status_code == 200


RECOVERY = {"undo link of an address": "/undo", "not-me link": "/not-me"}


@pytest.mark.parametrize("kind", RECOVERY)
def test_only_a_recovery_link_drops_a_factor_and_only_a_young_one(house: Door, kind: str) -> None:
    """Whoever turned a factor on, and moved the address before or after, must not keep the owner out with it."""
    young = holder(house)
    answer = after_a_voided_password(young, RECOVERY[kind], kind)
    assert answer.status_code == 200, "the thief's factor is gone"
    assert house.user(young.name)["mfa_enabled_at"] is None
    older = established(house)
    answer = after_a_voided_password(older, RECOVERY[kind], kind)
    assert answer.get_json()["code"] == WANTS_FACTOR, "the owner's factor stays"
    print(f"\n{kind}: drops the factor of the last seven days, keeps the one from before")
