"""Owner and hijacker of one account: what each of them holds, and everything each can do with it, over HTTP."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import time_machine
from sqlalchemy import delete, insert, select
from werkzeug.test import TestResponse

from database import Base, db, rows, unit_of_work
from model import User
from services import activity, clock
from tests.factors import STEP, Phone
from tests.parts.hostile_provider import Realm
from tests.resources.conftest import Door
from tests.visitors import Visitor, told

UNDO, NOT_ME, RESET, CONFIRM = "undo", "not-me", "reset-password", "confirm"
RECOVERY = (UNDO, NOT_ME)
ALL_LINKS = (*RECOVERY, RESET, CONFIRM)
CODE = re.compile(r"^(\d{6})\s*$", re.MULTILINE)
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
WEEK = timedelta(days=7)
TRIED = 1
"""Passwords that somebody tries in passing: the latest. In the end all of them are tried."""


@dataclass(frozen=True)
class Link:
    """A link that was mailed, and until when it promises to be good."""

    kind: str
    path: str
    address: str
    mailed: datetime
    until: datetime


def _text(raw: bytes) -> str:
    """The plain part, read the quick way: there are tens of thousands."""
    parts = message_from_bytes(raw).walk()
    plain: Any = next(part for part in parts if part.get_content_type() == "text/plain").get_payload(decode=True)
    return str(plain, "utf-8")


def _end(text: str, mailed: datetime) -> datetime:
    """Seven days later, or when the mail says that the account will be erased."""
    told = (datetime.fromisoformat(f"{moment}+00:00") for moment in MOMENT.findall(text))
    return min([mailed + WEEK, *(moment for moment in told if moment > mailed)])


@dataclass
class World:
    """The service, its clock, the provider, and all mail so far. `slow_since`: mail waits from then on."""

    door: Door
    realm: Realm
    time: time_machine.Traveller
    account_id: str = ""
    links: list[Link] = field(default_factory=list)
    codes: list[tuple[str, str]] = field(default_factory=list)
    slow_since: datetime | None = None

    def wait(self, seconds: float) -> None:
        self.time.shift(seconds)

    def account(self) -> Any:
        """User name and address, which are no secret; None once it is erased."""
        columns = select(User.username, User.email, User.pending_email, User.deleted_at)
        with self.door.app.app_context():
            found = rows(columns.where(User.id == self.account_id, User.erased_at.is_(None)))
        return found[0] if found else None

    def deliver(self) -> None:
        """All mail that is due arrives."""
        before = len(self.door.mail_server.messages)
        self.door.deliver()
        now = clock.now()
        for mail in self.door.mail_server.messages[before:]:
            address, text = mail.recipients[0], _text(mail.raw)
            for kind, secret in re.findall(rf"/({'|'.join(ALL_LINKS)})/([\w-]+)", text):
                self.links.append(Link(kind, f"/{kind}/{secret}", address, now, _end(text, now)))
            self.codes += [(address, code) for code in CODE.findall(text)]
        self.slow_since = None

    def links_to(self, *addresses: str, kinds: tuple[str, ...] = ALL_LINKS) -> list[Link]:
        return [link for link in self.links if link.address in addresses and link.kind in kinds]

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        return {table.name: self.door.rows(table.name) for table in Base.metadata.sorted_tables}

    def restore(self, written: dict[str, list[dict[str, Any]]]) -> None:
        """The database as it was, for a service that has just started."""
        with self.door.app.app_context(), unit_of_work():
            for table in reversed(Base.metadata.sorted_tables):
                db.session.execute(delete(table))
            for table in Base.metadata.sorted_tables:
                if written[table.name]:
                    db.session.execute(insert(table), written[table.name])
            activity.memory().moments.clear()
        self.door.mail_server.clear()

    def forget_guesses(self) -> None:
        with self.door.app.app_context():
            self.door.forget_guesses()


@dataclass
class Person:
    """Somebody with mailboxes, and with whatever came their way: passwords, tokens, an app, an identity, half a sign-in."""

    world: World
    name: str
    mailboxes: tuple[str, ...]
    agent: str
    passwords: list[str] = field(default_factory=list)
    access: list[str] = field(default_factory=list)
    refresh: list[str] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    proofs: list[dict[str, str]] = field(default_factory=list)
    mfa_tokens: list[str] = field(default_factory=list)
    exchange_codes: list[tuple[str, str | None]] = field(default_factory=list)
    visits: list[tuple[Visitor, str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    is_linked: bool = False
    count: int = 0

    def ask(self, method: str, path: str, json: Any = None, token: str | None = None) -> TestResponse:
        headers = {"Accept": "application/json", "User-Agent": self.agent}
        return self.world.door.ask(method, path, json, token, headers=headers)

    def guess(self, method: str, path: str, json: Any, token: str | None = None) -> TestResponse:
        """Without the waits after wrong ones: they would hide what is right."""
        self.world.forget_guesses()
        return self.ask(method, path, json, token)

    def new(self, what: str) -> str:
        self.count += 1
        return f"{what}-{self.count}-{self.name}"

    def known(self) -> list[str]:
        return self.passwords[: -TRIED - 1 : -1]

    # Coming in

    def act(self, method: str, path: str, json: Any = None) -> TestResponse | None:
        """A signed-in call, by whatever token there is or can be had; None where nothing comes in."""
        for token in self._tokens():
            answer = self.ask(method, path, json, token)
            if answer.status_code != 401 or answer.get_json()["code"] in ("invalid_mfa_code", "invalid_credentials"):
                return answer
        return None

    def _tokens(self) -> Iterator[str]:
        yield from self.access[-1:]
        yield from self.refreshes(self.refresh[-1:])
        yield from self.sign_ins()

    def refreshes(self, tokens: list[str]) -> Iterator[str]:
        for token in list(tokens):
            yield from self.keep(self.ask("POST", "/refresh", token=token))

    def sign_ins(self, passwords: list[str] | None = None) -> Iterator[str]:
        """The access tokens that passwords, second factors and the provider give."""
        for password in passwords or self.known():
            yield from self.finish(self.sign_in(password))
        if self.is_linked:
            yield from self.finish(self.exchange(self.arrive(*self.leave())))

    def signs_in(self) -> None:
        list(self.sign_ins())

    def refreshes_one(self) -> None:
        list(self.refreshes(self.refresh[-1:]))

    def sign_in(self, password: str) -> TestResponse:
        account = self.world.account()
        return self.guess("POST", "/login", {"username": account.username if account else "ada", "password": password})

    def finish(self, answer: TestResponse | None) -> Iterator[str]:
        """Goes on to the second factor where one is wanted."""
        if answer is None:
            return
        given = answer.get_json(silent=True) or {}
        if given.get("code") == "mfa_required":
            yield from self.second(given["mfa_token"])
        yield from self.keep(answer)

    def second(self, mfa_token: str) -> Iterator[str]:
        for code in self.factor_codes():
            answer = self.guess("POST", "/login", {"mfa_token": mfa_token, "mfa_code": code})
            if answer.status_code == 200:
                yield from self.keep(answer)
                return

    def factor_codes(self) -> Iterator[str]:
        """Of each app, the latest first, a code that is new, as the clock goes on; then one of the recovery codes."""
        for phone in reversed(self.phones):
            if phone.secret:
                self.world.wait(STEP)
                yield phone.code()
            if phone.recovery_codes:
                yield phone.recovery_codes.pop()

    def keep(self, answer: TestResponse) -> Iterator[str]:
        given = answer.get_json(silent=True) or {}
        if answer.status_code == 200 and "access_token" in given:
            self.access.append(given["access_token"])
            self.refresh.append(given["refresh_token"])
            yield given["access_token"]

    def leave(self, path: str = "/auth/google") -> tuple[Visitor, str]:
        """A browser that has come as far as the provider's page."""
        visitor = Visitor(self.world.door)
        return visitor, visitor.open(path).headers.get("Location", "")

    def arrive(self, visitor: Visitor, at: str) -> str | None:
        """The code that the page gets, where the provider sends the browser back."""
        if not at.startswith(self.world.realm.issuer):
            return None
        there = {"sub": f"{self.name} at the provider", "email": self.mailboxes[0], "email_verified": True}
        back = self.world.realm.sign_in(at, **there)
        return told(visitor.open(f"/auth/google/callback?{back}")).get("code")

    def exchange(self, code: str | None, token: str | None = None) -> TestResponse | None:
        if code is None:
            return None
        answer = self.ask("POST", "/auth/exchange", {"code": code}, token)
        self.is_linked = self.is_linked or answer.status_code == 204
        wanted = answer.get_json(silent=True) or {}
        for password in self.known() if wanted.get("code") == "link_proof_required" else []:
            answer = self.guess("POST", "/auth/link", {"link_token": wanted["link_token"], "password": password})
            if answer.status_code != 401 or answer.get_json()["code"] == "mfa_required":
                self.is_linked = True
                break
        return answer

    # What a signed-in person does

    def asks_for_address(self, email: str) -> None:
        self.act("PUT", "/profile", {"email": email})

    def changes_password(self) -> None:
        new = self.new("violet-lanterns")
        for password in self.known():
            self.world.forget_guesses()
            answer = self.act("POST", "/change-password", {"current_password": password, "new_password": new})
            if answer is None or answer.status_code == 200:
                self.passwords += [new] if answer else []
                return

    def renames(self) -> None:
        self.act("PUT", "/profile", {"username": self.new("renamed")})

    def deletes(self) -> None:
        for password in self.known():
            self.world.forget_guesses()
            answer = self.act("DELETE", "/profile", {"password": password})
            if answer is None or answer.status_code == 204:
                return

    def turns_factor_on(self) -> None:
        answer = self.act("POST", "/mfa")
        if answer is not None and answer.status_code == 200:
            phone = Phone(answer.get_json()["mfa_secret"])
            self.world.wait(STEP)
            answer = self.act("POST", "/mfa", {"mfa_code": phone.code()})
            if answer is not None and answer.status_code == 200:
                phone.recovery_codes = answer.get_json()["recovery_codes"]
                self.phones.append(phone)

    def turns_factor_off(self) -> None:
        for code in self.factor_codes():
            self.world.forget_guesses()
            answer = self.act("DELETE", "/mfa", {"mfa_code": code})
            if answer is None or answer.status_code in (200, 409):
                return

    def renews_codes(self) -> None:
        for code in self.factor_codes():
            self.world.forget_guesses()
            answer = self.act("POST", "/mfa/recovery-codes", {"mfa_code": code})
            if answer is not None and answer.status_code == 200:
                self.phones.append(Phone("", answer.get_json()["recovery_codes"]))
                return

    def links_provider(self) -> None:
        self.leaves_link()
        self.exchange(*self.exchange_codes.pop()) if self.exchange_codes else None

    def unlinks_provider(self) -> None:
        self.act("DELETE", "/auth/google/link")

    def ends_other_sessions(self) -> None:
        self.act("DELETE", "/sessions")

    # What anybody does

    def forgets(self, email: str) -> None:
        self.ask("POST", "/forgot-password", {"email": email})

    def asks_for_code(self, email: str) -> None:
        self.ask("POST", "/send-otp", {"email": email})

    def signs_up(self, email: str) -> None:
        """Under a new name each time, with the password of the moment; what proves the sign-up is kept."""
        body = {"username": self.new("another"), "email": email, "password": self.passwords[-1]}
        answer = self.ask("POST", "/signup", body).get_json()
        if "signup_token" in answer:
            self.proofs.append({"signup_token": answer["signup_token"]})

    def uses(self, link: Link) -> TestResponse:
        """Follows a mailed link, with whatever proof there is."""
        self.used.add(link.path)
        if link.kind == CONFIRM:
            return self._confirms(link)
        if link.kind == RESET:
            password = self.new("amber-lanterns")
            answer = self.ask("POST", link.path, {"password": password})
            self.passwords += [password] if answer.status_code == 200 else []
            return answer
        return self.ask("POST", link.path)

    def _confirms(self, link: Link) -> TestResponse:
        """By nothing, a live session, the passwords, the latest first, then by the sign-ups' tokens."""
        answer = self.ask("POST", link.path, {})
        for token in self.access[-1:] if answer.status_code == 401 else []:
            answer = self.ask("POST", link.path, {}, token)
        for proof in [*({"password": password} for password in self.known()), *self.proofs]:
            if answer.status_code != 401 or answer.get_json()["code"] == "mfa_required":
                break
            answer = self.guess("POST", link.path, proof)
            list(self.finish(answer))
        return answer

    # What is left half done

    def leaves_sign_in(self) -> None:
        """Where a second factor is wanted."""
        for password in self.known():
            if token := self.sign_in(password).get_json().get("mfa_token"):
                self.mfa_tokens.append(token)
                return

    def leaves_exchange(self) -> None:
        """Before the exchange of the code that came back from the provider."""
        if not self.is_linked:
            self.links_provider()
        if self.is_linked and (code := self.arrive(*self.leave())):
            self.exchange_codes.append((code, None))

    def leaves_visit(self) -> None:
        """At the provider's page."""
        self.visits.append(self.leave())

    def leaves_link(self) -> None:
        """An identity that only lacks the exchange to be linked."""
        answer = self.act("POST", "/auth/google/link")
        if answer is not None and answer.status_code == 200:
            path = answer.get_json()["authorization_url"].split("/", 3)[3]
            if code := self.arrive(*self.leave(f"/{path}")):
                self.exchange_codes.append((code, self.access[-1]))

    def goes_on(self) -> Iterator[str]:
        """With all that was left half done, and the codes that were mailed: the access tokens that it gives."""
        for mfa_token in self.mfa_tokens:
            yield from self.second(mfa_token)
        for code, token in self.exchange_codes:
            yield from self.finish(self.exchange(code, token))
        for visit in self.visits:
            yield from self.finish(self.exchange(self.arrive(*visit)))
        for code in [code for address, code in self.world.codes if address in self.mailboxes]:
            yield from self.enters(code)
        self.mfa_tokens, self.exchange_codes, self.visits = [], [], []

    def enters(self, code: str) -> Iterator[str]:
        """A mailed code: to sign in with."""
        account = self.world.account()
        for password in self.known() if account else []:
            body = {"email": account.email, "otp_code": code, "password": password}
            yield from self.finish(self.guess("POST", "/verify-otp", body))

    def tries_everything(self) -> list[str]:
        """By all that is held, and every link that was mailed: the access tokens that this person has then."""
        list(self.refreshes(self.refresh))
        list(self.goes_on())
        for link in self.world.links_to(*self.mailboxes):
            if link.path not in self.used:
                self.uses(link)
        list(self.sign_ins(self.passwords))
        return self.access

    def is_inside(self, token: str) -> bool:
        answer = self.ask("GET", "/profile", token=token)
        return answer.status_code == 200 and answer.get_json()["id"] == self.world.account_id
