"""Access and refresh tokens: minted and read (RFC 7519, RFC 8725). Whether the session lives is decided elsewhere."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import jwt
from flask import current_app
from flask_jwt_extended import create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from errors import TokenExpired, TokenInvalid
from extensions import settings
from services import clock, signing

ACCESS, REFRESH = "access", "refresh"
TYPES = {ACCESS: "at+jwt", REFRESH: "rt+jwt"}
"""Header `typ`. RFC 9068 §2.1 has the first, so that no verifier takes another token of ours for an access token."""
FORMER_TYPE = "JWT"
"""What the previous release wrote for both kinds, which then had one audience: accepted, so that a deploy signs nobody out."""
LONGEST = 4096
MOST_REMEMBERED = 4096
"""Tokens whose signature is not checked again, the latest; some 5 MiB."""
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""The `auth_time` of a session whose provider did not say when the person signed in there. No token has it."""
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
    """A verified token. `auth_time`: seconds since 1970, of an access token; 0 where there is none."""

    kind: str
    user_id: str
    session_id: str
    jti: str
    auth_time: int
    csrf: str
    begins: int
    expires: int


def mint_access(grant: Grant) -> str:
    claims = _claims(grant, _derived("access", grant.refresh_jti), grant.access_from, grant.access_until)
    claims |= {"amr": list(grant.amr), "roles": list(grant.roles)}
    if grant.auth_time != UNKNOWN:
        claims["auth_time"] = int(grant.auth_time.timestamp())
    text: str = create_access_token(grant.user_id, additional_claims=claims, additional_headers=_header(ACCESS))
    _remember(text, _said(claims | {"type": ACCESS, "sub": grant.user_id}))
    return text


def mint_refresh(grant: Grant) -> str:
    claims = _claims(grant, grant.refresh_jti, grant.moment, grant.refresh_until) | {"aud": audience(REFRESH)}
    text: str = create_refresh_token(grant.user_id, additional_claims=claims, additional_headers=_header(REFRESH))
    _remember(text, _said(claims | {"type": REFRESH, "sub": grant.user_id}))
    return text


def _claims(grant: Grant, jti: str, begin: datetime, end: datetime) -> dict[str, Any]:
    times = {"iat": int(begin.timestamp()), "nbf": int(begin.timestamp()), "exp": int(end.timestamp())}
    return times | {"sid": grant.session_id, "jti": jti, "csrf": _derived("csrf", jti)}


def _derived(purpose: str, jti: str) -> str:
    """192 bits of the hash, as many as `mint.token_id` gives."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"{purpose}:{jti}".encode()).digest()[:24]).decode()


def _header(kind: str) -> dict[str, str]:
    return {"kid": signing.ring()[0].kid, "typ": TYPES[kind]}


def audience(kind: str) -> str:
    """For whom a token of this kind is: a refresh token for this service alone."""
    return settings().jwt_audience if kind == ACCESS else f"{settings().jwt_audience}/{kind}"


def read(text: str, *kinds: str) -> Claims:
    """A right-signed token of one of these kinds; raises TokenInvalid, or TokenExpired once everything else is right."""
    # PyJWT would take any number of added `=`, which RFC 7515 §2 leaves out: many texts of one token.
    if len(text) > LONGEST or "=" in text:
        raise TokenInvalid
    claims = _memory().get(text) or _remember(text, _verified(text))
    if claims.kind not in kinds:
        raise TokenInvalid
    now = clock.now().timestamp()
    if claims.begins > now + clock.SKEW.total_seconds():  # remembered from before the clock stepped back
        raise TokenInvalid
    if claims.expires <= now:
        raise TokenExpired
    return claims


class _Memory(dict[str, Claims]):
    """What signatures proved, by the whole token. Whether the session lives is asked anew each time."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()


def _memory() -> _Memory:
    """This app's, in this process."""
    found: _Memory | None = current_app.extensions.get("verified_tokens")
    return current_app.extensions.setdefault("verified_tokens", _Memory()) if found is None else found


def _remember(text: str, claims: Claims) -> Claims:
    memory = _memory()
    with memory.lock:
        memory[text] = claims
        if len(memory) > MOST_REMEMBERED:
            del memory[next(iter(memory))]
    return claims


def _verified(text: str) -> Claims:
    try:
        claims = decode_token(text, allow_expired=True)
    except (PyJWTError, JWTExtendedException, ValueError, TypeError, KeyError, RecursionError) as error:
        raise TokenInvalid from error
    if not _well_formed(claims) or not _is_one_of_ours(jwt.get_unverified_header(text).get("typ"), claims):
        raise TokenInvalid
    return _said(claims)


def minted(text: str) -> Claims:
    """What a token says that was minted here a moment ago; nothing is checked."""
    return _memory().get(text) or _said(jwt.decode(text, options={"verify_signature": False}))


def _said(claims: dict[str, Any]) -> Claims:
    return Claims(
        kind=claims["type"],
        user_id=claims["sub"],
        session_id=claims["sid"],
        jti=claims["jti"],
        auth_time=claims.get("auth_time", 0),
        csrf=claims["csrf"],
        begins=claims["nbf"],
        expires=claims["exp"],
    )


def _well_formed(claims: dict[str, Any]) -> bool:
    texts = all(isinstance(claims.get(name), str) for name in (*IDENTIFIERS, "type"))
    times = all(type(claims.get(name)) is int for name in TIMES) and type(claims.get("auth_time", 0)) is int
    return texts and times


def _is_one_of_ours(typ: object, claims: dict[str, Any]) -> bool:
    """Whether header and audience are those of the token's kind: as now, or as before, never of both.

    PyJWT takes a list of audiences that contains ours; we mint, and so accept, only the plain one.
    """
    kind = claims["type"]
    pair = (typ, claims.get("aud"))
    return kind in TYPES and pair in ((TYPES[kind], audience(kind)), (FORMER_TYPE, audience(ACCESS)))
