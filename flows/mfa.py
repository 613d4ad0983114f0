"""Second factors: set up, verified, turned off; recovery codes made anew."""

from dataclasses import dataclass
from typing import Literal

from errors import InvalidMfaCode, MfaAlreadyEnabled, MfaNotEnabled, Refusal
from services import audit, factors, notices, recovery_codes, sessions, totp
from services.client import Client
from services.sessions import SignedIn
from services.totp import Offer


@dataclass(frozen=True, slots=True)
class State:
    """Which second factors somebody has."""

    methods: tuple[str, ...]
    codes_left: int


def state(signed_in: SignedIn) -> State:
    """How things stand; no secret."""
    methods = factors.of(signed_in.account)
    return State(methods, recovery_codes.left(signed_in.account.id) if methods else 0)


def begin(signed_in: SignedIn) -> Offer:
    """Offers a secret, anew each time; nothing is on until a code of it was sent. Raises MfaAlreadyEnabled."""
    return totp.offer(signed_in.account)


def enable(signed_in: SignedIn, code: str, client: Client) -> list[str]:
    """Puts the offered secret to use and returns the recovery codes. Raises MfaAlreadyEnabled, InvalidMfaCode."""
    account = signed_in.account
    if account.mfa_enabled_at is not None:
        raise MfaAlreadyEnabled
    if not totp.enable(account.id, code):
        raise InvalidMfaCode
    codes = recovery_codes.renew(account.id)
    _turned("mfa_enabled", signed_in, client)
    return codes


def disable(signed_in: SignedIn, code: str, client: Client) -> Refusal | None:
    """Turns it off. Raises MfaNotEnabled; returns InvalidMfaCode, TooManyAttempts."""
    checked = _checked(signed_in, code, client)
    if isinstance(checked, Refusal):
        return checked
    totp.disable(signed_in.account.id)
    recovery_codes.void(signed_in.account.id)
    _turned("mfa_disabled", signed_in, client)
    return None


def renew_codes(signed_in: SignedIn, code: str, client: Client) -> list[str] | Refusal:
    """A new set of recovery codes; the old one is void. Raises MfaNotEnabled; returns InvalidMfaCode, TooManyAttempts."""
    checked = _checked(signed_in, code, client)
    if isinstance(checked, Refusal):
        return checked
    audit.record("recovery_codes_renewed", client, user_id=signed_in.account.id, session_id=signed_in.session_id)
    notices.tell("recovery_codes_renewed", signed_in.account, client)
    return recovery_codes.renew(signed_in.account.id)


def _checked(signed_in: SignedIn, code: str, client: Client) -> tuple[str, ...] | Refusal:
    if signed_in.account.mfa_enabled_at is None:
        raise MfaNotEnabled
    return factors.check(signed_in.account, code, client, signed_in.session_id)


def _turned(how: Literal["mfa_enabled", "mfa_disabled"], signed_in: SignedIn, client: Client) -> None:
    """The other sessions end: somebody else may hold one."""
    sessions.end_all(signed_in.account.id, "mfa_changed", but=signed_in.session_id)
    audit.record(how, client, user_id=signed_in.account.id, session_id=signed_in.session_id)
    notices.tell(how, signed_in.account, client)
