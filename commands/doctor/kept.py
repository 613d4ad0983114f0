"""What is kept under keys: whether the rings of the settings still hold all of them."""

from commands.doctor.findings import Findings, fault, ok
from services import reencryption


def examined() -> Findings:
    hashes, secrets = reencryption.hashes_of_lost_keys(), reencryption.secrets_of_lost_keys()
    if hashes:
        message = f"{hashes} passwords were hashed under a key that is not in PASSWORD_PEPPER: they are never right"
        yield fault(
            "keys", message, "Add the old key at the end of PASSWORD_PEPPER, or let those people reset their passwords."
        )
    if secrets:
        message = f"{secrets} secrets were encrypted under a key that is not in FERNET_KEY: they cannot be read"
        yield fault("keys", message, "Add the old key at the end of FERNET_KEY.")
    if not (hashes or secrets):
        yield ok("keys", "every password hash and encrypted secret is of a key in its ring")
