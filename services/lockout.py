"""Shutting everybody out of an account, and giving it back to the mailbox that a recovery link was sent to.

A recovery link ("not me" of a security notice, "undo" of a change of address or a deletion) tells of one event and was sent
to the address that the account had then. All of them do the same, in any order:

- the account is open again, under the address that the link was sent to;
- nothing that came later than `PROBATION` before that event signs in: factors, recovery codes, identities;
- the password is void, every session has ended, every other one-time secret is void;
- a link that sets a new password goes to that address.

Only time and use end such a link. It is honored while the account has, or still holds, its address: so whoever moved the
account away cannot void the owner's links, and loses their own with the address.
"""

from datetime import datetime, timedelta

from errors import InvalidToken
from extensions import settings
from services import (
    addresses,
    audit,
    clock,
    identities,
    letters,
    notices,
    outbox,
    recovery_codes,
    sessions,
    tickets,
    totp,
    users,
)
from services.client import Client
from services.tickets import Found
from services.users import Account

PROBATION = timedelta(days=7)
"""How long before the event somebody else may have been in the account already, and have added a way in."""


def shut_out(user_id: str, reason: str, *, but: str | None = None) -> int:
    """Ends all sessions, or all but one, and voids what else somebody may hold: links, codes, a change of address.

    Returns how many sessions ended.
    """
    addresses.want(user_id, None)
    tickets.void(user_id, *tickets.OF_CREDENTIALS)
    return sessions.end_all(user_id, reason, but=but)


def move(account: Account, email: str, client: Client) -> bool:
    """Gives the account another address by the operator's word, and shuts everybody out; false where the address is taken.

    The address that it had is told how to undo that, unless the account got it less than `PROBATION` ago: then whoever moved
    the account there may be the reason for this, and keeps no link that takes it back. Of those that it had in that time
    only the first may still do that, which it had before.
    """
    left, now = addresses.left_at(account.id), clock.now()
    since = min([addresses.away_since(account.id, email) or now, *left[1:]])
    addresses.want(account.id, email)
    if not addresses.move(account, email):
        return False
    shut_out(account.id, "revoked_by_admin")
    if left:
        addresses.forget(account.id, since)
    else:
        notices.tell(letters.EMAIL_CHANGED, account, client)
    return True


def close(account: Account) -> None:
    """Deletes the account; a link that brings it back goes to its address and to those that it had until lately.

    None where it is erased at once: `ACCOUNT_ERASE_SECONDS` is 0, and no former address is waited for. None for a pending
    sign-up either: nobody has proved its address.
    """
    moment, held = users.close(account.id), addresses.held_of(account.id)
    shut_out(account.id, "account_deleted")
    is_told = account.email_confirmed_at and (held or settings().account_erase_seconds)
    told = (account.email, *held) if is_told else ()
    for email in told:
        outbox.order(letters.ACCOUNT_DELETED, user_id=account.id, email=email, moment=moment.isoformat())


def check(link: Found) -> Account:
    """Whose account a recovery link gives back. Raises InvalidToken where it is not honored any more."""
    account = users.get(link.user_id)
    if account is None or not addresses.had_at(account, _address(link, account), link.moment):
        raise InvalidToken
    return account


def recover(link: Found, client: Client) -> None:
    """Does what a spent recovery link promises. Raises InvalidToken."""
    account = check(link)
    email = _address(link, account)
    if not addresses.is_of(account, email):
        if addresses.move_back(account.id, email) is None:
            raise InvalidToken
        audit.record("email_change_undone", client, user_id=account.id)
        notices.tell("email_change_undone", account, client, email=email)
    if users.reopen(account.id):
        audit.record("account_restored", client, user_id=account.id)
    if link.purpose == tickets.NOT_ME:
        audit.record("not_me", client, user_id=account.id)
    _remove_newer(account, link.moment - PROBATION)
    users.set_hash(account.id, None)
    shut_out(account.id, "revoked_by_user")
    # Counted apart from the resets that anybody can ask for, or five of those would keep this one from being mailed.
    outbox.order(letters.RESET, email=email, bound="recovery")


def _address(link: Found, account: Account) -> str:
    """Where the link was sent. The release before kept it of changes of address only, and voided the rest with a change."""
    return link.about if isinstance(link.about, str) and "@" in link.about else account.email


def _remove_newer(account: Account, since: datetime) -> None:
    """Takes away every way in that came from a moment on, and an authenticator app that waits for its first code."""
    totp.withdraw_offer(account.id)
    if account.mfa_enabled_at and account.mfa_enabled_at >= since:
        totp.disable(account.id)
        recovery_codes.void(account.id)
    else:
        recovery_codes.void(account.id, since)
    identities.unlink_since(account.id, since)
