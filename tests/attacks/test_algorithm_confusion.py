"""One ring holds keys of two algorithms: the algorithm changes and nobody is signed out, and no key verifies another's."""

import base64
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from jwt.exceptions import InvalidTokenError

from app import create_app
from schema import migrations
from services import signing
from tests.conftest import SECRETS, settings_with
from tests.parts.smtp import MailServer
from tests.people import House
from tests.services.test_signing import new_key


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {algorithm: new_key(tmp_path, f"{algorithm}.pem", algorithm) for algorithm in ("EdDSA", "ES256")}


@pytest.fixture
def build(tmp_path: Path, smtp: dict[str, str], mail_server: MailServer) -> Callable[..., House]:
    """Makes a service with these settings on one database."""
    mail_server.clear()
    uri = f"sqlite:///{tmp_path / 'mixed.db'}"

    def make(algorithm: str, *ring: Path) -> House:
        keys = {"JWT_ALGORITHM": algorithm, "JWT_PRIVATE_KEYS": ",".join(map(str, ring))}
        house = House(create_app(settings_with(SQLALCHEMY_DATABASE_URI=uri, **keys, **smtp)), mail_server)
        with house.app.app_context():
            migrations().upgrade()
        return house

    return make


def algorithm_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["alg"])


@pytest.mark.parametrize(("former", "present"), [("EdDSA", "ES256"), ("ES256", "EdDSA")])
def test_a_change_of_the_algorithm_signs_nobody_out(
    build: Callable[..., House], files: dict[str, Path], former: str, present: str
) -> None:
    before = build(former, files[former])
    with before.app.app_context():
        before.account()
    access, refresh = before.tokens()
    between = build(former, files[former], files[present])
    after = build(present, files[present], files[former])
    assert after.get("/profile", access).status_code == 200
    renewed = after.post("/refresh", token=refresh).get_json()
    assert [algorithm_of(token) for token in (access, refresh)] == [former] * 2
    assert [algorithm_of(renewed[kind]) for kind in ("access_token", "refresh_token")] == [present] * 2
    assert between.get("/profile", renewed["access_token"]).status_code == 200
    served = {key["kid"]: key["alg"] for key in after.get("/.well-known/jwks.json").get_json()["keys"]}
    assert served == {jwt.get_unverified_header(one)["kid"]: algorithm_of(one) for one in (access, renewed["access_token"])}
    alone = build(present, files[present])
    assert alone.get("/profile", access).get_json()["code"] == "token_invalid"
    assert alone.get("/profile", renewed["access_token"]).status_code == 200


def test_a_token_of_one_keys_kid_and_another_algorithm_is_refused(build: Callable[..., House], files: dict[str, Path]) -> None:
    house = build("EdDSA", files["EdDSA"], files["ES256"])
    with house.app.app_context():
        house.account()
    access, refresh = house.tokens()
    for token, path in ((access, "/profile"), (refresh, "/refresh")):
        for forged in forgeries(token, files):
            answer = house.get(path, forged) if path == "/profile" else house.post(path, token=forged)
            assert (answer.status_code, answer.get_json()["code"]) == (401, "token_invalid"), forged
    assert house.get("/profile", access).status_code == 200
    assert house.post("/refresh", token=refresh).status_code == 200


def forgeries(token: str, files: dict[str, Path]) -> list[str]:
    """The same claims: signed by one key in the name of the other, by HMAC with anything public or left over, unsigned."""
    private: dict[str, Any] = {name: load_pem_private_key(file.read_bytes(), None) for name, file in files.items()}
    kids = {name: signing.from_pem(file.read_bytes()).kid for name, file in files.items()}
    claims = jwt.decode(token, options={"verify_signature": False})
    typ = jwt.get_unverified_header(token)["typ"]
    other = {"EdDSA": "ES256", "ES256": "EdDSA"}
    made = [jwt.encode(claims, private[name], name, {"kid": kids[other[name]], "typ": typ}) for name in files]
    secrets = [SECRETS["JWT_SECRET_KEY"].encode(), *(form for key in private.values() for form in forms(key.public_key()))]
    for kid in kids.values():
        made += [raw("HS256", kid, typ, claims, lambda text, s=secret: hmac.digest(s, text, "sha256")) for secret in secrets]
        made += [raw(alg, kid, typ, claims, lambda text: b"") for alg in ("none", "None", "EdDSA", "ES256")]
    made += [raw(other[name], kids[name], typ, claims, lambda text: bytes(64)) for name in files]
    assert len(set(made)) == len(made) > 20
    return made


def forms(public: Any) -> list[bytes]:
    """The public key in each form that somebody may take for an HMAC secret."""
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return [pem, pem.strip(), public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]


def raw(alg: str, kid: str, typ: str, claims: dict[str, Any], sign: Callable[..., bytes]) -> str:
    text = f"{coded(json.dumps({'alg': alg, 'kid': kid, 'typ': typ}).encode())}.{coded(json.dumps(claims).encode())}"
    return f"{text}.{coded(sign(text.encode()))}"


def coded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


@pytest.mark.parametrize("alg", ["ES256", "HS256", "none", None])
def test_a_key_is_given_out_for_its_own_algorithm_only(
    build: Callable[..., House], files: dict[str, Path], alg: str | None
) -> None:
    """PyJWT asks only whether the algorithm is one of the ring's."""
    kid = signing.from_pem(files["EdDSA"].read_bytes()).kid
    with build("EdDSA", files["EdDSA"], files["ES256"]).app.app_context():
        signing._verifying_key({"kid": kid, "alg": "EdDSA"}, {"type": "access"})
        with pytest.raises(InvalidTokenError):
            signing._verifying_key({"kid": kid, "alg": alg}, {"type": "access"})


def test_a_shared_secret_is_not_in_a_ring_with_key_files(build: Callable[..., House], files: dict[str, Path]) -> None:
    """What was once shared must verify nothing beside key files, and these nothing beside it."""
    shared = build("HS256", files["EdDSA"])
    with shared.app.app_context():
        shared.account()
    by_file = build("EdDSA", files["EdDSA"])
    (by_secret, _), (by_key, _) = shared.tokens(), by_file.tokens()
    assert by_file.get("/profile", by_secret).get_json()["code"] == "token_invalid"
    assert shared.get("/profile", by_key).get_json()["code"] == "token_invalid"
