"""The Postman collection's story, in the order in which a person meets the calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from resources.profile import A_PICTURE


class Mail(Enum):
    """What a mail is read for."""

    CONFIRM = auto()
    RESET = auto()
    UNDO = auto()
    NOT_ME = auto()
    CODE = auto()


@dataclass(frozen=True)
class Step:
    """One request: `call` is an operationId. `keep`: variables by the script's expression, in which `told` is the answer.

    `token`: a variable, None: as the call wants it. `totp`: which code of the app is computed before, in steps from now.
    """

    name: str
    call: str
    statuses: tuple[int, ...] = (200,)
    body: Mapping[str, object] | None = None
    path: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    keep: dict[str, str] = field(default_factory=dict)
    code: str | None = None
    new_person: bool = False
    mail: Mail | None = None
    mailed_to: str = "email"
    totp: int | None = None


VARIABLES = {
    "base_url": "http://127.0.0.1:5000",
    "username": "ada",
    "email": "ada@example.org",
    "new_email": "ada@new.example.org",
    "password": "correct-horse-battery",
    "new_password": "nine-purple-lanterns",
    **dict.fromkeys(("access_token", "refresh_token", "mfa_token", "mfa_secret", "mfa_code", "recovery_code"), ""),
    **dict.fromkeys(("other_recovery_code", "confirm_token", "reset_token", "undo_token", "not_me_token", "otp_code"), ""),
    **dict.fromkeys(("session_id", "picture", "read_mails"), ""),
}
SECRET = ("password", "_token", "_secret", "_code")
"""Endings of what Postman shows as dots."""
TOKENS = {"access_token": "told.access_token", "refresh_token": "told.refresh_token"}
WITH_MFA = {"mfa_token": "told.mfa_token"}
NAME = {"username": "{{username}}", "password": "{{password}}"}
CODE = {"mfa_code": "{{mfa_code}}"}
CONFIRM, RESET, UNDO, NOT_ME = ({"token": f"{{{{{name}_token}}}}"} for name in ("confirm", "reset", "undo", "not_me"))
A_LINK = {"link_token": "none"}
SET_PASSWORD = {"password": "{{password}}"}

WALK: dict[str, list[Step]] = {
    "1 Sign up and sign in": [
        Step("Sign up", "postSignUp", (201,), NAME | {"email": "{{email}}"}, new_person=True),
        Step("Sign in too early", "postLogin", (403,), NAME, code="email_not_confirmed"),
        Step("Ask for the mail again", "postResendConfirmation", (202,), {"email": "{{email}}"}),
        Step("Confirm the address", "postConfirm", path=CONFIRM, mail=Mail.CONFIRM),
        Step("Use the link twice", "getConfirm", (400,), path=CONFIRM, code="invalid_token"),
        Step("A wrong password", "postLogin", (401,), NAME | {"password": "wrong"}, code="invalid_credentials"),
        Step("Sign in", "postLogin", body=NAME, keep=TOKENS),
        Step("Refresh", "postRefresh", token="refresh_token", keep=TOKENS),  # noqa: S106 - a variable's name
    ],
    "2 Profile": [
        Step("Read the profile", "getProfile"),
        Step("Change the profile", "putProfile", body={"first_name": "Ada", "phone_number": "+441632960961"}),
        Step(
            "Set a picture",
            "putProfile",
            body={"profile_picture": A_PICTURE},
            keep={"picture": 'told.profile_picture.split("/").pop()'},
        ),
        Step("Get the picture", "getUpload", path={"name": "{{picture}}"}),
        Step("Remove the picture", "deleteProfilePicture", (204,)),
        Step("Take the data along", "getProfileExport"),
    ],
    "3 Sessions and record": [
        Step("Sign in a second time", "postLogin", body=NAME, keep=TOKENS),
        Step("List the sessions", "getSessions", keep={"session_id": "told.find((one) => !one.current).id"}),
        Step("End the other session", "deleteOneSession", (204,), path={"session_id": "{{session_id}}"}),
        Step("End all other sessions", "deleteSessions", (204,)),
        Step("Read the record", "getSecurityEvents"),
    ],
    "4 A second factor": [
        Step("Begin with an app", "postMfa", body={}, keep={"mfa_secret": "told.mfa_secret"}),
        Step(
            "Turn it on",
            "postMfa",
            body=CODE,
            totp=-1,
            keep={"recovery_code": "told.recovery_codes[0]", "other_recovery_code": "told.recovery_codes[1]"},
        ),
        Step("Which factors there are", "getMfa"),
        Step("Sign in, first step", "postLogin", (401,), NAME, code="mfa_required", keep=WITH_MFA),
        Step("Sign in, second step", "postLogin", body=CODE | {"mfa_token": "{{mfa_token}}"}, totp=0, keep=TOKENS),
        Step("Sign in with a recovery code", "postLogin", body=NAME | {"mfa_code": "{{recovery_code}}"}, keep=TOKENS),
        Step("Prove oneself anew", "postReauthenticate", (401,), {"password": "{{password}}"}, code="mfa_required"),
        Step(
            "Make new recovery codes",
            "postRecoveryCodeSet",
            body={"mfa_code": "{{other_recovery_code}}"},
            keep={"recovery_code": "told.recovery_codes[0]"},
        ),
        Step("Turn it off", "deleteMfa", body={"mfa_code": "{{recovery_code}}"}),
    ],
    "5 Codes by mail": [
        Step("Ask for a code", "postSendOtp", (202,), {"email": "{{email}}"}),
        Step(
            "Sign in with the code",
            "postVerifyOtp",
            body={"email": "{{email}}", "otp_code": "{{otp_code}}", "password": "{{password}}"},
            mail=Mail.CODE,
            keep=TOKENS,
        ),
        Step("Ask for a code to oneself", "postSendOtp", (202,), {}, token="access_token"),  # noqa: S106
        Step(
            "Prove oneself by the code",
            "postVerifyOtp",
            body={"otp_code": "{{otp_code}}"},
            mail=Mail.CODE,
            keep=TOKENS,
            token="access_token",  # noqa: S106 - a variable's name
        ),
    ],
    "6 Passwords": [
        Step(
            "Change the password",
            "postChangePassword",
            body={"current_password": "{{password}}", "new_password": "{{new_password}}"},
        ),
        Step("Forget the password", "postForgotPassword", (202,), {"email": "{{email}}"}),
        Step("Look at the link", "getResetPassword", path=RESET, mail=Mail.RESET),
        Step("Set the password", "postResetPassword", body=SET_PASSWORD, path=RESET),
        Step("The session has ended", "getProfile", (401,), code="session_ended"),
        Step("Sign in after the reset", "postLogin", body=NAME, keep=TOKENS),
    ],
    "7 Another address, and back": [
        Step("Change the address", "putProfile", body={"email": "{{new_email}}"}),
        Step("Confirm the new address", "postConfirm", path=CONFIRM, mail=Mail.CONFIRM, mailed_to="new_email"),
        Step("What the undo link does", "getUndo", path=UNDO, mail=Mail.UNDO),
        Step("Undo the change", "postUndo", path=UNDO),
        Step("Set a password after the undo", "postResetPassword", body=SET_PASSWORD, path=RESET, mail=Mail.RESET),
        Step("What “not me” does", "getNotMe", path=NOT_ME, mail=Mail.NOT_ME),
        Step("This was not me", "postNotMe", path=NOT_ME),
        Step("Set a password after “not me”", "postResetPassword", body=SET_PASSWORD, path=RESET, mail=Mail.RESET),
        Step("Sign in again", "postLogin", body=NAME, keep=TOKENS),
    ],
    "8 A provider": [
        Step("Leave for Google", "getProviderDeparture", (302, 404), path={"provider": "google"}),
        Step("Come back without a visit", "getProviderArrival", (302, 400, 404), path={"provider": "google"}),
        Step("A code that is none", "postExchange", (400,), {"code": "none"}, code="invalid_token"),
        Step("Prove an account without a sign-in", "postLinkProof", (400,), A_LINK | SET_PASSWORD, code="invalid_token"),
        Step("Have a code mailed for that", "postLinkCode", (400,), A_LINK, code="invalid_token"),
        Step("Begin to link Google", "postProviderLink", (200, 404), path={"provider": "google"}),
        Step("Begin to prove oneself at Google", "postProviderStepUp", (200, 404), path={"provider": "google"}),
        Step("Unlink Google", "deleteProviderLink", (204, 404, 409), path={"provider": "google"}),
    ],
    "9 The end": [
        Step("Delete the account", "deleteProfile", (204,), {"password": "{{password}}"}),
        Step("Take it back", "postUndo", path=UNDO, mail=Mail.UNDO),
        Step("Set a password after taking it back", "postResetPassword", body=SET_PASSWORD, path=RESET, mail=Mail.RESET),
        Step("Sign in once more", "postLogin", body=NAME, keep=TOKENS),
        Step("Sign out", "postLogout"),
        Step("Nothing is left of it", "getProfile", (401,), code="session_ended"),
    ],
}
