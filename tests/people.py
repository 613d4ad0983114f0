"""People at the door: what they send, what they are answered, and the mail they get."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from flask import Flask
from sqlalchemy import delete
from werkzeug.test import TestResponse

from database import db, unit_of_work
from model import Attempt
from resources import openapi
from services import outbox
from tests.parts.received import Received
from tests.parts.smtp import MailServer

PASSWORD = "correct-horse-battery"
DOCUMENTS: WeakKeyDictionary[Flask, dict[str, Any]] = WeakKeyDictionary()
"""Keeps no app alive: of the hundreds in a process, few are in use at a time."""
BROWSER = {"User-Agent": "Mozilla/5.0", "Accept": "text/html"}


def document_of(app: Flask) -> dict[str, Any]:
    """What this app says of itself; made once, since every answer of every test is held against it."""
    if app not in DOCUMENTS:
        with app.app_context():
            DOCUMENTS[app] = openapi.document(app)
    return DOCUMENTS[app]


def response_of(document: dict[str, Any], operation: dict[str, Any], status: int | str) -> dict[str, Any]:
    """What a call declares for a status; those that many calls have stand among the components."""
    declared: dict[str, Any] = operation["responses"][str(status)]
    if "$ref" in declared:
        declared = document["components"]["responses"][declared["$ref"].removeprefix("#/components/responses/")]
    return declared


@dataclass
class House:
    """The service as its callers see it; every answer must be one that the OpenAPI document declares."""

    app: Flask
    mail_server: MailServer

    def ask(self, method: str, path: str, json: Any = None, token: str | None = None, **more: Any) -> TestResponse:
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if json is not None:
            more["json"] = json
        # Its jar, even an empty one, would replace a Cookie header.
        answer = self.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **more)
        self._check_declared(method, path, answer)
        return answer

    def get(self, path: str, token: str | None = None, **more: Any) -> TestResponse:
        return self.ask("GET", path, token=token, **more)

    def post(self, path: str, json: Any = None, token: str | None = None, **more: Any) -> TestResponse:
        return self.ask("POST", path, json, token, **more)

    def put(self, path: str, json: Any = None, token: str | None = None, **more: Any) -> TestResponse:
        return self.ask("PUT", path, json, token, **more)

    def _check_declared(self, method: str, path: str, answer: TestResponse) -> None:
        rule = answer.request.path and self._rule(path)
        if rule is None or method in ("HEAD", "OPTIONS") or answer.status_code == 405:
            return
        document = document_of(self.app)
        operation = document["paths"][rule][method.lower()]
        said = f"{method} {rule} answers {answer.status_code}, which is not declared"
        assert str(answer.status_code) in operation["responses"], said
        if answer.mimetype == "application/problem+json":
            declared = response_of(document, operation, answer.status_code)
            schema = declared["content"]["application/problem+json"]["schema"]
            assert answer.get_json()["code"] in schema["allOf"][1]["properties"]["code"]["enum"]

    def _rule(self, path: str) -> str | None:
        parts = path.split("?", maxsplit=1)[0].split("/")
        for rule in document_of(self.app)["paths"]:
            wanted = rule.split("/")
            if len(wanted) == len(parts) and all(w == p or w.startswith("{") for w, p in zip(wanted, parts, strict=True)):
                return str(rule)
        return None

    def deliver(self) -> None:
        """What the delivery job does, now."""
        outbox.deliver_due()

    def mail_to(self, address: str) -> list[Received]:
        """Delivers what is due and returns the mail that arrived there, oldest first."""
        self.deliver()
        return [mail for mail in self.mail_server.messages if address in mail.recipients]

    def forget_guesses(self) -> None:
        """So that what comes next need not wait."""
        with unit_of_work():
            db.session.execute(delete(Attempt))

    def sign_up(self, username: str = "ada", email: str = "ada@example.org", **more: Any) -> TestResponse:
        body = {"username": username, "email": email, "password": PASSWORD} | more
        return self.post("/signup", body)

    def confirm_link(self, email: str = "ada@example.org") -> str:
        """The path of the newest confirmation link that was mailed."""
        return self.mail_to(email)[-1].links[-1].removeprefix(self.app.extensions["settings"].address)

    def account(self, username: str = "ada", email: str = "ada@example.org", **more: Any) -> None:
        """Somebody who has signed up and confirmed."""
        assert self.sign_up(username, email, **more).status_code == 201
        assert self.post(self.confirm_link(email)).status_code == 200

    def login(self, username: str = "ada", password: str = PASSWORD) -> TestResponse:
        return self.post("/login", {"username": username, "password": password})

    def tokens(self, username: str = "ada", password: str = PASSWORD) -> tuple[str, str]:
        """Access and refresh token of a new sign-in."""
        answer = self.login(username, password).get_json()
        return answer["access_token"], answer["refresh_token"]
