"""Every refusal: its status, code and title.

Refusal
├── BadRequest 400           MalformedJson, InvalidToken, OauthFailed, OauthCancelled
├── Unauthorized 401
│   ├── AuthenticationRequired, ConfirmationProofRequired, CsrfFailed, InvalidCredentials, InvalidOtp
│   ├── MfaRequired, InvalidMfaCode, LinkProofRequired, ReauthenticationRequired
│   └── TokenRefused         TokenExpired, TokenInvalid, SessionEnded, TokenReused
├── Forbidden 403            EmailNotConfirmed, AccountInactive, HttpsRequired, SignupClosed
├── NotFound 404             ProviderNotConfigured
├── MethodNotAllowed 405
├── Conflict 409             UsernameTaken, MfaAlreadyEnabled, MfaNotEnabled, PasswordNotSet,
│                            LastSignInMethod, ProviderAlreadyLinked
├── PayloadTooLarge 413, UnsupportedMediaType 415
├── UnprocessableContent 422 ValidationFailed, InvalidImage
├── TooManyRequests 429      RateLimited, TooManyAttempts
├── InternalError 500
└── Unavailable 503          Busy, ProviderUnavailable

A refusal is raised, or returned where what was written beside it must be kept. One renderer turns it into an RFC 9457
problem document. Answers that could reveal an account are the same class.
"""

from collections.abc import Iterator
from typing import ClassVar


