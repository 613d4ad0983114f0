"""Faults that a recovery once had, or could have: each put into the running service by hand, for the machine to find."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from services import addresses, clock, identities, lockout, tickets, totp, users
from services.users import Account

Plant = Callable[[pytest.MonkeyPatch], None]


def a_change_of_address_voids_notices(patch: pytest.MonkeyPatch) -> None:
    _after(patch, addresses, "move", lambda account, *_: tickets.void(account.id, tickets.NOT_ME))


def a_deletion_voids_undo_links(patch: pytest.MonkeyPatch) -> None:
    _after(patch, lockout, "close", lambda account: tickets.void(account.id, tickets.UNDO_EMAIL))


def a_deletion_voids_notices(patch: pytest.MonkeyPatch) -> None:
    _after(patch, lockout, "close", lambda account: tickets.void(account.id, tickets.NOT_ME))


def a_deletion_is_told_to_the_present_address_only(patch: pytest.MonkeyPatch) -> None:
    def close(account: Account, close: Any = lockout.close) -> None:
        with pytest.MonkeyPatch.context() as here:
            here.setattr(addresses, "held_of", lambda user_id: [])
            close(account)

    patch.setattr(lockout, "close", close)


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


def links_to_given_up_addresses_are_honored(patch: pytest.MonkeyPatch) -> None:
    """Also those that were written late."""
    patch.setattr(addresses, "had_at", lambda account, email, moment: True)


def reset_links_are_kept(patch: pytest.MonkeyPatch) -> None:
    _kept(patch, tickets.RESET)


def exchange_codes_are_kept(patch: pytest.MonkeyPatch) -> None:
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
    links_to_given_up_addresses_are_honored,
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

    def recover(*given: Any, recover: Any = lockout.recover) -> None:
        with pytest.MonkeyPatch.context() as here:
            here.setattr(module, name, instead)
            recover(*given)

    patch.setattr(lockout, "recover", recover)


def _with_cut_off(patch: pytest.MonkeyPatch, moved: Callable[[datetime], datetime]) -> None:
    def removed(account: Account, since: datetime, removed: Any = lockout._remove_newer) -> None:
        removed(account, moved(since))

    patch.setattr(lockout, "_remove_newer", removed)


def _kept(patch: pytest.MonkeyPatch, purpose: str) -> None:
    """Nothing makes a secret of this kind void."""

    def void(user_id: str, *purposes: str, void: Any = tickets.void) -> None:
        void(user_id, *(one for one in purposes if one != purpose))

    patch.setattr(tickets, "void", void)
