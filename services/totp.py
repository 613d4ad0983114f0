"""Time-based one-time passwords (RFC 6238): a secret kept encrypted, and codes of which each is accepted once.

The secret stands in the user's row. Setting up offers one there, and only a right code puts it to use, so that an
abandoned set-up changes nothing.
"""

import hmac
import re
from dataclasses import dataclass

import pyotp
import segno
from sqlalchemy import or_, select, update

from database import changed, rows
from errors import MfaAlreadyEnabled
from extensions import settings
from model import User
from services import clock, mint, vault
from services.users import Account

SECONDS = 30
AHEAD = 1
OCTETS = 20
"""160 bits, as RFC 4226 §4 recommends."""
CODE = re.compile(r"[0-9]{6}")
"""ASCII digits only: PyOTP takes full-width and superscript ones too."""
PURPOSE = "totp"


@dataclass(frozen=True, slots=True)
class Offer:
    """A set-up to show once: the secret, the same as an otpauth URI, and as a picture of it (a `data:` URI)."""

    secret: str
    uri: str
    picture: str


def offer(account: Account) -> Offer:
    """Begins a set-up, or begins it anew; a secret in use stays untouched. Raises MfaAlreadyEnabled."""
    secret = mint.base32(OCTETS)
    free = update(User).where(User.id == account.id, User.mfa_enabled_at.is_(None))
    if changed(free.values(totp_offered=vault.seal(PURPOSE, account.id, secret))) != 1:
        raise MfaAlreadyEnabled
    uri = pyotp.TOTP(secret).provisioning_uri(name=account.username, issuer_name=settings().service_name)
    return Offer(secret, uri, segno.make(uri, error="m").png_data_uri(scale=5))


def enable(user_id: str, code: str) -> bool:
    """Puts the offered secret to use if the code is its; that code is spent with it."""
    kept: str | None = rows(select(User.totp_offered).where(User.id == user_id))[0].totp_offered
    step = _step_of(user_id, kept, code)
    if step is None:
        return False
    same = update(User).where(User.id == user_id, User.mfa_enabled_at.is_(None), User.totp_offered == kept)
    in_use = {"totp_secret": kept, "totp_offered": None, "totp_last_step": step, "mfa_enabled_at": clock.now()}
    return changed(same.values(in_use)) == 1


def use_up_present_codes() -> None:
    """No code that is good now, or was, is accepted; the first one that is shown after all of them is."""
    step = int(clock.now().timestamp()) // SECONDS + AHEAD
    older = or_(User.totp_last_step.is_(None), User.totp_last_step < step)
    changed(update(User).where(User.mfa_enabled_at.is_not(None), older).values(totp_last_step=step))


def withdraw_offer(user_id: str) -> None:
    """A set-up that has begun comes to nothing."""
    changed(update(User).where(User.id == user_id, User.totp_offered.is_not(None)).values(totp_offered=None))


def disable(user_id: str) -> bool:
    """Forgets the secret; false where none was in use."""
    enabled = update(User).where(User.id == user_id, User.mfa_enabled_at.is_not(None))
    nothing = {"totp_secret": None, "totp_offered": None, "totp_last_step": None, "mfa_enabled_at": None}
    return changed(enabled.values(nothing)) == 1


def accept(user_id: str, code: str) -> bool:
    """Spends a code of the present step or a neighbor; one that is not newer than the last accepted is refused (§5.2)."""
    kept: str | None = rows(select(User.totp_secret).where(User.id == user_id))[0].totp_secret
    step = _step_of(user_id, kept, code)
    if step is None:
        return False
    newer = (User.totp_secret == kept) & (User.totp_last_step < step)
    return changed(update(User).where(User.id == user_id, newer).values(totp_last_step=step)) == 1


def _step_of(user_id: str, kept: str | None, code: str) -> int | None:
    """The step whose code this is: the present one, the one before, or for a phone whose clock is fast, the next."""
    if kept is None or not CODE.fullmatch(code):
        return None
    totp = pyotp.TOTP(vault.reveal(PURPOSE, user_id, kept))
    present = int(clock.now().timestamp()) // SECONDS
    fits = [step for step in (present, present - 1, present + AHEAD) if hmac.compare_digest(totp.generate_otp(step), code)]
    return fits[0] if fits else None
