"""Second factors: which a user has, and the check of one."""

from errors import InvalidMfaCode, Refusal, TooManyAttempts
from services import attempts, audit, notices, recovery_codes, totp, users
from services.client import Client
from services.users import Account

PASSWORD, EMAIL_OTP = "password", "email_otp"
TOTP, RECOVERY_CODE = "totp", "recovery_code"
AMR = {TOTP: ("otp", "mfa"), RECOVERY_CODE: ("mfa",)}
"""What each adds to `amr` (RFC 8176)."""
FEW_LEFT = 3
"""Recovery codes of which the owner is told that they run out."""


def of(account: Account) -> tuple[str, ...]:
    """The second factors that the account can show."""
    if account.mfa_enabled_at is None:
        return ()
    return (TOTP, RECOVERY_CODE) if recovery_codes.left(account.id) else (TOTP,)


def first(account: Account) -> tuple[str, ...]:
    """By which means somebody can prove that the account is theirs, before a second factor."""
    return (PASSWORD, EMAIL_OTP) if account.password_hash else (EMAIL_OTP,)


def step_ups(account: Account) -> tuple[str, ...]:
    """By which means a signed-in person can prove himself anew."""
    return (*first(account), *of(account))


def check(account: Account, code: str, client: Client, session_id: str | None = None) -> tuple[str, ...] | Refusal:
    """Spends a code of the app or a recovery code, and says what it adds to `amr`.

    It is counted before it is looked at, so nothing may be written before. Refusals (InvalidMfaCode, TooManyAttempts) are
    returned, so that the caller decides what is kept beside them. `session_id`: of a session that is open already.
    """
    is_totp = totp.CODE.fullmatch(code)
    factor = attempts.TOTP if is_totp else attempts.RECOVERY_CODE
    try:
        attempts.claim(factor, client, account, users.aim(account))
    except TooManyAttempts as refused:
        return refused
    users.lock(account.id)
    if is_totp and totp.accept(account.id, code):
        attempts.clear(attempts.TOTP, users.aim(account))
        return AMR[TOTP]
    if not is_totp and recovery_codes.accept(account.id, code):
        return _recovered(account, client)
    audit.record("code_failed", client, user_id=account.id, session_id=session_id, method=factor.method)
    return InvalidMfaCode()


def _recovered(account: Account, client: Client) -> tuple[str, ...]:
    """A recovery code also lifts the stop of the app's codes; the owner is told."""
    attempts.clear(attempts.RECOVERY_CODE, users.aim(account))
    attempts.clear(attempts.TOTP, users.aim(account))
    audit.record("recovery_code_used", client, user_id=account.id)
    left = recovery_codes.left(account.id)
    notices.tell("recovery_code_used", account, client, left=str(left))
    if left == FEW_LEFT:
        notices.tell("recovery_codes_low", account, client, left=str(left))
    return AMR[RECOVERY_CODE]
