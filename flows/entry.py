"""Coming in with a token."""

from services import factors, sessions, tokens
from services.sessions import SignedIn
from services.tokens import Claims


def read(text: str, *kinds: str) -> Claims:
    """What a right-signed token says; raises TokenInvalid, TokenExpired."""
    return tokens.read(text, *kinds)


def check(claims: Claims) -> SignedIn:
    """The live session behind it; raises TokenInvalid, SessionEnded."""
    return sessions.check(claims)


def step_ups(signed_in: SignedIn) -> tuple[str, ...]:
    """By which means this person can prove himself anew."""
    return factors.step_ups(signed_in.account)
