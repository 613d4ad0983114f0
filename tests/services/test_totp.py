"""Codes of the app: RFC 6238's own vectors, which steps are taken, which digits, and the secret at rest."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pyotp
import pytest
import time_machine
from sqlalchemy import select, update

from database import db, rows, unit_of_work
from model import User
from services import clock, totp, users, vault
from services.vault import VaultRefused
from tests.conftest import SECRETS
from tests.factors import protected, said, sign_in
from tests.resources.conftest import Door

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
"""RFC 6238 appendix B, SHA-1; ours are the last six digits."""


@pytest.fixture
def ada(door: Door) -> Iterator[str]:
    """The id of somebody whose secret is the RFC's."""
    door.account()
    user_id = str(door.user()["id"])
    with door.app.app_context():
        put(user_id, vault.seal("totp", user_id, RFC_SECRET))
        yield user_id


def put(user_id: str, sealed: str) -> None:
    values = {"totp_secret": sealed, "totp_last_step": 0, "mfa_enabled_at": clock.now()}
    with unit_of_work():
        db.session.execute(update(User).where(User.id == user_id).values(values))


def accepted(user_id: str, code: str) -> bool:
    with unit_of_work():
        return totp.accept(user_id, code)


def last_step(user_id: str) -> int | None:
    step: int | None = rows(select(User.totp_last_step).where(User.id == user_id))[0].totp_last_step
    return step


def moment(seconds: float) -> time_machine.travel:
    return time_machine.travel(datetime.fromtimestamp(seconds, UTC), tick=False)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_codes_are_those_of_the_standard(ada: str, seconds: int, code: str) -> None:
    with moment(seconds):
        assert not accepted(ada, code)
        assert accepted(ada, code[-6:])
        assert last_step(ada) == seconds // 30
        assert not accepted(ada, code[-6:])


@pytest.mark.parametrize("within", [0, 15, 29.999])
@pytest.mark.parametrize(
    ("steps", "taken"), [(-3, False), (-2, False), (-1, True), (0, True), (1, True), (2, False), (3, False)]
)
def test_the_present_step_and_its_neighbors_are_taken(ada: str, steps: int, taken: bool, within: float) -> None:
    begin = 1234567890 // 30 * 30
    code = pyotp.TOTP(RFC_SECRET).at(begin + 30 * steps)
    with moment(begin + within):
        assert accepted(ada, code) is taken
        assert last_step(ada) == (begin // 30 + steps if taken else 0)
        assert not accepted(ada, code)


def test_an_older_code_is_refused_after_a_newer(ada: str) -> None:
    app, begin = pyotp.TOTP(RFC_SECRET), 1234567890
    with moment(begin):
        assert accepted(ada, app.at(begin))
        assert not accepted(ada, app.at(begin - 30))
        assert accepted(ada, app.at(begin + 30))
        assert not accepted(ada, app.at(begin))
    with moment(begin + 30):
        assert not accepted(ada, app.at(begin + 30))
        assert accepted(ada, app.at(begin + 60))


@pytest.mark.parametrize(
    "spelled",
    [
        lambda code: "".join(chr(ord(digit) + 0xFEE0) for digit in code),
        lambda code: code.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
        lambda code: code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
        lambda code: code[:5] + chr(ord(code[5]) + 0xFEE0),
        lambda code: f" {code}",
        lambda code: f"{code}\n",
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f"+{code}",
        lambda code: f"0{code}",
        lambda code: code[:5],
        lambda code: code.lstrip("0") if code.startswith("0") else f"{int(code):.1f}",
        lambda code: "",
    ],
    ids=[
        "full-width",
        "superscript",
        "arabic",
        "one",
        "space",
        "newline",
        "grouped",
        "plus",
        "zero",
        "five",
        "number",
        "empty",
    ],
)
def test_only_six_ascii_digits_are_a_code_once_it_is_normalized(ada: str, spelled: object) -> None:
    assert callable(spelled)
    with moment(1234567890):
        code = pyotp.TOTP(RFC_SECRET).at(1234567890)
        assert not accepted(ada, spelled(code))
        assert last_step(ada) == 0
        assert accepted(ada, code)


def test_a_secret_moved_to_another_row_or_kind_is_refused(door: Door, ada: str) -> None:
    door.account("eve", "eve@example.org")
    eve = str(door.user("eve")["id"])
    sealed = rows(select(User.totp_secret).where(User.id == ada))[0].totp_secret
    with moment(1234567890), door.app.app_context():
        code = pyotp.TOTP(RFC_SECRET).at(1234567890)
        for moved in (sealed, vault.seal("ticket", eve, RFC_SECRET), vault.seal("totp", ada, RFC_SECRET)):
            put(eve, moved)
            with pytest.raises(VaultRefused):
                accepted(eve, code)
            assert last_step(eve) == 0
        assert accepted(ada, code)


def test_somebody_without_a_secret_has_no_code(ada: str) -> None:
    with unit_of_work():
        assert totp.disable(ada)
    with moment(1234567890):
        assert not accepted(ada, pyotp.TOTP(RFC_SECRET).at(1234567890))
    with unit_of_work():
        assert not totp.disable(ada)
        assert not totp.enable(ada, "123456")


def test_each_offer_is_a_new_secret_of_160_bits(door: Door) -> None:
    door.account()
    with door.app.app_context():
        account = users.get(str(door.user()["id"]))
        assert account is not None
        with unit_of_work():
            secrets = [totp.offer(account).secret for _ in range(20)]
    assert len(set(secrets)) == 20
    assert {len(base64.b32decode(secret)) for secret in secrets} == {20}
    assert len({octet for secret in secrets for octet in base64.b32decode(secret)}) > 100


def test_a_secret_survives_a_new_key_as_long_as_the_old_one_stays_in_the_ring(
    build: Callable[..., Door], standing_clock: time_machine.Traveller
) -> None:
    older, newer = SECRETS["FERNET_KEY"], base64.urlsafe_b64encode(bytes(range(100, 132))).decode()
    _, phone = protected(build(FERNET_KEY=older))
    rotated = build(FERNET_KEY=f"{newer},{older}")
    assert sign_in(rotated, phone.code()).status_code == 200
    assert said(sign_in(rotated, phone.code())) == (401, "invalid_mfa_code")
    standing_clock.shift(totp.SECONDS)
    assert sign_in(rotated, phone.code()).status_code == 200
