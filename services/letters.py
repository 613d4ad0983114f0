"""What each letter says and to whom: an order becomes a written letter, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import render_template

from extensions import settings
from services import audit, clock, known_devices, tickets, users
from services.client import Client
from services.users import Account

CONFIRMATION, RESEND, CHANGE_EMAIL = "confirmation", "resend", "change_email"
RESET, LOGIN_CODE, STEP_UP_CODE = "reset", "login_code", "step_up_code"
EMAIL_CHANGED, NEW_DEVICE, ACCOUNT_DELETED = "email_changed", "new_device", "account_deleted"
NOT_ME_SECONDS = UNDO_SECONDS = 7 * 86400
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
    NEW_DEVICE: (
        "a sign-in from a new device",
        "Somebody signed in from a kind of device that your account had not been used from.",
    ),
    "token_reused": (
        "a session was ended",
        "A copy of your session's token was used, so that session was ended. Sign in again.",
    ),
}
"""Subject and sentence of each security notice."""


@dataclass(frozen=True, slots=True)
class Written:
    to: str
    subject: str
    text: str
    html: str
    seconds: int
    """How long it is worth delivering."""
    bound: str
    """What the bound of mails to one address counts it as."""


def write(kind: str, order: dict[str, str]) -> Written | None:
    """The letter that an order asks for, at the moment it is written; None where nobody is to be told."""
    return _notice(kind, order) if kind in NOTICES else WRITERS[kind](order)


def _sign_up(order: dict[str, str]) -> Written | None:
    pending = users.get(order["user_id"])
    if pending is None or pending.email_confirmed_at:
        return None
    users.lock_address(pending.email)
    owner = users.owner_of(pending.email)
    return _already_there(owner) if owner else _confirmation(pending.email, [pending])


def _resend(order: dict[str, str]) -> Written | None:
    users.lock_address(order["email"])
    owner = users.owner_of(order["email"])
    pending = users.pending_for(order["email"])
    if owner:
        return _already_there(owner)
    return _confirmation(pending[0].email, pending) if pending else None


def _confirmation(email: str, pending: list[Account]) -> Written:
    seconds = settings().confirm_seconds
    links = [(user.username, _link("confirm", tickets.issue(tickets.CONFIRM, user.id, seconds))) for user in pending]
    return _rendered(email, "confirmation", seconds, links=links, hours=max(1, seconds // 3600))


def _already_there(owner: Account) -> Written:
    if owner.deleted_at:
        return _deleted(owner)
    seconds = settings().confirm_seconds
    return _rendered(owner.email, "already_there", seconds, bound=CONFIRMATION, username=owner.username)


def _change_email(order: dict[str, str]) -> Written | None:
    account = users.get(order["user_id"])
    if account is None or account.pending_email != order["email"]:
        return None
    users.lock(account.id)
    users.lock_address(order["email"])
    owner, seconds = users.owner_of(order["email"]), settings().confirm_seconds
    if owner:
        return _already_there(owner)
    tickets.void(account.id, tickets.CHANGE_EMAIL)
    link = _link("confirm", tickets.issue(tickets.CHANGE_EMAIL, account.id, seconds, about=order["email"]))
    hours = max(1, seconds // 3600)
    return _rendered(
        order["email"], "change_email", seconds, bound=CONFIRMATION, username=account.username, link=link, hours=hours
    )


def _reset(order: dict[str, str]) -> Written | None:
    """For the account that owns the address; else for its newest pending sign-up, which the link also confirms."""
    users.lock_address(order["email"])
    account = users.owner_of(order["email"]) or next(iter(users.pending_for(order["email"])), None)
    if account is None:
        return None
    if account.deleted_at:
        return _deleted(account)
    seconds = settings().reset_seconds
    tickets.void(account.id, tickets.RESET)
    link = _link("reset-password", tickets.issue(tickets.RESET, account.id, seconds))
    return _rendered(account.email, "reset", seconds, username=account.username, link=link, minutes=max(1, seconds // 60))


def _login_code(order: dict[str, str]) -> Written | None:
    users.lock_address(order["email"])
    owner = users.owner_of(order["email"])
    return _code(owner, LOGIN_CODE, None) if owner else None


def _step_up_code(order: dict[str, str]) -> Written | None:
    account = users.get(order["user_id"])
    return _code(account, STEP_UP_CODE, order["session_id"]) if account else None


def _code(account: Account, purpose: str, session_id: str | None) -> Written:
    users.lock_address(account.email)
    seconds = settings().otp_seconds
    code = tickets.issue_code(purpose, account.id, seconds, session_id)
    return _rendered(account.email, "code", seconds, bound=purpose, code=code, minutes=max(1, seconds // 60))


def _email_changed(order: dict[str, str]) -> Written | None:
    """To the address that the account had: with the link that undoes the change."""
    if users.get(order["user_id"]) is None:
        return None
    undo = _hosted("undo", tickets.issue(tickets.UNDO_EMAIL, order["user_id"], UNDO_SECONDS, about=order["email"]))
    return _rendered(order["email"], "email_changed", UNDO_SECONDS, link=undo, order=order)


def _account_deleted(order: dict[str, str]) -> Written | None:
    account = users.get(order["user_id"])
    return _deleted(account) if account and account.deleted_at else None


def _deleted(account: Account) -> Written:
    """A link that brings the account back, until it is erased."""
    users.lock_address(account.email)
    end = (account.deleted_at or clock.now()) + timedelta(seconds=settings().account_erase_seconds)
    seconds = max(1, int((end - clock.now()).total_seconds()))
    link = _hosted("undo", tickets.issue(tickets.UNDO_DELETION, account.id, seconds))
    return _rendered(
        account.email, ACCOUNT_DELETED, seconds, username=account.username, link=link, end=f"{end:%Y-%m-%d %H:%M} UTC"
    )


def _notice(kind: str, order: dict[str, str]) -> Written | None:
    """To the address that the account had when it happened."""
    account = users.get(order["user_id"])
    if account is None:
        return None
    users.lock_address(account.email)
    if kind == NEW_DEVICE and not _is_news(account, order):
        return None
    subject, sentence = NOTICES[kind]
    values = {"title": subject, "sentence": sentence.format_map(order), "order": order}
    unlink = order["provider"] if kind == "provider_linked" else None
    link = _hosted("not-me", tickets.issue(tickets.NOT_ME, account.id, NOT_ME_SECONDS, about=unlink))
    return _rendered(order["email"], "notice", NOT_ME_SECONDS, bound=kind, link=link, **values)


def _is_news(account: Account, order: dict[str, str]) -> bool:
    news = known_devices.is_news(account.id, order["device"])
    if news:
        audit.record("new_device", Client(order["ip"], order["user_agent"]), user_id=account.id)
    return news


def _link(path: str, secret: str) -> str:
    """Of the single-page app where there is one, else hosted here."""
    return f"{settings().frontend_url or settings().address}/{path}/{secret}"


def _hosted(path: str, secret: str) -> str:
    return f"{settings().address}/{path}/{secret}"


def _rendered(email: str, template: str, seconds: int, bound: str | None = None, **values: Any) -> Written:
    context = values | {"service": settings().service_name, "address": settings().frontend_url or settings().address}
    subject, text, html = (render_template(f"mail/{template}.{part}", **context) for part in ("subject", "txt", "html"))
    return Written(email, " ".join(subject.split()), text, html, seconds, bound or template)


WRITERS: dict[str, Callable[[dict[str, str]], Written | None]] = {
    CONFIRMATION: _sign_up,
    RESEND: _resend,
    CHANGE_EMAIL: _change_email,
    RESET: _reset,
    LOGIN_CODE: _login_code,
    STEP_UP_CODE: _step_up_code,
    EMAIL_CHANGED: _email_changed,
    ACCOUNT_DELETED: _account_deleted,
}
