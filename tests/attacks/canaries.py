"""A person with telling secrets proves a second factor, changes password and address, undoes, resets, and was not it."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

from tests.attacks import doors
from tests.attacks.doors import BROWSER, Answer, call
from tests.mailed import code
from tests.parts.service import Service
from tests.parts.smtp import MailServer

PASSWORDS = ["Kanarienvogel-singt-neu-5512", "Kanarienvogel-badet-gern-6623", "Kanarienvogel-fliegt-weg-7734"]
WRONG, TOO_SHORT = "nachtigall", "nachtig"
FORM = BROWSER | {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Canary:
    """Who lives through all of it; `secrets` is what no log and no subject may hold."""

    door: Service
    mail_server: MailServer
    name: str
    email: str
    password: str
    secrets: list[str] = field(default_factory=list)

    def send(self, path: str, body: Any = None, token: str | None = None, method: str = "POST", wants: int = 200) -> Answer:
        answer = call(self.door, method, path, body, token)
        assert answer.status == wants, (path, answer.raw)
        return answer

    def keep(self, *secrets: str) -> None:
        self.secrets += [secret for secret in secrets if secret not in self.secrets]

    def access(self, answer: Answer) -> str:
        """The access token of a token answer."""
        assert answer.status == 200, answer.raw
        self.keep(answer.json["access_token"], answer.json["refresh_token"])
        return str(answer.json["access_token"])

    def mailed(self, pattern: str, address: str) -> str:
        """The first match in a mail to the address that was not taken before, once it has come."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            texts = [mail.text for mail in self.mail_server.messages if address in mail.recipients]
            new = [found for text in texts for found in re.findall(pattern, text) if found not in self.secrets]
            if new:
                self.keep(new[-1])
                return str(new[-1])
            time.sleep(0.05)
        raise TimeoutError(f"no mail with {pattern} came to {address}")

    def link(self, kind: str, address: str) -> str:
        secret = self.mailed(rf"/{kind}/(\S+)", address)
        return f"/{kind}/{secret}"


def live(canary: Canary) -> None:
    """Right and wrong, as an API client, a browser and a scanner."""
    access = canary.access(doors.login(canary.door, canary.name, canary.password))
    _proves_a_second_factor(canary, access)
    access = canary.access(doors.login(canary.door, canary.name, canary.password))
    _changes_the_password(canary, access)
    _moves_and_undoes(canary, access)
    _shuts_everybody_out(canary)
    for path in ("/undo/nachtigall", "/not-me/nachtigall", "/reset-password/nachtigall"):
        canary.send(path, {"password": canary.password} if "reset" in path else None, wants=400)


def _proves_a_second_factor(canary: Canary, access: str) -> None:
    secret = canary.send("/mfa", token=access).json["mfa_secret"]
    canary.send("/mfa", {"mfa_code": WRONG}, access, wants=401)
    canary.keep(secret, code(secret, -1), code(secret), code(secret, 1))
    codes = canary.send("/mfa", {"mfa_code": code(secret, -1)}, access).json["recovery_codes"]
    canary.keep(*codes, *(text.replace("-", "") for text in codes))
    wanted = doors.login(canary.door, canary.name, canary.password)
    canary.keep(wanted.json["mfa_token"])
    body = {"mfa_token": wanted.json["mfa_token"]}
    canary.send("/login", body | {"mfa_code": WRONG}, wants=401)
    canary.access(canary.send("/login", body | {"mfa_code": code(secret)}))
    _proves_by_mail(canary, codes)
    access = _steps_up(canary, codes)
    renewed = canary.send("/mfa/recovery-codes", {"mfa_code": codes[4]}, access).json["recovery_codes"]
    canary.keep(*renewed)
    canary.send("/mfa", {"mfa_code": codes[5]}, access, "DELETE", wants=401)
    canary.send("/mfa", {"mfa_code": renewed[0]}, access, "DELETE")


def _proves_by_mail(canary: Canary, codes: list[str]) -> None:
    canary.send("/send-otp", {"email": canary.email}, wants=202)
    mailed = canary.mailed(r"(?m)^\d{6}\b", canary.email)
    body = {"email": canary.email, "otp_code": mailed, "password": canary.password, "mfa_code": codes[0]}
    canary.send("/verify-otp", body | {"otp_code": WRONG}, wants=401)
    canary.access(canary.send("/verify-otp", body))


def _steps_up(canary: Canary, codes: list[str]) -> str:
    body = {"username": canary.name, "password": canary.password, "mfa_code": codes[1]}
    access = canary.access(canary.send("/login", body))
    canary.send("/reauthenticate", {"password": WRONG, "mfa_code": codes[2]}, access, wants=401)
    access = canary.access(canary.send("/reauthenticate", {"password": canary.password, "mfa_code": codes[2]}, access))
    canary.send("/send-otp", token=access, wants=202)
    mailed = canary.mailed(r"(?m)^\d{6}\b", canary.email)
    return canary.access(canary.send("/verify-otp", {"otp_code": mailed, "mfa_code": codes[3]}, access))


def _changes_the_password(canary: Canary, access: str) -> None:
    body = {"current_password": canary.password, "new_password": PASSWORDS[0]}
    canary.send("/change-password", body | {"current_password": WRONG}, access, wants=401)
    canary.send("/change-password", body | {"new_password": TOO_SHORT}, access, wants=422)
    canary.send("/change-password", body, access)


def _moves_and_undoes(canary: Canary, access: str) -> None:
    new = "kanari@neu.example.org"
    assert call(canary.door, "PUT", "/profile", {"email": new}, access).status == 200
    confirm = canary.link("confirm", new)
    assert call(canary.door, "GET", confirm, headers=BROWSER).status == 200
    canary.send(confirm, None, access)
    canary.send("/forgot-password", {"email": new}, wants=202)
    _reset(canary, canary.link("reset-password", new), PASSWORDS[1])
    canary.access(doors.login(canary.door, new, PASSWORDS[1]))
    _press(canary, canary.link("undo", canary.email))
    _reset(canary, canary.link("reset-password", canary.email), PASSWORDS[2])


def _shuts_everybody_out(canary: Canary) -> None:
    canary.access(doors.login(canary.door, canary.email, PASSWORDS[2]))
    _press(canary, canary.link("not-me", canary.email))
    canary.link("reset-password", canary.email)


def _press(canary: Canary, link: str) -> None:
    canary.send(link, method="GET")
    assert call(canary.door, "GET", link, headers=BROWSER).status == 200
    assert call(canary.door, "POST", link, b"csrf_token=nachtigall", headers=FORM).status == 400
    canary.send(link)
    canary.send(link, wants=400)


def _reset(canary: Canary, link: str, password: str) -> None:
    for method, headers in (("GET", {}), ("GET", BROWSER), ("HEAD", BROWSER)):
        assert call(canary.door, method, link, headers=headers).status == 200
    form = f"csrf_token=nachtigall&password={password}".encode()
    assert call(canary.door, "POST", link, form, headers=FORM).status == 400
    canary.send(link, {"password": TOO_SHORT}, wants=422)
    canary.send(link, {"password": password})
    canary.send(link, {"password": password}, wants=400)
