"""Who acts on the command line, and on whom."""

import os
import pwd

import click

from services import users
from services.client import Client
from services.users import Account


def user_of_the_system() -> str:
    """The operating system's user, and who became that one by sudo."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under an id that has no name
        user = str(os.getuid())
    caller = os.environ.get("SUDO_USER", "")
    return f"{caller} as {user}" if caller and caller.isprintable() else user


OPERATOR = Client("", "command line", operator=user_of_the_system())


def account_of(name: str) -> Account:
    """The account or pending sign-up that NAME means; ends the command where there is none."""
    account = users.named(name)
    if account is None:
        raise click.ClickException("No account has this user name or address.")
    return account
