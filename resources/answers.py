"""How users, sessions and tokens look as JSON."""

from datetime import datetime, timedelta

from flask import Response, g, jsonify, make_response
from pydantic import BaseModel

from errors import Refusal
from extensions import settings
from services import clock, tokens
from services.sessions import SignedIn
from services.tokens import Grant


class Message(BaseModel):
    message: str


class SignedUp(BaseModel):
    username: str
    email: str
    message: str


class TokenAnswer(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    message: str


class CookieTokenAnswer(BaseModel):
    """The tokens themselves are in the cookies."""

    csrf_access_token: str
    csrf_refresh_token: str
    token_type: str
    expires_in: int
    message: str


class Profile(BaseModel):
    id: str
    username: str
    email: str
    email_confirmed: bool
    pending_email: str | None
    first_name: str | None
    last_name: str | None
    phone_number: str | None
    profile_picture: str | None
    mfa_enabled: bool
    has_password: bool
    oauth_providers: list[str]
    roles: list[str]
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


def json(document: object) -> Response:
    return make_response(jsonify(document), 200)
