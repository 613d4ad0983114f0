"""Coming in with a token."""

from errors import ReauthenticationRequired
from services import factors, sessions, tokens
from services.sessions import SignedIn
from services.tokens import Claims


def read(text: str, *kinds: str) -> Claims:
    """What a right-signed token says; raises TokenInvalid, TokenExpired."""
    return tokens.read(text, *kinds)


def check(claims: Claims) -> SignedIn:
    """The live session behind it; raises TokenInvalid, SessionEnded."""
    return sessions.check(claims)


def require_fresh(signed_in: SignedIn) -> None:
    """Raises ReauthenticationRequired unless the token tells of a recent sign-in."""
    if not signed_in.is_fresh:
        raise ReauthenticationRequired(factors.step_ups(signed_in.account))


def check_again(claims: Claims, *, fresh: bool) -> None:
    """The same judgement when the call begins to write; raises what it raised then, or would have."""
    signed_in = sessions.hold(claims)
    if fresh:
        require_fresh(signed_in)
