"""`flask users …`: what an operator does to accounts. Each change is an audit fact, and a mail where it concerns the owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import click
from flask.cli import AppGroup

from commands.operator import OPERATOR, account_of
from database import unit_of_work
from errors import Refusal, ValidationFailed
from extensions import settings
from services import (
    addresses,
    attempts,
    audit,
    erasure,
    letters,
    lockout,
    names,
    notices,
    outbox,
    recovery_codes,
    session_lists,
    sessions,
    totp,
)
from services import users as accounts
from services.audit import Kind
from services.users import Account

users = AppGroup("users", help="Accounts. NAME is a user name or an address.")
named = click.argument("name")


@contextmanager
def _change(account: Account, kind: Kind) -> Iterator[None]:
    """One unit of work with its audit fact."""
    with _plainly(), unit_of_work():
        yield
        audit.record(kind, OPERATOR, user_id=account.id)


@contextmanager
def _plainly() -> Iterator[None]:
    """A refusal becomes a sentence, and nothing is written."""
    try:
        yield
    except ValidationFailed as refused:
        said = [sentence for sentences in refused.errors.values() for sentence in sentences]
        raise click.ClickException(" ".join(said)) from refused
    except names.Malformed as fault:
        raise click.ClickException(str(fault)) from fault
    except Refusal as refused:
        raise click.ClickException(f"{refused.title}. {refused.detail}") from refused


@users.command("list")
@click.option("--inactive", is_flag=True, help="Only those that nobody can sign in to.")
def list_(inactive: bool) -> None:
    """One account a line: id, user name, address, state, since when."""
    for account in accounts.everybody():
        if not inactive or not account.is_open:
            created = account.created_at.isoformat(timespec="seconds")
            click.echo("\t".join([account.id, account.username, account.email, _state(account), created]))


def _state(account: Account) -> str:
    if account.deleted_at:
        return "deleted"
    if not account.is_active:
        return "inactive"
    return "active" if account.email_confirmed_at else "pending"


def _whole(account: Account) -> str:
    """With the address, so that an operator sees whom the command acted on."""
    return f"{account.username} <{account.email}>"


@users.command()
@named
def show(name: str) -> None:
    """What is known of NAME, a line each."""
    account = account_of(name)
    known = {
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "pending_email": account.pending_email,
        "state": _state(account),
        "roles": "user admin" if account.is_admin else "user",
        "has_password": account.password_hash is not None,
        "mfa_enabled_at": account.mfa_enabled_at,
        "live_sessions": len(session_lists.live_of(account.id)),
        "created_at": account.created_at,
    }
    for label, value in known.items():
        click.echo(f"{label}\t{'' if value is None else value}")


@users.command()
@click.argument("username")
@click.argument("email")
@click.option("--admin", is_flag=True, help="With the role admin.")
def create(username: str, email: str, admin: bool) -> None:
    """Make a confirmed account without a password; a link to set one is mailed to EMAIL."""
    with _plainly(), unit_of_work():
        username, email = names.username(username), names.address(email)
        account = _made(username, email)
        if admin:
            accounts.change(account.id, {"is_admin": True})
        audit.record("signed_up", OPERATOR, user_id=account.id)
        outbox.order(letters.RESET, email=email)
    click.echo(account.id)


def _made(username: str, email: str) -> Account:
    account = accounts.get(accounts.sign_up(username, email, None))
    if account is None or not addresses.prove(account):
        raise click.ClickException("The address has an account.")
    return account


@users.command()
@named
def activate(name: str) -> None:
    """Let NAME be signed in to again."""
    account = account_of(name)
    with _change(account, "account_activated"):
        accounts.change(account.id, {"is_active": True})
    click.echo(f"{account.username} is {_state(replace(account, is_active=True))}.")


@users.command()
@named
def deactivate(name: str) -> None:
    """End NAME's sessions at once and let nobody sign in, until it is activated."""
    account = account_of(name)
    with _change(account, "account_deactivated"):
        accounts.change(account.id, {"is_active": False})
        lockout.shut_out(account.id, "account_inactive")
        notices.tell("account_deactivated", account, OPERATOR)
    click.echo(f"{account.username} is inactive, and its sessions have ended.")


