"""Access and refresh tokens: minted and read (RFC 7519, RFC 8725). Whether the session lives is decided elsewhere."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
    """What a pair of tokens says. Equal grants give equal tokens, so that every tab gets the same successor."""

    user_id: str
    session_id: str
    refresh_jti: str
    moment: datetime
    session_end: datetime
    auth_time: datetime
    amr: tuple[str, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claims:
    """A verified token."""

    kind: str
    user_id: str
    session_id: str
    jti: str


def mint_access(grant: Grant) -> str:
    claims = _claims(grant, _derived("access", grant.refresh_jti), settings().jwt_access_token_expires)
    claims |= {"auth_time": int(grant.auth_time.timestamp()), "amr": list(grant.amr), "roles": list(grant.roles)}
    token: str = create_access_token(grant.user_id, additional_claims=claims, additional_headers=_header())
    return token


def mint_refresh(grant: Grant) -> str:
    claims = _claims(grant, grant.refresh_jti, settings().jwt_refresh_token_expires)
    token: str = create_refresh_token(grant.user_id, additional_claims=claims, additional_headers=_header())
    return token


def _claims(grant: Grant, jti: str, seconds: int) -> dict[str, Any]:
    begin = int(grant.moment.timestamp())
    end = min(grant.moment + timedelta(seconds=seconds), grant.session_end)
    times = {"iat": begin, "nbf": begin, "exp": int(end.timestamp())}
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
    return Claims(claims["type"], claims["sub"], claims["sid"], claims["jti"])


def _well_formed(claims: dict[str, Any]) -> bool:
    texts = all(isinstance(claims.get(name), str) for name in (*IDENTIFIERS, "type"))
    times = all(type(claims.get(name)) is int for name in TIMES)
    # PyJWT takes a list of audiences that contains ours; we mint, and so accept, only the plain one.
    return texts and times and claims.get("aud") == settings().jwt_audience
