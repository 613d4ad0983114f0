"""A service written in another language verifies our access tokens by the published keys, and nothing but them."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tests.attacks import doors
from tests.attacks.doors import call
from tests.conftest import refuse_or_skip
from tests.parts import node
from tests.parts.missing import Missing
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.resources.test_tokens import hs256, parts
from tests.services.test_signing import new_key

VERIFIER = node.FOLDER / "verify.mjs"


@pytest.fixture(scope="module")
def program() -> str:
    try:
        return node.node()
    except Missing as missing:
        refuse_or_skip(missing)


@pytest.fixture(params=["EdDSA", "ES256"])
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def key(tmp_path: Path, algorithm: str) -> Path:
    return new_key(tmp_path, "key.pem", algorithm)


@pytest.fixture
def door(
    tmp_path: Path, smtp: dict[str, str], mail_server: MailServer, algorithm: str, key: Path, program: str
) -> Iterator[Service]:
    mail_server.clear()
    signing = {"JWT_ALGORITHM": algorithm, "JWT_PRIVATE_KEYS": str(key)}
    with doors.service(f"sqlite:///{tmp_path / 'foreign.db'}", smtp, **signing) as started:
        doors.account(started, mail_server, "ada")
        yield started


def test_a_consumer_in_another_language_takes_access_tokens_and_nothing_else(
    door: Service, program: str, tmp_path: Path, key: Path, algorithm: str
) -> None:
    tokens = doors.login(door, "ada").json
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    signed = {**_forged(access, tmp_path, key, algorithm), "a refresh token": refresh}
    honest, *verdicts = _verdicts(program, door, "latchkey", access, *signed.values())
    (elsewhere,) = _verdicts(program, door, "another-service", access)
    user = call(door, "GET", "/profile", token=access).json
    assert (honest["algorithm"], honest["typ"]) == (algorithm, "at+jwt")
    assert (honest["claims"]["sub"], honest["claims"]["roles"]) == (user["id"], ["user"])
    refused = {name: verdict.get("refused") for name, verdict in zip(signed, verdicts, strict=True)}
    refused["for another audience"] = elsewhere.get("refused")
    accepted = [name for name, reason in refused.items() if reason is None]
    print(f"\n[{algorithm}] by jose in Node.js: the access token taken, accepted of {len(refused)} others {len(accepted)}")
    assert refused == {
        "tampered": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "by a foreign key under our kid": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "by a foreign key under its own kid": "ERR_JWKS_NO_MATCHING_KEY",
        "by the public key as a shared secret": "ERR_JOSE_ALG_NOT_ALLOWED",
        "expired": "ERR_JWT_EXPIRED",
        "of another issuer": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "a refresh token": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "for another audience": "ERR_JWT_CLAIM_VALIDATION_FAILED",
    }


def test_pyjwt_takes_access_tokens_and_no_refresh_token(door: Service, algorithm: str) -> None:
    """As its documentation verifies a token: by the published keys, the algorithm, the issuer and the audience."""
    tokens = doors.login(door, "ada").json
    stepped = call(door, "POST", "/reauthenticate", {"password": PASSWORD}, tokens["access_token"]).json
    refreshed = call(door, "POST", "/refresh", token=stepped["refresh_token"]).json
    keys = jwt.PyJWKClient(f"{door.url}/.well-known/jwks.json")

    def is_taken(token: str) -> bool:
        key = keys.get_signing_key_from_jwt(token).key
        try:
            jwt.decode(token, key, algorithms=[algorithm], audience="latchkey", issuer=door.url)
        except jwt.InvalidTokenError:
            return False
        return True

    pairs = [tokens, stepped, refreshed]
    taken = [is_taken(pair["access_token"]) for pair in pairs], [is_taken(pair["refresh_token"]) for pair in pairs]
    print(f"\n[{algorithm}] by PyJWT: access tokens taken {sum(taken[0])} of 3, refresh tokens {sum(taken[1])} of 3")
    assert taken == ([True] * 3, [False] * 3)


def _forged(access: str, folder: Path, key: Path, algorithm: str) -> dict[str, str]:
    """Those signed with our own key show that the consumer's other checks are at work too."""
    header, claims = parts(access)
    ours, foreign = key.read_bytes(), new_key(folder, "foreign.pem", algorithm).read_bytes()
    public = load_pem_private_key(ours, None).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "tampered": _with_payload(access, claims | {"roles": ["user", "admin"]}),
        "by a foreign key under our kid": jwt.encode(claims, foreign, algorithm, header),
        "by a foreign key under its own kid": jwt.encode(claims, foreign, algorithm, header | {"kid": "foreign"}),
        "by the public key as a shared secret": hs256(header | {"alg": "HS256"}, claims, public.decode()),
        "expired": jwt.encode(claims | {"exp": claims["iat"] - 1}, ours, algorithm, header),
        "of another issuer": jwt.encode(claims | {"iss": "https://evil.example"}, ours, algorithm, header),
    }


def _with_payload(token: str, claims: dict[str, Any]) -> str:
    header, _, signature = token.split(".")
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


def _verdicts(program: str, door: Service, audience: str, *tokens: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [program, VERIFIER, door.url, audience, *tokens], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