class Refusal(Exception):
    """A request that is answered with a problem document; `members` are added to it, `headers` to the answer."""

    status: ClassVar[int]
    code: ClassVar[str] = ""
    title: ClassVar[str]
    advice: ClassVar[str]

    def __init__(
        self, detail: str | None = None, *, members: dict[str, object] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.detail = detail or self.advice
        self.members = members or {}
        self.headers = headers or {}
        super().__init__(self.code)


class BadRequest(Refusal):
    status = 400


class MalformedJson(BadRequest):
    code = "malformed_json"
    title = "The request is not well-formed"
    advice = "Send one JSON object in UTF-8, without repeated keys, NaN, NUL or more than 32 levels."


class InvalidToken(BadRequest):
    code = "invalid_token"
    title = "The link or code is not valid"
    advice = "It was used before, has expired, or was replaced. Ask for a new one."


class OauthFailed(BadRequest):
    code = "oauth_failed"
    title = "The provider did not sign you in"
    advice = "Begin the sign-in again. If it fails again, the operator's log says why, by the request id."


class OauthCancelled(BadRequest):
    code = "oauth_cancelled"
    title = "The sign-in at the provider was canceled"
    advice = "Nothing was changed. Begin again, or sign in another way."


class Unauthorized(Refusal):
    status = 401
    challenge: ClassVar[str] = "Bearer"

    def __init__(self, detail: str | None = None, *, members: dict[str, object] | None = None) -> None:
        super().__init__(detail, members=members, headers={"WWW-Authenticate": self.challenge})


class AuthenticationRequired(Unauthorized):
    code = "authentication_required"
    title = "A token is needed"
    advice = "Sign in, and send the access token as 'Authorization: Bearer …'."


class ConfirmationProofRequired(Unauthorized):
    code = "confirmation_proof_required"
    title = "The link alone does not confirm"
    advice = (
        "Send with it, for a sign-up, `password` or the `signup_token` that /signup answered; for a change of address, "
        "`password` or an access token of the account."
    )


class CsrfFailed(Unauthorized):
    code = "csrf_failed"
    title = "The CSRF token is missing or wrong"
    advice = "Send the csrf_access_token or csrf_refresh_token that came with the cookie as 'X-CSRF-TOKEN: …'."


class InvalidCredentials(Unauthorized):
    code = "invalid_credentials"
    title = "Wrong user name, address or password"
    advice = (
        "No account matches this user name or address with this password. "
        "If you have just signed up, use the link in your mail first."
    )


class InvalidOtp(Unauthorized):
    code = "invalid_otp"
    title = "Wrong code, address or password"
    advice = "Check each of them, or ask for a new code at /send-otp: only the newest one works, once."


class MfaRequired(Unauthorized):
    """`mfa_token` carries a sign-in on; where a live session is asked, there is none."""

    code = "mfa_required"
    title = "A second factor is needed"
    advice = "Send `mfa_code`: a code of the authenticator app, or a recovery code."

    def __init__(self, methods: tuple[str, ...], mfa_token: str | None = None) -> None:
        token: dict[str, object] = {"mfa_token": mfa_token} if mfa_token else {}
        super().__init__(members={"methods": list(methods)} | token)


class InvalidMfaCode(Unauthorized):
    code = "invalid_mfa_code"
    title = "Wrong second factor"
    advice = "Wait for the app's next code, since each works once, or send a recovery code."


class LinkProofRequired(Unauthorized):
    """The provider vouches for an address that has an account here; `methods`: how the person proves that it is theirs."""

    code = "link_proof_required"
    title = "Prove that the existing account is yours"
    advice = "Send `link_token` to /auth/link with the account's password, or with a code that /auth/link/code mails."

    def __init__(self, methods: tuple[str, ...], link_token: str) -> None:
        super().__init__(members={"methods": list(methods), "link_token": link_token})


class ReauthenticationRequired(Unauthorized):
    """`methods`: by which the person can step up (RFC 9470)."""

    code = "reauthentication_required"
    title = "This call wants a recent sign-in"
    advice = "Call /reauthenticate, or /send-otp and /verify-otp, with this token, and repeat the call with the new one."

    def __init__(self, methods: tuple[str, ...]) -> None:
        super().__init__(members={"methods": list(methods)})


class TokenRefused(Unauthorized):
    """RFC 6750 §3.1: the challenge says that the token itself was refused."""

    challenge = 'Bearer error="invalid_token"'


class TokenExpired(TokenRefused):
    code = "token_expired"
    title = "The token has expired"
    advice = "Get a new access token from /refresh, or sign in again."


class TokenInvalid(TokenRefused):
    code = "token_invalid"
    title = "The token is not valid here"
    advice = "Send an unchanged token of the kind that this call takes, or sign in again."


class SessionEnded(TokenRefused):
    code = "session_ended"
    title = "The session has ended"
    advice = "Sign in again."

    def __init__(self, reason: str) -> None:
        super().__init__(members={"reason": reason})


class TokenReused(TokenRefused):
    code = "token_reused"
    title = "The refresh token was used before"
    advice = "Somebody else may hold a copy of it, so the session was ended. Sign in again."


class Forbidden(Refusal):
    status = 403


class EmailNotConfirmed(Forbidden):
    code = "email_not_confirmed"
    title = "The address is not confirmed yet"
    advice = "Use the link in your mail, or ask for a new one at /resend-confirmation."


class AccountInactive(Forbidden):
    code = "account_inactive"
    title = "The account is not active"
    advice = "Ask the operator of this service."


class HttpsRequired(Forbidden):
    code = "https_required"
    title = "This service answers over https only"
    advice = "Call it by its https address, and replace what you sent: on the way here anybody could read it."


class SignupClosed(Forbidden):
    code = "signup_closed"
    title = "Sign-up is closed"
    advice = "The operator of this service does not take new accounts now."


class NotFound(Refusal):
    status = 404
    code = "not_found"
    title = "Nothing is here"
    advice = "Check the path: the documentation of the API lists every call."


class ProviderNotConfigured(NotFound):
    code = "provider_not_configured"
    title = "This provider is not set up here"
    advice = "The operator of this service can set it up: for Google, GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET."


class MethodNotAllowed(Refusal):
    status = 405
    code = "method_not_allowed"
    title = "This path does not take this method"
    advice = "The header Allow names the methods that it takes."


class Conflict(Refusal):
    status = 409


class UsernameTaken(Conflict):
    code = "username_taken"
    title = "The user name is taken"
    advice = "Choose another user name."


class MfaAlreadyEnabled(Conflict):
    code = "mfa_already_enabled"
    title = "A second factor is already on"
    advice = "Turn it off with DELETE /mfa before you set up another."


class MfaNotEnabled(Conflict):
    code = "mfa_not_enabled"
    title = "No second factor is on"
    advice = "Set one up with POST /mfa."


class PasswordNotSet(Conflict):
    code = "password_not_set"
    title = "The account has no password"
    advice = "Set one by the link that /forgot-password mails."


class LastSignInMethod(Conflict):
    code = "last_sign_in_method"
    title = "This is your only way to sign in"
    advice = "Set a password by the link that /forgot-password mails, and unlink then."


class ProviderAlreadyLinked(Conflict):
    code = "provider_already_linked"
    title = "This is linked already"
    advice = "Unlink it first where it is linked: this account has one of this provider, or another account has this one."


class PayloadTooLarge(Refusal):
    status = 413
    code = "payload_too_large"
    title = "The request is too large"
    advice = "Send at most 64 KiB."


class UnsupportedMediaType(Refusal):
    status = 415
    code = "unsupported_media_type"
    title = "This kind of body is not taken"
    advice = "Send 'Content-Type: application/json' and no Content-Encoding."


class UnprocessableContent(Refusal):
    status = 422


class InvalidImage(UnprocessableContent):
    code = "invalid_image"
    title = "This picture cannot be used"
    advice = "Send a whole PNG, JPEG or GIF file with fewer pixels."


class ValidationFailed(UnprocessableContent):
    code = "validation_failed"
    title = "Some fields are not valid"
    advice = "`errors` says for each field what to change."

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        super().__init__(members={"errors": errors})


class TooManyRequests(Refusal):
    status = 429


class RateLimited(TooManyRequests):
    code = "rate_limited"
    title = "Too many requests"
    advice = "Wait as long as the header Retry-After says."


class TooManyAttempts(TooManyRequests):
    code = "too_many_attempts"
    title = "Too many attempts"
    advice = (
        "Wait as long as the header Retry-After says. After a hundred wrong passwords only /forgot-password helps, "
        "after a hundred wrong codes only a recovery code."
    )

    def __init__(self, seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(seconds)})


class InternalError(Refusal):
    status = 500
    code = "internal_error"
    title = "Something went wrong here"
    advice = "It has been logged. Tell the operator the request id."


class Unavailable(Refusal):
    status = 503
    code = "unavailable"
    title = "The service cannot answer now"
    advice = "Try again after as many seconds as the header Retry-After says."
    seconds: ClassVar[int] = 2

    def __init__(self, *, members: dict[str, object] | None = None) -> None:
        super().__init__(members=members, headers={"Retry-After": str(self.seconds)})


class Busy(Unavailable):
    code = "busy"
    title = "The service is busy"
    advice = "Try again after as many seconds as the header Retry-After says."
    seconds = 1


class ProviderUnavailable(Unavailable):
    code = "provider_unavailable"
    title = "The provider cannot be reached"
    advice = "Try again after as many seconds as the header Retry-After says, or sign in another way."


def every_refusal(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """All refusals that have a code."""
    for kind in root.__subclasses__():
        if "code" in vars(kind):
            yield kind
        yield from every_refusal(kind)
