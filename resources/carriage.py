"""How tokens travel: in the Authorization header and the JSON, or in two cookies that no script can read.

A browser sends a cookie whoever made the page. So a call that changes something must bring the token's `csrf` claim too,
which only a page that could read the token answer knows.
"""

import hmac
from contextlib import suppress

from flask import Response, g, request

from errors import (
    AuthenticationRequired,
    CsrfFailed,
    MalformedJson,
    Refusal,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
    TokenReused,
)
from extensions import settings
from flows import entry
from resources import answers
from resources.answers import CookieTokenAnswer, TokenAnswer
from services import clock, tokens
from services.tokens import ACCESS, REFRESH, Claims

CSRF_HEADER, LOCATION_HEADER = "X-CSRF-TOKEN", "X-Token-Location"
SAFE_METHODS = ("GET", "HEAD")
FINAL = (SessionEnded, TokenReused, TokenInvalid)
"""After these the cookies are of no more use."""
TWICE = "Send the token in the Authorization header or in the cookie, not in both."
NO_COOKIE = "Sign in from a page that sends cookies: this service takes tokens from them only."


def claims(*kinds: str) -> Claims:
    """What the presented token says, one of these kinds.

    Raises AuthenticationRequired for none, MalformedJson for one by each way, TokenInvalid, TokenExpired, CsrfFailed.
    """
    header, cookies = _bearer(), _cookies(kinds)
    if header is not None and cookies:
        raise MalformedJson(TWICE)
    if header is None and not cookies:
        raise AuthenticationRequired(None if settings().takes_headers else NO_COOKIE)
    g.token_by_cookie = bool(cookies)
    return _first_good(cookies) if header is None else entry.read(header, *kinds)


def is_offered(*kinds: str) -> bool:
    """Whether a call that takes a token or none has one.

    A cookie counts with a CSRF token only: the browser sends it with a sign-in too, of a new tab that knows none.
    """
    by_header = settings().takes_headers and "Authorization" in request.headers
    return by_header or (CSRF_HEADER in request.headers and bool(_cookies(kinds)))


def presented() -> tuple[str, ...]:
    """The access tokens that came with a call: by header, and by cookie where the fitting CSRF token shows whose page asks.

    A token that is not good is left out: what comes with a sign-in never makes it fail.
    """
    by_header, by_cookie = _bearer(), _cookies((ACCESS,)).get(ACCESS)
    found = [by_header] if by_header else []
    if by_cookie and CSRF_HEADER in request.headers:
        with suppress(Refusal):
            if _has_csrf(entry.read(by_cookie, ACCESS)):
                found.append(by_cookie)
    return tuple(found)


def _bearer() -> str | None:
    """The token of the Authorization header (RFC 6750 §2.1)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if settings().takes_headers and scheme.lower() == "bearer" else None


def _cookies(kinds: tuple[str, ...]) -> dict[str, str]:
    if not settings().takes_cookies:
        return {}
    found = {kind: request.cookies.get(cookie_name(kind), "") for kind in kinds}
    return {kind: text for kind, text in found.items() if text}


def cookie_name(kind: str) -> str:
    return settings().cookie_name(kind)


def _first_good(cookies: dict[str, str]) -> Claims:
    """Where both kinds are taken, either will do, so that one can sign out with an access token that has expired."""
    refusals: list[TokenInvalid | TokenExpired | CsrfFailed] = []
    for kind, text in cookies.items():
        try:
            found = entry.read(text, kind)
            _check_csrf(found)
        except (TokenInvalid, TokenExpired, CsrfFailed) as refusal:
            refusals.append(refusal)
        else:
            return found
    # First of all the one that leaves the cookies alone: it may be a stranger's page that asks.
    raise next((refusal for refusal in refusals if isinstance(refusal, CsrfFailed)), refusals[-1])


def _check_csrf(found: Claims) -> None:
    if request.method not in SAFE_METHODS and not _has_csrf(found):
        raise CsrfFailed


def _has_csrf(found: Claims) -> bool:
    return hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), found.csrf.encode())


def dressed(answer: TokenAnswer) -> Response:
    """A token answer as it travels; by cookie, the JSON holds the `csrf` claims in place of the tokens."""
    if not _answers_by_cookie():
        return answers.json(answer)
    pair = {ACCESS: answer.access_token, REFRESH: answer.refresh_token}
    said = {kind: tokens.minted(text) for kind, text in pair.items()}
    rest = answer.model_dump(exclude={"access_token", "refresh_token"})
    body = CookieTokenAnswer(csrf_access_token=said[ACCESS].csrf, csrf_refresh_token=said[REFRESH].csrf, **rest)
    response = answers.json(body)
    for kind, text in pair.items():
        left = int(said[kind].expires - clock.now().timestamp())
        _set(response, kind, text, max_age=max(left, 0))
    return response


def _answers_by_cookie() -> bool:
    """By the way the call's token came; a call without a token, such as a sign-in, may choose."""
    if not (settings().takes_headers and settings().takes_cookies):
        return settings().takes_cookies
    asked = request.headers.get(LOCATION_HEADER, "").strip().lower() == "cookies"
    return bool(g.get("token_by_cookie", asked))


def _set(response: Response, kind: str, text: str, max_age: int) -> None:
    secure, samesite = settings().over_https, settings().jwt_cookie_samesite
    response.set_cookie(cookie_name(kind), text, max_age=max_age, path="/", secure=secure, httponly=True, samesite=samesite)


def came_by_cookie() -> bool:
    """Whether the call's token came as a cookie."""
    return bool(g.get("token_by_cookie"))


def cleared(response: Response) -> Response:
    """The same answer; where the call's token came by cookie, it takes both cookies away, unless they are not ours."""
    if came_by_cookie():
        for kind in (ACCESS, REFRESH):
            if not _is_foreign(request.cookies.get(cookie_name(kind), "")):
                _set(response, kind, "", max_age=0)
    return response


def _is_foreign(text: str) -> bool:
    """Whether a cookie holds something that this service never signed: another one on this host may live by it."""
    try:
        tokens.read(text, ACCESS, REFRESH)
    except TokenExpired:
        return False
    except TokenInvalid:
        return bool(text)
    return False
