"""What the security notices say."""

from collections.abc import Mapping

NOTICES = {
    "password_changed": ("your password was changed", "Your password was changed."),
    "email_change_asked": (
        "a change of address was asked for",
        "Somebody asked to change the address of your account. The new one must be confirmed first.",
    ),
    "email_change_undone": (
        "the change of address was undone",
        "The change of your account's address was undone. Set a new password by the link in our other mail.",
    ),
    "mfa_enabled": (
        "a second factor was turned on",
        "A second factor was turned on. From now on signing in wants a code of your authenticator app.",
    ),
    "mfa_disabled": (
        "the second factor was turned off",
        "The second factor was turned off. From now on signing in wants no code of your authenticator app.",
    ),
    "recovery_code_used": (
        "a recovery code was used",
        "A recovery code was used in place of the authenticator app. Codes left: {left}.",
    ),
    "recovery_codes_renewed": (
        "new recovery codes were made",
        "A new set of recovery codes was made. The old ones no longer work.",
    ),
    "recovery_codes_low": (
        "few recovery codes are left",
        "Only {left} recovery codes are left. Make a new set while you can sign in.",
    ),
    "provider_linked": (
        "a way to sign in was added",
        "Your account was linked to {provider}: whoever signs in there signs in to your account.",
    ),
    "provider_unlinked": (
        "a way to sign in was removed",
        "The link of your account to {provider} was taken away.",
    ),
    "account_deactivated": (
        "your account was deactivated",
        "The operator of the service deactivated your account: nobody can sign in to it now.",
    ),
    "made_admin": (
        "your account has the role admin",
        "The operator of the service gave your account the role admin.",
    ),
    "admin_revoked": (
        "your account no longer has the role admin",
        "The operator of the service removed the role admin from your account.",
    ),
    "new_device": (
        "a sign-in from a new device",
        "Somebody signed in from a kind of device that your account had not been used from.",
    ),
    "many_failures": (
        "a sign-in after failed attempts",
        "Somebody signed in to your account.",
    ),
    "second_factor_missing": (
        "a sign-in stopped at your second factor",
        "Somebody tried to sign in with {proof}, but did not have your second factor. They were not let in.",
    ),
    "profile_changed": (
        "your account details were changed",
        "Details of your account were changed.",
    ),
    "token_reused": (
        "a session was ended",
        "A copy of your session's token was used, so that session was ended. Sign in again.",
    ),
}
"""Subject and sentence of each security notice."""

MORE = {
    "old_username": "Your user name was {old_username} and is now {new_username}.",
    "phone_ending": "Your phone number is now one that ends in {phone_ending}.",
    "phone_removed": "Your phone number was removed.",
    "failures": "In the 24 hours before, {failures} attempts to sign in from other devices or networks failed.",
    "providers": "Signing in with {providers} still works. If you did not set that up, sign in and remove it.",
}
"""Further sentences, by the detail of the order that asks for each."""
PROOFS = {"pwd": "your password", "email": "a code from your mailbox", "fed": "your account at {provider}"}
"""The first step of a sign-in, by its method in `amr`."""


def said(kind: str, order: Mapping[str, str]) -> tuple[str, str]:
    """Subject and sentences of a notice."""
    subject, sentence = NOTICES[kind]
    sentences = [sentence, *(more for detail, more in MORE.items() if detail in order)]
    return subject, " ".join(sentences).format_map(order)


def listed(names: list[str]) -> str:
    """`Google, Gitlab and Okta`."""
    *before, last = [name.capitalize() for name in names]
    return f"{', '.join(before)} and {last}" if before else last