@users.command()
@named
@click.confirmation_option(prompt="Delete this account? Its owner can take it back until it is erased.")
def delete(name: str) -> None:
    """Close NAME as its owner could; a mailed link brings it back until it is erased."""
    account = account_of(name)
    with _change(account, "account_deleted"):
        lockout.close(account)
        if settings().account_erase_seconds == 0:
            erasure.erase(account.id)
    click.echo(f"{account.username} is deleted.")


@users.command("end-sessions")
@named
def end_sessions(name: str) -> None:
    """Sign NAME out everywhere, and void its links and codes but for those of recovery."""
    account = account_of(name)
    with _change(account, "signed_out_by_operator"):
        ended = lockout.shut_out(account.id, "revoked_by_admin")
    click.echo(f"{ended} sessions have ended.")


@users.command("make-admin")
@named
def make_admin(name: str) -> None:
    """Give NAME the role admin, from the next refresh on."""
    account = account_of(name)
    if account.email_confirmed_at is None:
        raise click.ClickException(f"{_whole(account)} is not confirmed, and anybody may have signed up with that name.")
    with _change(account, "made_admin"):
        accounts.change(account.id, {"is_admin": True})
        notices.tell("made_admin", account, OPERATOR)
    click.echo(f"{_whole(account)} is an admin.")


@users.command("revoke-admin")
@named
def revoke_admin(name: str) -> None:
    """Take the role admin from NAME; ends its sessions, since their tokens still name the role."""
    account = account_of(name)
    if not account.is_admin:
        raise click.ClickException(f"{_whole(account)} is not an admin.")
    with _change(account, "admin_revoked"):
        accounts.change(account.id, {"is_admin": False})
        sessions.end_all(account.id, "revoked_by_admin")
        notices.tell("admin_revoked", account, OPERATOR)
    click.echo(f"{_whole(account)} is no longer an admin, and its sessions have ended.")


@users.command()
@named
def confirm(name: str) -> None:
    """Vouch for the address of the pending sign-up NAME (a user name)."""
    account = account_of(name)
    with _change(account, "email_confirmed"):
        if not addresses.prove(account):
            raise click.ClickException("It is confirmed already, inactive or deleted, or its address has another account.")
    click.echo(f"{account.username} is confirmed.")


@users.command()
@named
def unlock(name: str) -> None:
    """Let NAME try again: forget how often its password and codes were guessed at."""
    account = account_of(name)
    with _change(account, "unlocked"):
        for factor in attempts.LIFTED_BY_OPERATOR:
            attempts.clear(factor, *accounts.all_aims(account))
    click.echo(f"{account.username} may try again.")


@users.command("reset-mfa")
@named
def reset_mfa(name: str) -> None:
    """Turn NAME's second factor off, for somebody who lost it and the recovery codes; ends its sessions."""
    account = account_of(name)
    with _change(account, "mfa_disabled"):
        if not totp.disable(account.id):
            raise click.ClickException("No second factor is on.")
        recovery_codes.void(account.id)
        sessions.end_all(account.id, "mfa_changed")
        notices.tell("mfa_disabled", account, OPERATOR)
    click.echo(f"{account.username} signs in without a second factor.")


@users.command("set-email")
@named
@click.argument("email")
def set_email(name: str, email: str) -> None:
    """Give NAME another address and sign it out. The old one hears how to undo it, unless NAME got that in the last week."""
    account = account_of(name)
    with _plainly():
        email = names.address(email)
    if email == account.email:
        raise click.ClickException("NAME has this address already.")
    with _change(account, "email_changed"):
        if account.email_confirmed_at is None or not lockout.move(account, email, OPERATOR):
            raise click.ClickException("The address has an account, or NAME is not confirmed, or is closed.")
    click.echo(f"{account.username} has the address {email}.")
