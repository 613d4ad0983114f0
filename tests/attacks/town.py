"""Two processes on one database, and the people who live there: with accounts, sessions, second factors and mail."""

import base64
import hmac
import http.client
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import bcrypt
import pyotp

from tests.attacks import doors
from tests.attacks.doors import CLIENTS, Answer, at_once, call, path_of
from tests.conftest import SECRETS
from tests.parts.received import Received
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

CODE = re.compile(r"^(\d{6})\s*$", re.MULTILINE)
DEADLOCKS = {
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    "mariadb": "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Innodb_deadlocks'",
}
Send = Callable[[int, http.client.HTTPConnection], Answer]


@dataclass
class Owner:
    """Somebody with an account. `secret` and `recovery_codes`: of the second factor, where it is on."""

    name: str
    email: str
    id: str = ""
    access: str = ""
    refresh: str = ""
    secret: str = ""
    recovery_codes: list[str] = field(default_factory=list)

    def totp(self) -> str:
        """The authenticator app's present code."""
        return pyotp.TOTP(self.secret).now()


@dataclass
class Town:
    doors: list[Service]
    uri: str
    kind: str
    mail: MailServer

    def people(self, prefix: str, count: int) -> list[Owner]:
        """So many accounts, each signed in."""
        owners = [Owner(f"{prefix}{number}", f"{prefix}{number}@example.org") for number in range(count)]
        tokens = {}
        for answer in self.each(owners, lambda owner: doors.sign_up(self.doors[0], owner.name, owner.email)):
            assert answer.status == 201, answer.raw
            tokens[answer.json["username"]] = {"signup_token": answer.json["signup_token"]}
        self.settle()
        links = {owner.name: self.link(owner.email, "/confirm/") for owner in owners}
        for answer in self.each(owners, lambda owner: call(self.doors[0], "POST", links[owner.name], tokens[owner.name])):
            assert answer.status == 200
        self.each(owners, self.sign_in)
        return owners

    def person(self, name: str) -> Owner:
        owner = self.people(name, 1)[0]
        assert owner.access
        return owner

    def sign_in(self, owner: Owner, password: str = PASSWORD) -> None:
        """A new session, proved a moment ago; where a second factor is on, by that too."""
        answer = doors.login(self.doors[0], owner.name, password)
        if answer.code == "mfa_required":
            body = {"mfa_token": answer.json["mfa_token"], "mfa_code": owner.recovery_codes.pop()}
            answer = call(self.doors[0], "POST", "/login", body)
        assert answer.status == 200, answer.raw
        owner.access, owner.refresh = answer.json["access_token"], answer.json["refresh_token"]
        owner.id = call(self.doors[0], "GET", "/profile", token=owner.access).json["id"]

    def turn_on_mfa(self, owners: Iterable[Owner]) -> None:
        """An authenticator app for each. The code that turned it on is forgotten, so that a test need not wait for another."""

        def turn_on(owner: Owner) -> None:
            owner.secret = self.post("/mfa", None, owner).json["mfa_secret"]
            answer = self.post("/mfa", {"mfa_code": owner.totp()}, owner)
            assert answer.status == 200, answer.raw
            owner.recovery_codes = answer.json["recovery_codes"]

        self.each(owners, turn_on)
        self.forget_steps()

    def post(self, path: str, body: Any = None, owner: Owner | None = None, door: int = 0) -> Answer:
        return call(self.doors[door], "POST", path, body, owner.access if owner else None)

    def each(self, owners: Iterable[Owner], do: Callable[[Owner], Any]) -> list[Any]:
        """Does it for each of them, a few at a time."""
        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(do, owners))

    def race(self, send: Send, count: int = CLIENTS) -> list[Answer]:
        """Sixteen at once on both processes; no fault is allowed."""
        answers = at_once(self.doors, send, count)
        faults = [answer.raw for answer in answers if answer.status >= 500 or answer.status == 0]
        assert faults == [], [*faults, *self.complaints()[-20:]]
        return answers

    def is_signed_in(self, access: str) -> list[int]:
        """What a session's token is answered at each process."""
        return [call(door, "GET", "/profile", token=access).status for door in self.doors]

    def settle(self) -> None:
        """Until every letter that was ordered has gone its way."""
        doors.wait_until_mail_is_settled(self.uri, 120)

    def mails(self, address: str, part: str = "") -> list[Received]:
        """Those to an address with this in their text, oldest first."""
        wanted = [mail for mail in self.mail.messages if address.lower() in map(str.lower, mail.recipients)]
        return [mail for mail in wanted if part in mail.text]

    def link(self, address: str, part: str) -> str:
        """The path of the newest mailed link with this in it."""
        links = [link for link in self.mails(address, part)[-1].links if part in link]
        return path_of(links[-1])

    def mailed_code(self, address: str) -> str:
        """The newest code of six digits that was mailed there."""
        found: list[str] = [code for mail in self.mails(address) for code in CODE.findall(mail.text)]
        return found[-1]

    def look(self, statement: str, **values: Any) -> list[Any]:
        return doors.look(self.uri, statement, **values)

    def count(self, table: str, condition: str, **values: Any) -> int:
        found: int = self.look(f"SELECT count(*) FROM {table} WHERE {condition}", **values)[0][0]
        return found

    def facts(self, owner: Owner, kind: str) -> int:
        return self.count("audit_facts", "user_id = :id AND kind = :kind", id=owner.id, kind=kind)

    def forget_guesses(self) -> None:
        doors.forget_guesses(self.uri)

    def forget_steps(self) -> None:
        """So that the app's present code may be used once more."""
        doors.behind_its_back(self.uri, "UPDATE users SET totp_last_step = 0 WHERE totp_last_step > 0")

    def deadlocks(self) -> int:
        """How many the database has broken up since it was started."""
        return int(self.look(DEADLOCKS[self.kind])[0][0]) if self.kind in DEADLOCKS else 0

    def complaints(self) -> list[str]:
        """What the services logged as errors."""
        return [line for door in self.doors for line in door.output.splitlines() if "ERROR" in line or "not answer" in line]


def statuses(answers: Iterable[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def codes(answers: Iterable[Answer]) -> Counter[str]:
    """How often each refusal came."""
    return Counter(answer.code for answer in answers if answer.status >= 400)


def is_hash_of(kept: str, password: str) -> bool:
    """Whether the kept hash is this password's, as `services.passwords` says it is made."""
    text = unicodedata.normalize("NFC", password).encode()
    digest = hmac.digest(SECRETS["PASSWORD_PEPPER"].encode(), text, "sha384")
    return bcrypt.checkpw(base64.b64encode(digest), kept.partition(":")[2].encode())


def wait_for(found: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, f"it did not come about in {seconds} s"
        time.sleep(0.1)
