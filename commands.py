"""The operator's commands: `flask doctor`, `flask keys …`, `flask users …`."""

import os

import click
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.cli import AppGroup

from database import unit_of_work
from errors import Refusal
from extensions import settings
from services import attempts, audit, openid, reencryption, signing, vault
from services import users as accounts
from services.client import Client

keys = AppGroup("keys", help="The keys that sign tokens and encrypt secrets.")
users = AppGroup("users", help="Accounts.")
OPERATOR = Client("", "command line")


def needs_no_settings(arguments: list[str]) -> bool:
    """`flask keys new` makes what valid settings need, so it cannot ask for them."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "keys" in arguments and "new" in arguments


def bare_app() -> Flask:
    """An app with nothing but these commands."""
    app = Flask("latchkey")
    app.cli.add_command(keys)
    return app


@click.command()
def doctor() -> None:
    """Tell what is wrong before users do. So far: the settings, and the providers that people sign in with."""
    click.echo("ok     the settings")
    faults = [_examined(name) for name in settings().oidc]
    if not settings().oidc:
        click.echo("ok     no provider is set up; for Google set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET")
    if any(faults):
        raise SystemExit(1)


def _examined(name: str) -> bool:
    """Whether something is wrong with a provider; prints what to register there."""
    try:
        openid.metadata(openid.provider(name))
    except Refusal as refused:
        click.echo(
            f"FAULT  {name}: its discovery document: {refused.title}. Is the discovery URL right, and reachable from here?"
        )
        return True
    click.echo(f"ok     {name}: register this redirect URI there: {openid.redirect_uri(name)}")
    return False


@keys.command()
@click.option("--algorithm", type=click.Choice(["EdDSA", "ES256"]), default="EdDSA", show_default=True)
def new(algorithm: str) -> None:
    """Print a fresh private key in PEM; put it into a file that JWT_PRIVATE_KEYS names."""
    private = Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_private_key(SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    click.echo(pem.decode(), nl=False)
    click.echo(f"kid {signing.from_pem(algorithm, pem).kid}", err=True)


@keys.command("list")
def list_() -> None:
    """Print the `kid` of each key in the ring: the first signs, all verify."""
    for position, key in enumerate(signing.ring()):
        click.echo(f"{key.kid} {'signs' if position == 0 else 'verifies'}")


@keys.command()
def reencrypt() -> None:
    """Encrypt every secret at rest under the first FERNET_KEY, so that the others can be removed from the ring."""
    try:
        click.echo(f"{reencryption.run()} values are encrypted by the first key.")
    except vault.VaultRefused as refused:
        raise click.ClickException("A value opens with none of the keys. Put the key it was written with back.") from refused


@users.command()
@click.argument("name")
def unlock(name: str) -> None:
    """Let NAME (a user name or an address) try again: forget how often its password and codes were guessed at."""
    account = accounts.named(name)
    if account is None:
        raise click.ClickException("No account has this user name or address.")
    with unit_of_work():
        for factor in attempts.LIFTED_BY_OPERATOR:
            attempts.clear(factor, *accounts.all_aims(account))
        audit.record("unlocked", OPERATOR, user_id=account.id)
    click.echo(f"{account.username} may try again.")
