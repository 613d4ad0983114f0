"""The operator's commands: `flask keys …`."""

import os

import click
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.cli import AppGroup

from services import signing

keys = AppGroup("keys", help="The keys that sign tokens.")


def needs_no_settings(arguments: list[str]) -> bool:
    """`flask keys new` makes what valid settings need, so it cannot ask for them."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "keys" in arguments and "new" in arguments


def bare_app() -> Flask:
    """An app with nothing but these commands."""
    app = Flask("latchkey")
    app.cli.add_command(keys)
    return app


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
