"""The keys that sign tokens: a ring of which the first signs and all verify; public halves as JWKS (RFC 7517).

Key files of both kinds may be in one ring, so that the algorithm can change; each key verifies its own algorithm only
(RFC 8725 §3.1). A shared secret is never in a ring with key files.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt import register_algorithm, unregister_algorithm
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm
from jwt.exceptions import InvalidTokenError

from extensions import jwt, settings
from services import keys

OF_KEY_FILES = ["EdDSA", "ES256"]
NEITHER = "neither an Ed25519 nor a P-256 key"


class KeyRefused(ValueError):
    """A key file that cannot be read, holds no key of a kind that we use, or does not fit JWT_ALGORITHM and would sign."""


@dataclass(frozen=True)
class Key:
    """`public`: the JWK that others verify with; None for a shared secret."""

    kid: str
    algorithm: str
    signs: Any = field(repr=False)
    verifies: Any = field(repr=False)
    public: dict[str, str] | None


def ring() -> list[Key]:
    """The configured keys; raises KeyRefused."""
    chosen = settings()
    if chosen.jwt_algorithm == "HS256":
        return _from_secrets(chosen.jwt_secret_key)
    return _from_files(chosen.jwt_algorithm, chosen.jwt_private_keys)


def key_set() -> dict[str, Any]:
    """The JWKS document; empty with HS256, whose keys are secret."""
    return {"keys": [key.public for key in ring() if key.public]}


@lru_cache(maxsize=8)
def _from_secrets(secrets: tuple[str, ...]) -> list[Key]:
    return [Key(keys.short_id(secret), "HS256", secret, secret, None) for secret in secrets]


@lru_cache(maxsize=8)
def _from_files(algorithm: str, paths: tuple[str, ...]) -> list[Key]:
    found = [_from_file(path) for path in paths]
    if found[0].algorithm != algorithm:
        raise KeyRefused(f"{paths[0]} is first, so it signs, and is not a key for JWT_ALGORITHM {algorithm}")
    return found


def _from_file(path: str) -> Key:
    try:
        return from_pem(Path(path).read_bytes())
    except OSError as error:
        raise KeyRefused(f"{path} cannot be read") from error
    except KeyRefused as error:
        raise KeyRefused(f"{path} is {error}") from error


def from_pem(pem: bytes) -> Key:
    """A private key in PEM (PKCS #8), Ed25519 or P-256; its `kid` is the thumbprint of the public half (RFC 7638)."""
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyRefused("not an unencrypted private key in PEM") from error
    except UnsupportedAlgorithm as error:  # a curve that the library does not know
        raise KeyRefused(NEITHER) from error
    if isinstance(private, Ed25519PrivateKey):
        algorithm, jwk = "EdDSA", OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    elif isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
        algorithm, jwk = "ES256", ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        raise KeyRefused(NEITHER)
    kid = thumbprint(jwk)
    return Key(kid, algorithm, private, private.public_key(), jwk | {"kid": kid, "alg": algorithm, "use": "sig"})


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638 §3: SHA-256 over the required members in order, base64url without padding."""
    members = {name: jwk[name] for name in sorted({"crv", "kty", "x", "y"} & jwk.keys())}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class _Hmac(HMACAlgorithm):
    """PyJWT asks of a secret, whenever it signs or verifies, whether it is a certificate, PEM, DER or JSON: once will do."""

    @lru_cache(maxsize=16)  # noqa: B019 - there is one, and it stays
    def prepare_key(self, key: str | bytes) -> bytes:
        return super().prepare_key(key)


unregister_algorithm("HS256")
register_algorithm("HS256", _Hmac(HMACAlgorithm.SHA256))


@jwt.encode_key_loader
def _signing_key(identity: object) -> Any:
    return ring()[0].signs


@jwt.decode_key_loader
def _verifying_key(header: dict[str, Any], claims: dict[str, Any]) -> Any:
    if "type" not in claims:
        raise InvalidTokenError("no type")  # Flask-JWT-Extended takes such a token as an access token
    for key in ring():
        if header.get("kid") == key.kid and header.get("alg") == key.algorithm:
            return key.verifies
    raise InvalidTokenError("no key has this kid and algorithm")
