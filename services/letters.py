"""What each letter says and to whom: an order becomes a written letter, or nothing."""

from dataclasses import dataclass
from typing import Any

from flask import render_template

from extensions import settings
from services import tickets, users
from services.users import Account

CONFIRMATION = "confirmation"
RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Written:
    to: str
    subject: str
    text: str
    html: str
    seconds: int
    """How long it is worth delivering."""


def write(kind: str, order: dict[str, str]) -> Written | None:
    """The letter that an order asks for, at the moment it is written; None where nobody is to be told."""
    return {CONFIRMATION: _sign_up, RESEND: _resend}[kind](order)


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
    links = [(user.username, _link(tickets.issue(tickets.CONFIRM, user.id, seconds))) for user in pending]
    return _rendered(email, CONFIRMATION, seconds, links=links, hours=max(1, seconds // 3600))


def _already_there(owner: Account) -> Written:
    return _rendered(owner.email, "already_there", settings().confirm_seconds, username=owner.username)


def _link(secret: str) -> str:
    return f"{settings().frontend_url or settings().address}/confirm/{secret}"


def _rendered(email: str, template: str, seconds: int, **values: Any) -> Written:
    context = values | {"service": settings().service_name, "address": settings().frontend_url or settings().address}
    subject, text, html = (render_template(f"mail/{template}.{part}", **context) for part in ("subject", "txt", "html"))
    return Written(email, " ".join(subject.split()), text, html, seconds)
