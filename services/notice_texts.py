"""What the security notices say."""

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
    "token_reused": (
        "a session was ended",
        "A copy of your session's token was used, so that session was ended. Sign in again.",
    ),
}
"""Subject and sentence of each security notice."""
