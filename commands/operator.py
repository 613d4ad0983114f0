"""Who acts on the command line, and on whom."""

import click

from services import users
from services.client import Client
from services.users import Account

OPERATOR = Client("", "command line")


def account_of(name: str) -> Account:
    """The account or pending sign-up that NAME means; ends the command where there is none."""
    account = users.named(name)
    if account is None:
        raise click.ClickException("No account has this user name or address.")
    return account
