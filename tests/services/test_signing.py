"""Tokens signed by key files: others verify them, a ring rotates, shared secrets are refused."""

import base64
import hmac
import json
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt import PyJWK

from app import create_app
from schema import migrations
from services import signing
from tests.conftest import SECRETS, settings_with
from tests.parts.smtp import MailServer
from tests.people import House

ROOT = Path(__file__).parents[2]


def new_key(folder: Path, name: str, algorithm: str) -> Path:
    """What `flask keys new` prints, with no settings at all."""
    flask = [sys.executable, "-m", "flask", "--app", "app", "keys", "new", "--algorithm", algorithm]
    made = subprocess.run(
        flask, cwd=ROOT, env={"PATH": "", "FLASK_ENV": "production"}, capture_output=True, text=True, check=True
    )
    (folder / name).write_text(made.stdout)
    return folder / name


@pytest.fixture(params=["EdDSA", "ES256"])
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def keys(tmp_path: Path, algorithm: str) -> list[Path]:
    return [new_key(tmp_path, name, algorithm) for name in ("old.pem", "new.pem")]


@pytest.fixture
def houses(tmp_path: Path, keys: list[Path], algorithm: str, smtp: dict[str, str], mail_server: MailServer) -> list[House]:
    """One service before, during and after the rotation from the old key to the new one."""
    mail_server.clear()
    old, new = keys
    uri = f"sqlite:///{tmp_path / 'keys.db'}"
    rings = (f"{old}", f"{new},{old}", f"{new}")
    made = []
    for ring in rings:
        files = {"JWT_ALGORITHM": algorithm, "JWT_PRIVATE_KEYS": ring}
        made.append(House(create_app(settings_with(SQLALCHEMY_DATABASE_URI=uri, **files, **smtp)), mail_server))
    with made[0].app.app_context():
        migrations().upgrade()
        made[0].account()
    return made


def test_anybody_verifies_a_token_by_the_key_set(houses: list[House], algorithm: str) -> None:
    access, _ = houses[0].tokens()
    (public,) = houses[0].get("/.well-known/jwks.json").get_json()["keys"]
    assert not {"d", "k"} & public.keys()
    assert public["kid"] == signing.thumbprint(public) == jwt.get_unverified_header(access)["kid"]
    claims = jwt.decode(access, PyJWK(public), [algorithm], audience="latchkey", issuer="http://127.0.0.1:5000")
    assert claims["type"] == "access"


def test_rotation_refuses_no_honest_call_and_then_retires_the_old_key(houses: list[House]) -> None:
    before, during, after = houses
    access, refresh = before.tokens()
    assert during.get("/profile", access).status_code == 200
    renewed = during.post("/refresh", token=refresh).get_json()
    assert after.get("/profile", renewed["access_token"]).status_code == 200
    assert after.get("/profile", access).get_json()["code"] == "token_invalid"
    assert len(during.get("/.well-known/jwks.json").get_json()["keys"]) == 2


def test_a_shared_secret_signs_nothing_any_more(houses: list[House], keys: list[Path]) -> None:
    access, _ = houses[0].tokens()
    public = load_pem_private_key(keys[0].read_bytes(), None).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    payload = access.split(".")[1]
    for secret in (pem, SECRETS["JWT_SECRET_KEY"].encode()):
        for kid in (jwt.get_unverified_header(access)["kid"], "x"):
            header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode()).decode().rstrip("=")
            signed = hmac.digest(secret, f"{header}.{payload}".encode(), "sha256")
            forged = f"{header}.{payload}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"
            assert houses[0].get("/profile", forged).get_json()["code"] == "token_invalid"


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    public = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert signing.thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("curve", ["SECP256K1", "SECP384R1"])
def test_a_key_of_another_curve_is_refused(curve: str) -> None:
    private = generate_private_key(getattr(ec, curve)())
    with pytest.raises(signing.KeyRefused, match="neither"):
        signing.from_pem(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_a_key_of_a_curve_that_no_library_here_knows_is_refused() -> None:
    """OpenSSL makes such keys: secp224k1. The curve's name stands in the file; nothing behind it is looked at."""
    der = generate_private_key(ec.SECP256K1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    known, unknown = (bytes.fromhex(f"06052b810400{number}") for number in ("0a", "20"))
    assert der.count(known) == 1
    body = base64.encodebytes(der.replace(known, unknown)).decode()
    with pytest.raises(signing.KeyRefused, match="neither"):
        signing.from_pem(f"-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n".encode())


def test_a_first_key_of_another_algorithm_keeps_the_service_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = f"{new_key(tmp_path, 'first.pem', 'ES256')},{new_key(tmp_path, 'second.pem', 'EdDSA')}"
    files = {"JWT_ALGORITHM": "EdDSA", "JWT_PRIVATE_KEYS": ring}
    with pytest.raises(SystemExit, match="78"):
        create_app(settings_with(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'keys.db'}", **files))
    said = capsys.readouterr().err
    assert "first.pem is first, so it signs, and is not a key for JWT_ALGORITHM EdDSA" in said
    assert "--algorithm EdDSA" in said


@pytest.mark.parametrize("content", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_without_a_key_keeps_the_service_from_starting(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.pem").write_text(content)
    files = {"JWT_ALGORITHM": "EdDSA", "JWT_PRIVATE_KEYS": str(tmp_path / "bad.pem")}
    with pytest.raises(SystemExit, match="78"):
        create_app(settings_with(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'keys.db'}", **files))
    assert "bad.pem is not" in capsys.readouterr().err


def test_the_key_set_is_empty_with_shared_secrets(house: House) -> None:
    assert house.get("/.well-known/jwks.json").get_json() == {"keys": []}
