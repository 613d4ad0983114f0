"""`flask keys …`."""

import click
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask.cli import AppGroup

from services import reencryption, signing, vault

keys = AppGroup("keys", help="The keys that sign tokens and encrypt secrets.")


@keys.command()
@click.option("--algorithm", type=click.Choice(["EdDSA", "ES256"]), default="EdDSA", show_default=True)
def new(algorithm: str) -> None:
    """Print a fresh private key in PEM; put it into a file that JWT_PRIVATE_KEYS names."""
    private = Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_private_key(SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    click.echo(pem.decode(), nl=False)
    click.echo(f"kid {signing.from_pem(pem).kid}", err=True)


@keys.command("list")
def list_() -> None:
    """Print `kid`, use and algorithm of each key in the ring: the first signs, all verify."""
    for position, key in enumerate(signing.ring()):
        click.echo(f"{key.kid} {'signs' if position == 0 else 'verifies'} {key.algorithm}")


@keys.command()
def reencrypt() -> None:
    """Encrypt every secret at rest in ENCRYPTION_FORMAT under the first FERNET_KEY, so that the other keys can be removed."""
    try:
        click.echo(f"{reencryption.run()} values are encrypted by the first key.")
    except vault.VaultRefused as refused:
        raise click.ClickException(
            "A value opens with none of the keys, or was copied from another row. Put the key it was written with back."
        ) from refused
