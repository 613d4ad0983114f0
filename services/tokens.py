"""Access and refresh tokens: minted and read (RFC 7519, RFC 8725). Whether the session lives is decided elsewhere."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from flask_jwt_extended import create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from errors import TokenExpired, TokenInvalid
from extensions import settings
from services import clock, signing

ACCESS, REFRESH = "access", "refresh"
LONGEST = 4096
IDENTIFIERS = ("sub", "sid", "jti", "csrf")
TIMES = ("iat", "nbf", "exp")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a pair of tokens says. Equal grants give equal tokens, so that every tab gets the same successor.

    `moment`: when the refresh token begins; `access_from`: when the access token does, later after a step-up.
    """

    user_id: str
    session_id: str
    refresh_jti: str
    moment: datetime
    access_from: datetime
    session_end: datetime
    auth_time: datetime
    amr: tuple[str, ...]
    roles: tuple[str, ...]

    @property
    def access_until(self) -> datetime:
        return min(self.access_from + timedelta(seconds=settings().jwt_access_token_expires), self.session_end)

    @property
    def refresh_until(self) -> datetime:
        return min(self.moment + timedelta(seconds=settings().jwt_refresh_token_expires), self.session_end)


@dataclass(frozen=True, slots=True)
class Claims:
    """A verified token. `auth_time`: seconds since 1970, of an access token; 0 of a refresh token."""

    kind: str
    user_id: str
    session_id: str
    jti: str
    auth_time: int
    csrf: str
    expires: int


def mint_access(grant: Grant) -> str:
    claims = _claims(grant, _derived("access", grant.refresh_jti), grant.access_from, grant.access_until)
    claims |= {"auth_time": int(grant.auth_time.timestamp()), "amr": list(grant.amr), "roles": list(grant.roles)}
    token: str = create_access_token(grant.user_id, additional_claims=claims, additional_headers=_header())
    return token


def mint_refresh(grant: Grant) -> str:
    claims = _claims(grant, grant.refresh_jti, grant.moment, grant.refresh_until)
    token: str = create_refresh_token(grant.user_id, additional_claims=claims, additional_headers=_header())
    return token


def _claims(grant: Grant, jti: str, begin: datetime, end: datetime) -> dict[str, Any]:
    times = {"iat": int(begin.timestamp()), "nbf": int(begin.timestamp()), "exp": int(end.timestamp())}
    return times | {"sid": grant.session_id, "jti": jti, "csrf": _derived("csrf", jti)}


def _derived(purpose: str, jti: str) -> str:
    digest = hashlib.sha256(f"{purpose}:{jti}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _header() -> dict[str, str]:
    return {"kid": signing.ring()[0].kid}


def read(text: str, *kinds: str) -> Claims:
    """A right-signed token of one of these kinds; raises TokenInvalid, or TokenExpired once everything else is right."""
    if len(text) > LONGEST:
        raise TokenInvalid
    try:
        claims = decode_token(text, allow_expired=True)
    except (PyJWTError, JWTExtendedException, ValueError, TypeError, KeyError, RecursionError) as error:
        raise TokenInvalid from error
    if not _well_formed(claims) or claims["type"] not in kinds:
        raise TokenInvalid
    if claims["exp"] <= clock.now().timestamp():
        raise TokenExpired
    return _said(claims)


def minted(text: str) -> Claims:
    """What a token says that was minted here a moment ago; nothing is checked."""
    return _said(jwt.decode(text, options={"verify_signature": False}))


def _said(claims: dict[str, Any]) -> Claims:
    return Claims(
        kind=claims["type"],
        user_id=claims["sub"],
        session_id=claims["sid"],
        jti=claims["jti"],
        auth_time=claims.get("auth_time", 0),
        csrf=claims["csrf"],
        expires=claims["exp"],
    )


def _well_formed(claims: dict[str, Any]) -> bool:
    texts = all(isinstance(claims.get(name), str) for name in (*IDENTIFIERS, "type"))
    timed = TIMES if claims.get("type") == REFRESH else (*TIMES, "auth_time")
    times = all(type(claims.get(name)) is int for name in timed)
    # PyJWT takes a list of audiences that contains ours; we mint, and so accept, only the plain one.
    return texts and times and claims.get("aud") == settings().jwt_audience
