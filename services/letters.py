"""What each letter says and to whom: an order becomes a written letter, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import render_template

from extensions import settings
from services import addresses, audit, clock, devices, failed_sign_ins, known_devices, notice_texts, tickets, users
from services.client import Client
from services.users import Account

CONFIRMATION, RESEND, CHANGE_EMAIL = "confirmation", "resend", "change_email"
RESET, LOGIN_CODE, STEP_UP_CODE, LINK_CODE = "reset", "login_code", "step_up_code", "link_code"
EMAIL_CHANGED, NEW_DEVICE, ACCOUNT_DELETED = "email_changed", "new_device", "account_deleted"
MANY_FAILURES, SECOND_FACTOR_MISSING = "many_failures", "second_factor_missing"
RECOVERY_SECONDS = 7 * 86400


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
    return _notice(kind, order) if kind in notice_texts.NOTICES else WRITERS[kind](order)


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
    pending = users.pending_for(order["email"], order.get("username"))
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
    about = {"username": account.username, "link": link, "minutes": max(1, seconds // 60)}
    return _rendered(account.email, "reset", seconds, bound=order.get("bound"), **about)


def _login_code(order: dict[str, str]) -> Written | None:
    users.lock_address(order["email"])
    owner = users.owner_of(order["email"])
    return _code(owner, LOGIN_CODE, None) if owner else None


def _own_code(purpose: str, order: dict[str, str]) -> Written | None:
    """Good for one session, or for one link that waits for proof."""
    account = users.get(order["user_id"])
    return _code(account, purpose, order["session_id"], provider=order.get("provider")) if account else None


def _code(account: Account, purpose: str, session_id: str | None, provider: str | None = None) -> Written:
    users.lock_address(account.email)
    seconds = settings().otp_seconds
    code = tickets.issue_code(purpose, account.id, seconds, session_id)
    values = {"code": code, "minutes": max(1, seconds // 60), "provider": provider, "username": account.username}
    return _rendered(account.email, "code", seconds, bound=purpose, **values)


def _email_changed(order: dict[str, str]) -> Written | None:
    """To the address that the account had: with the link that undoes the change."""
    account = users.get(order["user_id"])
    link = _recovery_link("undo", tickets.UNDO_EMAIL, account, order) if account else None
    return _rendered(order["email"], "email_changed", RECOVERY_SECONDS, link=link, order=order) if link else None


def _account_deleted(order: dict[str, str]) -> Written | None:
    """To each address that may bring the account back, while it is closed as it was when this was ordered."""
    account = users.get(order["user_id"])
    if account is None or account.deleted_at is None or _moment(order) < account.deleted_at:
        return None
    to = order.get("email", account.email)
    return _deleted(account, to) if addresses.had_at(account, to, account.deleted_at) else None


def _deleted(account: Account, email: str | None = None) -> Written:
    """A link that brings the account back, until it is erased."""
    to, moment = email or account.email, account.deleted_at or clock.now()
    users.lock_address(to)
    over = moment + timedelta(seconds=settings().account_erase_seconds)
    end = max(over, addresses.held_until(account.id) or over)
    addresses.hold(account.id, to, end)
    seconds = max(1, int((end - clock.now()).total_seconds()))
    link = _hosted("undo", tickets.issue(tickets.UNDO_DELETION, account.id, seconds, about=to, moment=moment))
    return _rendered(to, ACCOUNT_DELETED, seconds, username=account.username, link=link, end=f"{end:%Y-%m-%d %H:%M} UTC")


def _notice(kind: str, order: dict[str, str]) -> Written | None:
    """To the address that the account had when it happened."""
    account = users.get(order["user_id"])
    if account is None:
        return None
    users.lock_address(account.email)
    if kind == NEW_DEVICE:
        return _signed_in(account, order)
    if "unfinished" in order and known_devices.is_known(account.id, devices.kind(order["user_agent"])):
        return None
    return _told(kind, account, order)


def _signed_in(account: Account, order: dict[str, str]) -> Written | None:
    """Of a sign-in, what was unusual about it; None where nothing was."""
    client, moment = Client(order["ip"], order["user_agent"]), _moment(order)
    failures = failed_sign_ins.elsewhere(account.id, client, moment)
    more = {"failures": str(failures)} if failures >= failed_sign_ins.MANY else {}
    if known_devices.is_news(account.id, devices.kind(order["user_agent"])):
        audit.record("new_device", client, user_id=account.id)
        return _told(NEW_DEVICE, account, order | more)
    return _told(MANY_FAILURES, account, order | more) if more else None


def _told(kind: str, account: Account, order: dict[str, str]) -> Written | None:
    link = _recovery_link("not-me", tickets.NOT_ME, account, order)
    if link is None:
        return None
    subject, sentences = notice_texts.said(kind, order)
    values = {"title": subject, "sentence": sentences, "order": order, "link": link}
    return _rendered(order["email"], "notice", RECOVERY_SECONDS, bound=kind, **values)


def _recovery_link(path: str, purpose: str, account: Account, order: dict[str, str]) -> str | None:
    """Good for seven days from now, and for what `services.lockout` says; None where the address is given up by now."""
    email, moment = order["email"], _moment(order)
    if not addresses.had_at(account, email, moment):
        return None
    addresses.hold(account.id, email, clock.now() + timedelta(seconds=RECOVERY_SECONDS))
    return _hosted(path, tickets.issue(purpose, account.id, RECOVERY_SECONDS, about=email, moment=moment))


def _moment(order: dict[str, str]) -> datetime:
    """When it happened; the release before did not say."""
    return datetime.fromisoformat(order["moment"]) if "moment" in order else clock.now()


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
    STEP_UP_CODE: partial(_own_code, STEP_UP_CODE),
    LINK_CODE: partial(_own_code, LINK_CODE),
    EMAIL_CHANGED: _email_changed,
    ACCOUNT_DELETED: _account_deleted,
}
