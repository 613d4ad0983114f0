"""Faults that a recovery once had, or could have: each put into the running service by hand, for the machine to find."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from database import rows, unit_of_work
from model import User
from services import (
    addresses,
    clock,
    erasure,
    identities,
    letters,
    lockout,
    outbox,
    provider_links,
    sessions,
    tickets,
    totp,
    users,
)
from services.users import Account

Plant = Callable[[pytest.MonkeyPatch], None]


def a_change_of_address_voids_notices(patch: pytest.MonkeyPatch) -> None:
    _after(patch, addresses, "move", lambda account, *_: tickets.void(account.id, tickets.NOT_ME))


def a_deletion_voids_undo_links(patch: pytest.MonkeyPatch) -> None:
    _after(patch, lockout, "close", lambda account: tickets.void(account.id, tickets.UNDO_EMAIL))


def a_deletion_voids_notices(patch: pytest.MonkeyPatch) -> None:
    _after(patch, lockout, "close", lambda account: tickets.void(account.id, tickets.NOT_ME))


def a_deletion_is_told_to_the_present_address_only(patch: pytest.MonkeyPatch) -> None:
    _inside_closing(patch, addresses, "held_of", lambda user_id: [])


def a_closed_account_stays_closed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(users, "reopen", lambda user_id: False)


def what_came_a_week_before_the_use_is_kept(patch: pytest.MonkeyPatch) -> None:
    _with_cut_off(patch, lambda since: clock.now() - lockout.PROBATION)


def what_came_before_the_event_is_kept(patch: pytest.MonkeyPatch) -> None:
    _with_cut_off(patch, lambda since: since + lockout.PROBATION)


def identities_are_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identities, "unlink_since", lambda user_id, since: None)


def a_factor_is_kept(patch: pytest.MonkeyPatch) -> None:
    _inside_recovery(patch, totp, "disable", lambda user_id: False)


def the_password_is_kept(patch: pytest.MonkeyPatch) -> None:
    _inside_recovery(patch, users, "set_hash", lambda user_id, password_hash: None)


def sessions_are_kept(patch: pytest.MonkeyPatch) -> None:
    _inside_recovery(patch, sessions, "end_all", lambda user_id, reason, **_: 0)


def the_address_between_stays_held(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(addresses, "forget", lambda user_id, since: True)


def a_wanted_address_survives_closing(patch: pytest.MonkeyPatch) -> None:
    _inside_closing(patch, addresses, "want", lambda user_id, email: None)


def a_closed_account_is_moved(patch: pytest.MonkeyPatch) -> None:
    """Three guards are gone: the link of the change is void, the address is not wanted any more, only an open account moves."""
    _inside_closing(patch, tickets, "void", _void_but(tickets.CHANGE_EMAIL))

    def move(account: Account, email: str, move: Any = addresses.move) -> bool:
        if account.deleted_at is None:
            return bool(move(account, email))
        users.change(account.id, {"deleted_at": None, "pending_email": email})
        moved = bool(move(account, email))
        users.change(account.id, {"deleted_at": account.deleted_at, "pending_email": None})
        return moved

    patch.setattr(addresses, "move", move)


def an_ordered_reset_finds_its_account(patch: pytest.MonkeyPatch) -> None:
    """Looked up when it is asked for, and written to where that was, however late."""

    ordered = outbox.order

    def order(kind: str, delay: int = 0, /, **about: str) -> None:
        owner = users.owner_of(about["email"]) if kind == letters.RESET else None
        ordered(kind, delay, **about, **({"user_id": owner.id} if owner else {}))

    def written(order: dict[str, str], written: Any = letters.WRITERS[letters.RESET]) -> Any:
        if "user_id" not in order:
            return written(order)
        link = letters._link("reset-password", tickets.issue(tickets.RESET, order["user_id"], 1800))
        return letters._rendered(order["email"], "reset", 1800, username="ada", link=link, minutes=30)

    patch.setattr(outbox, "order", order)
    patch.setitem(letters.WRITERS, letters.RESET, written)


def erasure_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    """Neither for the addresses that the account had, nor for the links that were mailed there: each would be enough."""
    patch.setattr(erasure, "_is_waited_for", lambda user_id: False)

    def erase_due() -> int:
        with unit_of_work():
            due = rows(select(User.id).where(User.deleted_at <= erasure._over(), User.erased_at.is_(None)))
            return sum(erasure.erase(row.id) for row in due)

    patch.setattr(erasure, "erase_due", erase_due)


def erasure_waits_for_held_addresses_only(patch: pytest.MonkeyPatch) -> None:
    """And ends links that were mailed late to an account that was never moved."""
    patch.setattr(tickets, "may_recover", lambda user_id: False)


def reset_links_are_kept(patch: pytest.MonkeyPatch) -> None:
    _kept(patch, tickets.RESET)


def exchange_codes_are_kept(patch: pytest.MonkeyPatch) -> None:
    """And nobody looks again, when one is exchanged, whether its identity still opens the account."""
    patch.setattr(provider_links, "admit", lambda account, login, client: True)
    _kept(patch, tickets.EXCHANGE)


def half_a_sign_in_is_kept(patch: pytest.MonkeyPatch) -> None:
    _kept(patch, tickets.SIGN_IN)


PLANTS: tuple[Plant, ...] = (
    a_change_of_address_voids_notices,
    a_deletion_voids_undo_links,
    a_deletion_voids_notices,
    a_deletion_is_told_to_the_present_address_only,
    a_closed_account_stays_closed,
    what_came_a_week_before_the_use_is_kept,
    what_came_before_the_event_is_kept,
    identities_are_kept,
    a_factor_is_kept,
    the_password_is_kept,
    sessions_are_kept,
    the_address_between_stays_held,
    a_wanted_address_survives_closing,
    a_closed_account_is_moved,
    an_ordered_reset_finds_its_account,
    erasure_does_not_wait,
    erasure_waits_for_held_addresses_only,
    reset_links_are_kept,
    exchange_codes_are_kept,
    half_a_sign_in_is_kept,
)


def _after(patch: pytest.MonkeyPatch, module: Any, name: str, more: Callable[..., object]) -> None:
    done = getattr(module, name)

    def followed(*given: Any) -> Any:
        outcome = done(*given)
        more(*given)
        return outcome

    patch.setattr(module, name, followed)


def _inside_recovery(patch: pytest.MonkeyPatch, module: Any, name: str, instead: Callable[..., object]) -> None:
    """The function does something else while a recovery link is redeemed."""
    _inside(patch, "recover", module, name, instead)


def _inside_closing(patch: pytest.MonkeyPatch, module: Any, name: str, instead: Callable[..., object]) -> None:
    _inside(patch, "close", module, name, instead)


def _inside(patch: pytest.MonkeyPatch, act: str, module: Any, name: str, instead: Callable[..., object]) -> None:
    done = getattr(lockout, act)

    def otherwise(*given: Any) -> None:
        with pytest.MonkeyPatch.context() as here:
            here.setattr(module, name, instead)
            done(*given)

    patch.setattr(lockout, act, otherwise)


def _with_cut_off(patch: pytest.MonkeyPatch, moved: Callable[[datetime], datetime]) -> None:
    def removed(account: Account, since: datetime, removed: Any = lockout._remove_newer) -> None:
        removed(account, moved(since))

    patch.setattr(lockout, "_remove_newer", removed)


def _kept(patch: pytest.MonkeyPatch, purpose: str) -> None:
    """Nothing makes a secret of this kind void."""
    patch.setattr(tickets, "void", _void_but(purpose))


def _void_but(purpose: str) -> Callable[..., None]:
    def void(user_id: str, *purposes: str, void: Any = tickets.void) -> None:
        void(user_id, *(one for one in purposes if one != purpose))

    return void
