"""How users, sessions and tokens look as JSON."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from flask import Response, g, make_response, send_from_directory
from pydantic import BaseModel, Field
from pydantic_core import to_json
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from errors import Refusal
from extensions import settings
from services import clock, tokens
from services.sessions import SignedIn
from services.tokens import Grant

PIECE = 64 * 1024
"""Bytes of a file that are sent at a time."""
A_JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI…"
A_TOKEN = "nL5pGa9oIi3UwEqYtMmZ4uWc0QnT6Vb1yKfR8sXeJ2h"  # noqa: S105 - an example
AN_ID = "5f0c9c1e-2a4b-4c58-9a53-8d4f4f1c7b21"


class Message(BaseModel):
    message: str = Field(examples=["A sentence for people."])


class SignedUp(BaseModel):
    username: str = Field(examples=["ada"])
    email: str = Field(examples=["ada@example.org"])
    message: str = Field(examples=["Check your email for what to do next."])
    signup_token: str = Field(
        examples=[A_TOKEN], description="confirms this sign-up, together with the mailed link, without the password; 24 hours"
    )


class TokenAnswer(BaseModel):
    access_token: str = Field(examples=[A_JWT])
    refresh_token: str = Field(examples=[A_JWT])
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(examples=[1800], description="seconds until the access token expires")
    message: str = Field(examples=["Signed in."])


class CookieTokenAnswer(BaseModel):
    """The tokens themselves are in the cookies."""

    csrf_access_token: str = Field(examples=[A_TOKEN], description="X-CSRF-TOKEN of calls that change something")
    csrf_refresh_token: str = Field(examples=[A_TOKEN], description="X-CSRF-TOKEN of /refresh")
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(examples=[1800], description="seconds until the access token expires")
    message: str = Field(examples=["Signed in."])


class Profile(BaseModel):
    id: str = Field(examples=[AN_ID])
    username: str = Field(examples=["ada"])
    email: str = Field(examples=["ada@example.org"])
    email_confirmed: bool = Field(examples=[True])
    pending_email: str | None = Field(examples=[None], description="an address that waits for its link to be used")
    first_name: str | None = Field(examples=["Ada"])
    last_name: str | None = Field(examples=["Lovelace"])
    phone_number: str | None = Field(examples=["+441632960961"])
    profile_picture: str | None = Field(examples=["https://auth.example.org/uploads/profile_pictures/3c9b1f60d2a8.png"])
    mfa_enabled: bool = Field(examples=[False])
    has_password: bool = Field(examples=[True])
    oauth_providers: list[str] = Field(examples=[["google"]])
    roles: list[str] = Field(examples=[["user"]])
    created_at: datetime
    last_activity: datetime


def promise_idle_time() -> None:
    """The answer of a call that counted as activity says how long the session lasts without another."""
    g.idle_expires = clock.now() + timedelta(seconds=settings().inactivity_seconds)


def outcome(found: Grant | Refusal, message: str) -> TokenAnswer | Refusal:
    """A token answer, or the refusal that the flow returned instead."""
    return found if isinstance(found, Refusal) else token_answer(found, message)


def token_answer(grant: Grant, message: str) -> TokenAnswer:
    promise_idle_time()
    return TokenAnswer(
        access_token=tokens.mint_access(grant),
        refresh_token=tokens.mint_refresh(grant),
        token_type="Bearer",  # noqa: S106 - RFC 6750's name
        expires_in=max(0, round((grant.access_until - clock.now()).total_seconds())),
        message=message,
    )


def profile(signed_in: SignedIn, providers: list[str]) -> Profile:
    account = signed_in.account
    return Profile(
        id=account.id,
        username=account.username,
        email=account.email,
        email_confirmed=account.email_confirmed_at is not None,
        pending_email=account.pending_email,
        first_name=account.first_name,
        last_name=account.last_name,
        phone_number=account.phone_number,
        profile_picture=_picture_address(account.picture),
        mfa_enabled=account.mfa_enabled_at is not None,
        has_password=account.password_hash is not None,
        oauth_providers=providers,
        roles=["user", "admin"] if account.is_admin else ["user"],
        created_at=account.created_at,
        last_activity=signed_in.last_activity,
    )


def _picture_address(name: str | None) -> str | None:
    return f"{settings().address}/uploads/profile_pictures/{name}" if name else None


def empty() -> Response:
    """Nothing to say, 204."""
    return make_response("", 204)


def redirect(address: str) -> Response:
    """The browser is sent on, 302."""
    answer = empty()
    answer.status_code, answer.headers["Location"] = 302, address
    return answer


def json(document: object, status: int = 200, mimetype: str = "application/json") -> Response:
    """A model, or plain values, as JSON; its own line where a terminal shows it."""
    return Response(to_json(document) + b"\n", status, mimetype=mimetype)


def stored(folder: Path, name: str, max_age: int) -> Response:
    """A file of a folder, or the range of it that was asked for. `max_age`: seconds. Raises werkzeug's NotFound."""
    try:
        return send_from_directory(folder, name, max_age=max_age)
    except RequestedRangeNotSatisfiable:
        # RFC 9110 §14.2: a range that cannot be met may be ignored.
        return send_from_directory(folder, name, max_age=max_age, conditional=False)


def file(document: IO[bytes]) -> Response:
    """A JSON document that is sent from a file piece by piece, and closed then."""
    length = document.tell()
    document.seek(0)
    pieces = iter(lambda: document.read(PIECE), b"")
    answer = Response(pieces, mimetype="application/json", headers={"Content-Length": str(length)})
    answer.call_on_close(document.close)
    return answer
