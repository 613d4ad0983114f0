"""Proving an address by the link that was mailed to it: of a sign-up, or of an account that wants another one.

The link proves the mailbox. Whose account it makes or moves is proved by something else: a stranger may have signed up with
this address, or have asked to move their own account to it. `CONFIRM_BY_LINK_ALONE` leaves that out.
"""

from dataclasses import dataclass

from errors import ConfirmationProofRequired, InvalidCredentials, InvalidToken, Refusal
from extensions import settings
from services import addresses, attempts, audit, hashing, letters, notices, outbox, passwords, sign_ins, tickets, users
from services.client import Client
from services.sessions import SignedIn
from services.tickets import Found
from services.tokens import Grant
from services.users import Account


@dataclass(frozen=True, slots=True)
class Proof:
    """Beside the link: the account's password, the `signup_token` of the sign-up, or a live session."""

    password: str | None = None
    signup_token: str | None = None
    signed_in: SignedIn | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a link confirms. `is_sign_up`: an account is made; else it gets another address."""

    username: str
    is_sign_up: bool
    has_password: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """`outcome`: of the sign-in, where the password came with the link."""

    is_sign_up: bool
    outcome: Grant | Refusal | None


def needs_proof() -> bool:
    """Whether the link alone confirms nothing."""
    return not settings().links_alone_confirm


def look(token: str) -> Confirmation:
    """What the link confirms; spends nothing. Raises InvalidToken where it is bad, used or expired."""
    ticket, account = _found(token)
    return Confirmation(account.username, ticket.purpose == tickets.CONFIRM, account.password_hash is not None)


def confirm(token: str, proof: Proof, client: Client, *, sign_in: bool = True) -> Confirmed:
    """Spends the link; who has proved password and address in one call is signed in by it, where `sign_in` says so.

    Raises InvalidToken where the link is bad, used or expired, or the address went to somebody else; then, before anything is
    spent, InvalidCredentials, TooManyAttempts and Busy of the password, and ConfirmationProofRequired.
    """
    ticket, account = _found(token)
    _check(proof, ticket, account, client)
    users.lock(account.id)
    if not tickets.use_up(ticket.id):
        raise InvalidToken
    _act(ticket, account, client)
    is_sign_up = ticket.purpose == tickets.CONFIRM
    return Confirmed(is_sign_up, _sign_in(account, client) if sign_in and proof.password is not None else None)


def _found(token: str) -> tuple[Found, Account]:
    ticket = tickets.find(token, tickets.CONFIRM, tickets.CHANGE_EMAIL)
    account = users.get(ticket.user_id)
    if account is None:
        raise InvalidToken
    return ticket, account


def _check(proof: Proof, ticket: Found, account: Account, client: Client) -> None:
    if proof.password is not None:
        _check_password(proof.password, account, client)
    elif proof.signup_token is not None:
        if ticket.purpose != tickets.CONFIRM or tickets.owner_of(proof.signup_token, tickets.SIGN_UP) != account.id:
            raise ConfirmationProofRequired
    elif needs_proof() and not _is_own(proof.signed_in, ticket):
        raise ConfirmationProofRequired


def _is_own(signed_in: SignedIn | None, ticket: Found) -> bool:
    return signed_in is not None and signed_in.account.id == ticket.user_id and ticket.purpose == tickets.CHANGE_EMAIL


def _check_password(password: str, account: Account, client: Client) -> None:
    """Counted where every guess at this account's password is."""
    with hashing.turn():
        attempts.claim(attempts.PASSWORD, client, account, users.aim(account))
        right = passwords.matches(account.password_hash, password)
    if not right:
        audit.record("sign_in_failed", client, user_id=account.id, method="pwd")
        raise InvalidCredentials("This is not the password of this account.")


def _act(ticket: Found, account: Account, client: Client) -> None:
    if ticket.purpose == tickets.CHANGE_EMAIL:
        _change(account, ticket.about, client)
    elif addresses.prove(account):
        tickets.void(account.id, tickets.SIGN_UP)
        audit.record("email_confirmed", client, user_id=account.id)
    else:
        raise InvalidToken


def _sign_in(before: Account, client: Client) -> Grant | Refusal:
    """The password was right for the account as it was; whoever changed it meanwhile has not been proved."""
    account = users.get(before.id)
    if account is None or account.password_hash != before.password_hash:
        raise InvalidCredentials
    outcome = sign_ins.proceed(account, ("pwd",), client)
    attempts.clear(attempts.PASSWORD, *users.all_aims(account))
    return outcome


def _change(account: Account, email: str, client: Client) -> None:
    """The old address is told how to undo it; links and codes that were mailed there are void."""
    away_since = addresses.away_since(account.id, email)
    if not addresses.move(account, email):
        raise InvalidToken
    tickets.void(account.id, *tickets.OF_CREDENTIALS)
    audit.record("email_changed", client, user_id=account.id)
    if away_since is None:
        notices.tell(letters.EMAIL_CHANGED, account, client)
    else:
        # Back by hand, where the undo link would have led: the address between gets no such link, and keeps none. With
        # one, whoever had moved the account there would take it away again, for good.
        addresses.forget(account.id, away_since)


def resend(email: str, username: str | None) -> None:
    """Orders one letter with the links, or with that of one user name; the same work for every address."""
    outbox.order(letters.RESEND, **{"email": email} | ({"username": username} if username else {}))
