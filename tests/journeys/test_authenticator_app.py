"""A second factor's life with a running service: the picture is scanned, oathtool makes the codes, mail comes by SMTP."""

import base64
import io
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import zxingcpp
from PIL import Image

from tests.attacks import doors
from tests.attacks.doors import Answer, call
from tests.conftest import start_database
from tests.factors import STEP, wait_for_room
from tests.parts import oathtool
from tests.parts.missing import Missing
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

ADA = "ada@example.org"


@pytest.fixture(params=["direct", "nginx"])
def door(request: pytest.FixtureRequest, smtp: dict[str, str], mail_server: MailServer, tmp_path: Path) -> Iterator[Service]:
    try:
        oathtool.program()
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    mail_server.clear()
    with ExitStack() as stack:
        uri = start_database(stack, "sqlite", tmp_path)
        if request.param == "nginx":
            yield stack.enter_context(doors.behind_nginx(uri, smtp, tmp_path))
        else:
            yield stack.enter_context(doors.service(uri, smtp))


def test_an_authenticator_app_is_set_up_used_and_lost(door: Service, mail_server: MailServer) -> None:
    doors.account(door, mail_server, "ada")
    access = doors.login(door, "ada").json["access_token"]
    secret = _scans_the_picture(call(door, "POST", "/mfa", token=access))
    recovery_codes = _turns_it_on(door, access, secret)
    _signs_in_with_the_app(door, secret)
    _signs_in_with_a_mailed_code(door, mail_server, recovery_codes[0])
    _loses_the_phone(door, mail_server, *recovery_codes[1:3])


def _scans_the_picture(answer: Answer) -> str:
    """What a phone's camera reads is the address, and the address holds the secret."""
    begun = answer.json
    kind, _, data = begun["qr_code"].partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        (read,) = zxingcpp.read_barcodes(picture.convert("L"))
    assert read.text == begun["provisioning_uri"]
    uri = urlsplit(read.text)
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/Latchkey:ada")
    found = parse_qs(uri.query)
    assert found == {"secret": [begun["mfa_secret"]], "issuer": ["Latchkey"]}
    return found["secret"][0]


def _turns_it_on(door: Service, access: str, secret: str) -> list[str]:
    """By the code of the step before: the present one is then still good to sign in with."""
    wait_for_room(10)
    answer = call(door, "POST", "/mfa", {"mfa_code": oathtool.code(secret, time.time() - STEP)}, access)
    assert answer.status == 200, answer.raw
    codes: list[str] = answer.json["recovery_codes"]
    return codes


def _signs_in_with_the_app(door: Service, secret: str) -> None:
    code = oathtool.code(secret, time.time())
    wanted = doors.login(door, "ada")
    assert (wanted.code, wanted.json["methods"]) == ("mfa_required", ["totp", "recovery_code"])
    second = {"mfa_token": wanted.json["mfa_token"], "mfa_code": code}
    assert _amr(call(door, "POST", "/login", second)) == ["pwd", "otp", "mfa"]
    again = {"username": "ada", "password": PASSWORD, "mfa_code": code}
    assert call(door, "POST", "/login", again).code == "invalid_mfa_code"


def _signs_in_with_a_mailed_code(door: Service, mail_server: MailServer, recovery_code: str) -> None:
    assert call(door, "POST", "/send-otp", {"email": ADA}).status == 202
    body = {"email": ADA, "otp_code": _mailed_code(mail_server), "password": PASSWORD, "mfa_code": recovery_code}
    assert _amr(call(door, "POST", "/verify-otp", body)) == ["pwd", "email", "mfa"]


def _loses_the_phone(door: Service, mail_server: MailServer, one: str, other: str) -> None:
    """One recovery code stands in for the app, and another turns it off."""
    body = {"username": "ada", "password": PASSWORD, "mfa_code": one}
    answer = call(door, "POST", "/login", body)
    assert _amr(answer) == ["pwd", "mfa"]
    access = answer.json["access_token"]
    assert call(door, "DELETE", "/mfa", {"mfa_code": one}, access).code == "invalid_mfa_code"
    assert call(door, "GET", "/mfa", token=access).json["recovery_codes_left"] == 8
    assert call(door, "DELETE", "/mfa", {"mfa_code": other}, access).status == 200
    assert _amr(doors.login(door, "ada")) == ["pwd"]
    told = [mail.subject.removeprefix("Latchkey: ") for mail in mail_server.wait_to(ADA, 7)]
    assert {"a second factor was turned on", "a recovery code was used", "the second factor was turned off"} <= set(told)


def _mailed_code(mail_server: MailServer) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for mail in mail_server.messages:
            if mail.subject == "Latchkey: your code" and (found := re.search(r"^(\d{6})\s*$", mail.text, re.MULTILINE)):
                return found[1]
        time.sleep(0.05)
    raise TimeoutError("no code was mailed")


def _amr(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.raw
    found: list[str] = jwt.decode(answer.json["access_token"], options={"verify_signature": False})["amr"]
    return found
