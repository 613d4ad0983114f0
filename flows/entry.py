"""Coming in with a token."""

from services import sessions, tokens
from services.sessions import SignedIn
from services.tokens import Claims


def read(text: str, *kinds: str) -> Claims:
    """What a right-signed token says; raises TokenInvalid, TokenExpired."""
    return tokens.read(text, *kinds)


def check(claims: Claims) -> SignedIn:
    """The live session behind it; raises TokenInvalid, SessionEnded."""
    return sessions.check(claims)
