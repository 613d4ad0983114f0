"""What the page of each problem type says to those who write clients: when it comes, and what the program should do."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Guide:
    """`members`: what the document has beside the usual members, as an example. `retry_after`: seconds, as a header."""

    meaning: str
    client: str
    members: dict[str, object] = field(default_factory=dict)
    retry_after: int | None = None


STEP_UPS = ["password", "email_otp"]
FACTORS = ["totp", "recovery_code"]
AN_MFA_TOKEN = "mZ4uWc0QnT6Vb1yKfR8sXeJ2hLd5pGa9oIi3UwEqYtM"  # noqa: S105 - an example
A_LINK_TOKEN = "uWc0QnT6Vb1yKfR8sXeJ2hLd5pGa9oIi3UwEqYtMmZ4"  # noqa: S105 - an example
WAIT = "Wait for as many seconds as Retry-After says, and let no program try sooner."
LOOK_AT_FIELDS = "Show the sentences of `errors` beside their fields. Do not repeat the call unchanged."
SIGN_IN_AGAIN = "Throw both tokens away and show the sign-in. Do not repeat the call with the same token."
CHANGED_NOTHING = "Nothing was changed."

GUIDES: dict[str, Guide] = {
    "malformed_json": Guide(
        "The body could not be read as one JSON object (or as a multipart body), or a token came by header and cookie at once.",
        "This is a fault of the program: mend it. `detail` says what could not be read.",
    ),
    "invalid_token": Guide(
        "A mailed link, or the code of a provider sign-in, is unknown, was used, has expired, or was replaced by a newer one.",
        "Offer to send a new link. A link is good once, so an error after a success may be a second click.",
    ),
    "oauth_failed": Guide(
        "The provider refused, the browser came back twice, or the address is not verified there.",
        "Offer to begin again, and the other ways to sign in.",
    ),
    "oauth_cancelled": Guide(
        "The person canceled the sign-in at the provider, or did not consent there.",
        "Show the sign-in page again. This is no error.",
    ),
    "authentication_required": Guide(
        "The call wants a token and none came.",
        "Send `Authorization: Bearer …`. A single-page app with cookies sends `credentials: 'include'`.",
    ),
    "confirmation_proof_required": Guide(
        "The link in the mail is good, but a link alone does not confirm an address here.",
        "Send `signup_token`, which /signup answered to the page that signed up, or ask for the password. For a change of "
        "address, send the link with an access token of the account, or ask for its password. The link is not spent.",
    ),
    "csrf_failed": Guide(
        "A token came as a cookie, and the header `X-CSRF-TOKEN` was missing or belongs to another token.",
        "Send `csrf_access_token` of the newest token answer, and `csrf_refresh_token` with /refresh.",
    ),
    "invalid_credentials": Guide(
        "No account has this name and password. Whether the account exists is not told.",
        "Let the person correct either field, and offer /forgot-password. An address works only once it is confirmed.",
    ),
    "invalid_otp": Guide(
        "The mailed code, the address or the password is wrong; which of them is not told.",
        "Ask again, and offer a new code. Only the newest code works, once, for ten minutes unless set otherwise.",
    ),
    "mfa_required": Guide(
        "Name and password were right, and the account has a second factor.",
        "Ask for a code, and send it with `mfa_token` to /login. The token lasts five minutes; a wrong code does not spend it.",
        {"methods": FACTORS, "mfa_token": AN_MFA_TOKEN},
    ),
    "invalid_mfa_code": Guide(
        "The code of the app is wrong, was used before, or is too old; or the recovery code is wrong or was used.",
        "Ask again for the app's next code. If it fails again, the phone's clock may be wrong; offer a recovery code.",
    ),
    "link_proof_required": Guide(
        "This is the first sign-in with this identity, and its address belongs to an account that is not linked to it.",
        "Ask for one of `methods`: the account's password, or a code that POST /auth/link/code mails. Send it with "
        "`link_token` to /auth/link. The token lasts ten minutes; a wrong try does not spend it.",
        {"methods": STEP_UPS, "link_token": A_LINK_TOKEN},
    ),
    "reauthentication_required": Guide(
        "The call changes who can come in, and the last proof of the person is older than ten minutes (`FRESH_SECONDS`), "
        "or unknown, since a provider did not say when they signed in there.",
        "Ask for one of `methods`, call /reauthenticate or /verify-otp with this token, and repeat with the new one.",
        {"methods": STEP_UPS},
    ),
    "token_expired": Guide(
        "The token is genuine and its time is over: 30 minutes for an access token, a day for a refresh token, unless set so.",
        "For an access token: call /refresh once and repeat. For a refresh token: show the sign-in.",
    ),
    "token_invalid": Guide(
        "The token was changed, comes from elsewhere, is of the other kind, or its session is unknown here.",
        SIGN_IN_AGAIN,
    ),
    "session_ended": Guide(
        "The token is genuine and its session is over. `reason` says why: logout, idle, expired, revoked_by_user, "
        "password_changed, password_reset, mfa_changed, token_reused, account_inactive, account_deleted or revoked_by_admin.",
        "Throw both tokens away, tell the person the reason, and show the sign-in.",
        {"reason": "idle"},
    ),
    "token_reused": Guide(
        "A refresh token was presented that had been spent for longer than the grace: somebody may hold a copy. "
        "The session was ended, and the owner gets a mail.",
        SIGN_IN_AGAIN + " Keep the newest refresh token in one place, so that two parts of a program do not use an old one.",
    ),
    "email_not_confirmed": Guide(
        "The password is right, and the link in the mail was not used yet.",
        "Say so, and offer /resend-confirmation.",
    ),
    "account_inactive": Guide(
        "The account was deactivated by the operator, or its owner has deleted it and it waits to be erased.",
        "Say so. Somebody who deleted the account can use the link in that mail to have it back.",
    ),
    "https_required": Guide(
        "The call came over http and `FORCE_HTTPS` is set; or the proxy in front does not say `https` in `X-Forwarded-Proto`.",
        "Use the https address, and treat the password or token that was sent as known to others.",
    ),
    "signup_closed": Guide("`SIGNUP_ENABLED` is false: nobody new is taken.", "Hide the sign-up form."),
    "not_found": Guide(
        "The path leads nowhere, or to something that is gone or belongs to somebody else.",
        "Check the path; a session may have been ended in the meantime.",
    ),
    "provider_not_configured": Guide("The provider has no settings here.", "Hide its button."),
    "method_not_allowed": Guide("The path exists and does not take this method.", "Take one that the header Allow names."),
    "username_taken": Guide("Somebody has the user name, or signed up with it.", "Ask for another one. " + CHANGED_NOTHING),
    "mfa_already_enabled": Guide(
        "An authenticator app is on already.", "Show that it is on. To move to another phone, turn it off first."
    ),
    "mfa_not_enabled": Guide("The account has no second factor to turn off or renew.", "Read GET /mfa again."),
    "password_not_set": Guide(
        "The account signs in by a provider and never had a password.", "Offer to set one: /forgot-password with its address."
    ),
    "last_sign_in_method": Guide(
        "Without this provider nobody could sign in to the account.", "Offer to set a password first: /forgot-password."
    ),
    "provider_already_linked": Guide(
        "The account has an identity of this provider, or another account has this identity.",
        "Tell the person; read `oauth_providers` of GET /profile again.",
    ),
    "payload_too_large": Guide(
        "The body is larger than 64 KiB, or a picture larger than `MAX_UPLOAD_BYTES`.",
        "Make a picture smaller before sending it.",
    ),
    "unsupported_media_type": Guide(
        "The body is neither JSON nor, where a file is taken, multipart; or it came compressed.",
        "Send `Content-Type: application/json`.",
    ),
    "invalid_image": Guide(
        "The file is no whole PNG, JPEG or GIF, or has more pixels than `PICTURE_MAX_PIXELS`.",
        "Tell the person, and offer to choose another. " + CHANGED_NOTHING,
    ),
    "validation_failed": Guide(
        "A field is missing, unknown to the call, or not as its rule wants it.",
        LOOK_AT_FIELDS,
        {"errors": {"password": ["This is one of the most common passwords. Choose another."]}},
    ),
    "rate_limited": Guide(
        "This client address, or for signed-in calls this session, has made more calls than the rate limits allow.",
        WAIT,
        {},
        42,
    ),
    "too_many_attempts": Guide(
        "Too many wrong passwords or codes for this account, from wherever they came; right ones have to wait as well.",
        WAIT + " Offer /forgot-password.",
        {},
        30,
    ),
    "internal_error": Guide(
        "A fault of the service. Its log has the reason under `request_id`.", "Tell the person, with the request id."
    ),
    "unavailable": Guide("The database, or the store of the limits, does not answer.", WAIT, {}, 2),
    "busy": Guide(
        "More passwords are being checked, or pictures drawn, than the machine can do at once.",
        WAIT + " Then repeat it.",
        {},
        2,
    ),
    "provider_unavailable": Guide(
        "The provider does not answer in time, or answers what is no answer.", "Offer the other ways to sign in.", {}, 2
    ),
}
OTHER = Guide("", "Read `detail`, and the status as HTTP defines it.")


def of(code: str) -> Guide:
    """The guide of a code; what HTTP says where none is written."""
    return GUIDES.get(code, OTHER)
