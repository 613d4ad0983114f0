"""A secret at rest whose key is gone: a clean refusal for the person, a line that names the keys, and a count by the doctor."""

import base64
from collections.abc import Callable

import pytest

from services import keys
from tests import factors
from tests.conftest import SECRETS
from tests.people import PASSWORD
from tests.resources.conftest import Door, heard_log
from tests.resources.patient import Admit, admit, migrated
from tests.resources.problem import code_of

__all__ = ["admit", "migrated"]
Build = Callable[..., Door]
OTHER = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()


def test_a_totp_secret_that_cannot_be_read_is_not_the_persons_fault(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build()
    before.account()
    phone = factors.set_up(before, before.tokens()[0])
    after = build(FERNET_KEY=OTHER)
    log = heard_log(monkeypatch)
    body = {"username": "ada", "password": PASSWORD}
    refused = after.post("/login", body | {"mfa_code": phone.code()})
    assert (refused.status_code, refused.get_json()["code"]) == (503, "unavailable")
    assert "Retry-After" in refused.headers
    (line,) = [line for line in log.getvalue().splitlines() if " ERROR " in line]
    assert f"FERNET_KEY {keys.short_id(OTHER)}:" in line
    assert not [secret for secret in (OTHER, phone.secret, after.user()["totp_secret"]) if secret in log.getvalue()]
    assert after.post("/login", body | {"mfa_code": phone.recovery_codes[0]}).status_code == 200, "a recovery code still works"
    assert (
        build(FERNET_KEY=f"{OTHER},{SECRETS['FERNET_KEY']}").post("/login", body | {"mfa_code": phone.code()}).status_code
        == 200
    ), "with the key put back all is well"


def test_a_half_finished_sign_in_of_a_lost_key_begins_again(build: Build) -> None:
    before = build()
    before.account()
    phone = factors.set_up(before, before.tokens()[0])
    pending = before.login().get_json()["mfa_token"]
    body = {"mfa_token": pending, "mfa_code": phone.recovery_codes[0]}
    refused, unknown = (build(FERNET_KEY=OTHER).post("/login", body | more) for more in ({}, {"mfa_token": "a" * 43}))
    assert (refused.status_code, code_of(refused)) == (unknown.status_code, code_of(unknown))
    assert refused.status_code < 500


@pytest.mark.parametrize("chosen", ["fernet", "aes-256-gcm"])
def test_the_doctor_counts_what_is_kept_under_keys_that_are_gone(admit: Admit, chosen: str) -> None:
    patient = admit(ENCRYPTION_FORMAT=chosen)
    for name in ("ada", "bea"):
        patient.account(name, f"{name}@example.org")
    factors.set_up(patient, patient.tokens()[0])
    patient.examined().one("keys", "ok")
    admit(
        FERNET_KEY=f"{OTHER},{SECRETS['FERNET_KEY']}", PASSWORD_PEPPER=f"{OTHER}x,{SECRETS['PASSWORD_PEPPER']}"
    ).examined().one("keys", "ok")
    admit(PASSWORD_PEPPER=OTHER).examined().one("keys", "fault", "2 passwords", "PASSWORD_PEPPER")
    found = admit(FERNET_KEY=OTHER).examined()
    secrets = sum(bool(row[name]) for row in patient.rows("users") for name in ("totp_secret", "totp_offered"))
    secrets += sum(bool(row["about"]) for row in patient.rows("tickets"))
    secrets += sum(bool(row["content"]) for row in patient.rows("letters"))
    assert secrets >= 1
    found.one("keys", "fault", f"{secrets} secrets", "FERNET_KEY")
