"""What is proved so far and what is still wanted: the only way a session is opened."""

from errors import AccountInactive, EmailNotConfirmed
from services import audit, sessions
from services.client import Client
from services.tokens import Grant
from services.users import Account


def complete(account: Account, amr: tuple[str, ...], client: Client) -> Grant:
    """Opens a session for somebody who has proved `amr` (RFC 8176); refuses unconfirmed and inactive accounts."""
    if account.email_confirmed_at is None:
        audit.record("sign_in_refused", client, user_id=account.id, reason="email_not_confirmed")
        raise EmailNotConfirmed
    if not account.is_active:
        audit.record("sign_in_refused", client, user_id=account.id, reason="account_inactive")
        raise AccountInactive
    return sessions.open_for(account, amr, client)
