"""Tokens: only an unchanged one of ours, of the right kind and in time, comes in; a forged one is told from an old one."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.test import TestResponse

from resources.contract import Access
from resources.routes import ROUTES
from tests.conftest import SECRETS
from tests.resources.conftest import Door
from tests.resources.problem import code_of

SECRET = SECRETS["JWT_SECRET_KEY"]
OTHER = "another-key-of-thirty-two-bytes-or-more-0123456789"
CLAIMS = ("exp", "iat", "nbf", "jti", "sub", "sid", "type", "iss", "aud", "csrf")
KIDS = ("", "0", "../../dev/null", "' UNION SELECT 'x", "/dev/null", "x" * 500)
ODD_TYPES: tuple[Any, ...] = ("", "jwt", "AT+JWT", "application/at+jwt", "at+jwt ", "mfa+jwt", ["at+jwt"], {}, 1, True)
NONSENSE: tuple[Any, ...] = (None, [], {}, True, 1.5)
TOLD = ("exp", "iat", "nbf", "sub", "sid", "type", "iss", "aud")
Forge = Callable[[dict[str, Any], dict[str, Any]], str]


def coded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, unverified."""
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def unsigned(algorithm: str, end: str = "") -> Forge:
    return lambda header, claims: (
        f"{coded(json.dumps(header | {'alg': algorithm}).encode())}.{coded(json.dumps(claims).encode())}.{end}"
    )


def hs256(header: dict[str, Any], claims: dict[str, Any], key: str = SECRET) -> str:
    """Signed by hand: PyJWT refuses to sign nonsense."""
    text = f"{coded(json.dumps(header).encode())}.{coded(json.dumps(claims).encode())}"
    return f"{text}.{coded(hmac.digest(key.encode(), text.encode(), 'sha256'))}"


def signed(key: str = SECRET, algorithm: str = "HS256", **more: Any) -> Forge:
    return lambda header, claims: jwt.encode(claims, key, algorithm, header | {"alg": algorithm} | more)


def signed_by_rsa(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", header | {"alg": "RS256"})


def claiming(**changes: Any) -> Forge:
    return lambda header, claims: hs256(header, claims | changes)


def without(name: str) -> Forge:
    return lambda header, claims: jwt.encode(
        {key: value for key, value in claims.items() if key != name}, SECRET, "HS256", header
    )


def typed(typ: object, **changes: Any) -> Forge:
    """With another `typ` in the header; None: without."""
    return lambda header, claims: hs256(
        {name: value for name, value in (header | {"typ": typ}).items() if value is not None}, claims | changes
    )


def headless(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(claims, SECRET, "HS256")


def with_jwk(key: str) -> Forge:
    return signed(key, jwk={"kty": "oct", "k": coded(key.encode()), "alg": "HS256"})


FORGERIES: dict[str, Forge] = {
    **{f"alg {name!r}": unsigned(name) for name in ("none", "None", "NONE", "nOnE", "", "HS256 ", "hs256", "HS256")},
    "alg none with a signature": unsigned("none", coded(b"x" * 32)),
    "no alg": lambda header, claims: f"{coded(b'{}')}.{coded(json.dumps(claims).encode())}.",
    "the wrong key": signed(OTHER),
    "the empty key": lambda header, claims: hs256(header, claims, ""),
    "another secret of the service": signed(SECRETS["SECRET_KEY"]),
    "the pepper": signed(SECRETS["PASSWORD_PEPPER"]),
    "HS384": signed(algorithm="HS384"),
    "HS512": signed(algorithm="HS512"),
    "RS256": signed_by_rsa,
    **{f"kid {kid!r}": signed(OTHER, kid=kid) for kid in KIDS},
    "no kid": headless,
    "jwk": with_jwk(OTHER),
    "jku": signed(OTHER, jku="http://127.0.0.1:9/keys.json"),
    "x5u": signed(OTHER, x5u="http://127.0.0.1:9/cert.pem"),
    "x5c": signed(OTHER, x5c=["MIIB"]),
    "a foreign kid, the right key": signed(kid="00000000"),
    **{f"without {name}": without(name) for name in CLAIMS},
    "a foreign iss": claiming(iss="https://evil.example"),
    "iss as a list": claiming(iss=["http://127.0.0.1:5000"]),
    "a foreign aud": claiming(aud="other"),
    "aud as a list": claiming(aud=["latchkey"]),
    "aud as a list of two": claiming(aud=["latchkey", "other"]),
    "aud in capitals": claiming(aud="LATCHKEY"),
    **{f"{name} {value!r}": claiming(**{name: value}) for name in CLAIMS for value in NONSENSE},
    **{f"{name} {value!r}": claiming(**{name: value}) for name in TOLD for value in ("", "x")},
    "exp as text": claiming(exp="99999999999"),
    "not yet good": claiming(nbf=99999999999),
    "issued in the future": claiming(iat=99999999999),
    "another user's sub": claiming(sub="00000000-0000-4000-8000-000000000000"),
    "another session": claiming(sid="00000000-0000-4000-8000-000000000000"),
    "type in capitals": claiming(type="ACCESS"),
    "a type of our future": claiming(type="mfa"),
    "5 kB": claiming(more="x" * 5000),
    **{f"typ {typ!r}": typed(typ) for typ in ODD_TYPES},
    "no typ": typed(None),
    "the former typ, a refresh token's aud": typed("JWT", aud="latchkey/refresh"),
    "a refresh token's aud": claiming(aud="latchkey/refresh"),
    "a refresh token's typ": typed("rt+jwt"),
    "a refresh token's typ and aud": typed("rt+jwt", aud="latchkey/refresh"),
    "type refresh": claiming(type="refresh"),
    "both audiences": claiming(aud=["latchkey", "latchkey/refresh"]),
}  # fmt: skip
"""Of an access token."""
REFRESH_FORGERIES: dict[str, Forge] = {
    **{f"typ {typ!r}": typed(typ) for typ in ODD_TYPES if typ != "rt+jwt"},
    "no typ": typed(None),
    "an access token's typ": typed("at+jwt"),
    "an access token's aud": claiming(aud="latchkey"),
    "an access token's typ and aud": typed("at+jwt", aud="latchkey"),
    "type access": claiming(type="access"),
    "the former typ, the new aud": typed("JWT"),
    "the new typ, the former aud": typed("rt+jwt", aud="latchkey"),
    "an aud beneath": claiming(aud="latchkey/refresh/refresh"),
    "both audiences": claiming(aud=["latchkey", "latchkey/refresh"]),
    "another audience's refresh": claiming(aud="other/refresh"),
}
GARBAGE = [
    "x",
    ".",
    "..",
    "...",
    "a.b",
    "a.b.c",
    "a.b.c.d",
    "e30.e30.",
    "null",
    "Bearer",
    "\xff\xfe",
    "x" * 5000,
    ("a" * 2000 + ".") * 3,
    "a b",
    "🙂".encode().decode("latin-1"),
]
GUARDED = [
    (method.upper(), path, resource.access_of(method))
    for path, resource in ROUTES.items()
    for method in ("get", "post", "put", "delete", "patch")
    if hasattr(resource, method) and resource.access_of(method) in (Access.SIGNED_IN, Access.REFRESH, Access.EITHER_TOKEN)
]
IDS = [f"{method} {path}" for method, path, _ in GUARDED]


def refused_as_invalid(answer: TestResponse) -> None:
    assert (answer.status_code, code_of(answer)) == (401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.fixture
def ada(door: Door) -> tuple[Door, str, str]:
    door.account()
    return (door, *door.tokens())


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_refused_and_the_real_one_still_works(ada: tuple[Door, str, str], forge: Forge) -> None:
    door, access, refresh = ada
    header, claims = parts(access)
    forged = forge(header, claims)
    for method, path in (("GET", "/profile"), ("POST", "/logout")):
        refused_as_invalid(door.ask(method, path, token=forged))
    assert door.get("/profile", access).status_code == 200
    assert door.post("/refresh", token=refresh).status_code == 200


def test_a_refresh_token_made_to_look_like_an_access_token_is_older_than_its_session(ada: tuple[Door, str, str]) -> None:
    """Access tokens of a provider's sign-in may say no `auth_time`; one of a session that has one is of before a step-up."""
    door, _, refresh = ada
    forged = typed("at+jwt", aud="latchkey", type="access")(*parts(refresh))
    for method, path in (("POST", "/refresh"), ("GET", "/profile")):
        answer = door.ask(method, path, token=forged)
        assert (answer.status_code, code_of(answer) in ("token_invalid", "token_expired")) == (401, True)
    assert door.post("/refresh", token=refresh).status_code == 200


@pytest.mark.parametrize("forge", REFRESH_FORGERIES.values(), ids=REFRESH_FORGERIES.keys())
def test_a_forged_refresh_token_is_refused_and_the_real_one_still_works(ada: tuple[Door, str, str], forge: Forge) -> None:
    door, _, refresh = ada
    forged = forge(*parts(refresh))
    for method, path in (("POST", "/refresh"), ("POST", "/logout"), ("GET", "/profile")):
        refused_as_invalid(door.ask(method, path, token=forged))
    assert door.post("/refresh", token=refresh).status_code == 200


def former(token: str) -> str:
    """The token as the previous release minted it."""
    return typed("JWT", aud="latchkey")(*parts(token))


def test_tokens_of_the_previous_release_are_taken_as_what_they_are(ada: tuple[Door, str, str]) -> None:
    door, access, refresh = ada
    assert door.get("/profile", former(access)).status_code == 200
    for path in ("/profile", "/sessions"):
        refused_as_invalid(door.get(path, former(refresh)))
    refused_as_invalid(door.post("/refresh", token=former(access)))
    answer = door.post("/refresh", token=former(refresh))
    assert answer.status_code == 200
    header, claims = parts(answer.get_json()["refresh_token"])
    assert (header["typ"], claims["aud"]) == ("rt+jwt", "latchkey/refresh"), "from then on they are as now"
    assert door.post("/logout", token=former(access)).status_code == 200


def test_the_header_tells_the_kinds_apart_and_so_does_the_audience(ada: tuple[Door, str, str]) -> None:
    _, access, refresh = ada
    assert [(parts(token)[0]["typ"], parts(token)[1]["aud"]) for token in (access, refresh)] == [
        ("at+jwt", "latchkey"),
        ("rt+jwt", "latchkey/refresh"),
    ]


@pytest.mark.parametrize("name", CLAIMS)
def test_a_refresh_token_without_a_claim_is_refused(ada: tuple[Door, str, str], name: str) -> None:
    door, _, refresh = ada
    refused_as_invalid(door.post("/refresh", token=without(name)(*parts(refresh))))
    assert door.post("/refresh", token=refresh).status_code == 200


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_no_token(door: Door, text: str) -> None:
    for method, path, _ in GUARDED:
        refused_as_invalid(door.ask(method, path, token=text))


def test_a_changed_byte_anywhere_spoils_a_token(ada: tuple[Door, str, str]) -> None:
    door, access, _ = ada
    for index in range(0, len(access) - 1, 17):
        other = "A" if access[index] != "A" else "B"
        refused_as_invalid(door.get("/profile", access[:index] + other + access[index + 1 :]))


def test_the_token_of_one_person_with_the_sub_of_another_is_refused(door: Door) -> None:
    door.account("ada", "ada@example.org")
    door.account("eve", "eve@example.org")
    access, _ = door.tokens("eve")
    forged = claiming(sub=door.user("ada")["id"])(*parts(access))
    refused_as_invalid(door.get("/profile", forged))


def test_fresh_claims_of_an_honest_minting_are_taken(ada: tuple[Door, str, str]) -> None:
    """The control: what the forgeries start from is good, also when it is signed anew."""
    door, access, _ = ada
    assert door.get("/profile", signed()(*parts(access))).status_code == 200


@pytest.mark.parametrize(("method", "path", "access"), GUARDED, ids=IDS)
def test_every_guarded_call_refuses_none_and_the_wrong_kind(
    ada: tuple[Door, str, str], method: str, path: str, access: Access
) -> None:
    door, token, refresh = ada
    none = door.ask(method, path)
    assert (none.status_code, code_of(none), none.headers["WWW-Authenticate"]) == (401, "authentication_required", "Bearer")
    for odd in ("", "Basic YTpi", "Bearer", f"Token {token}", token):
        answer = door.ask(method, path, headers={"Authorization": odd})
        assert (answer.status_code, code_of(answer)) in {(401, "authentication_required"), (401, "token_invalid")}
    wrong = {Access.SIGNED_IN: [refresh], Access.REFRESH: [token], Access.EITHER_TOKEN: []}[access]
    for text in wrong:
        refused_as_invalid(door.ask(method, path, token=text))


def test_a_token_counts_in_the_authorization_header_only(ada: tuple[Door, str, str]) -> None:
    door, access, _ = ada
    assert code_of(door.get(f"/profile?jwt={access}&access_token={access}")) == "authentication_required"
    assert code_of(door.get("/profile", headers={"Cookie": f"access_token_cookie={access}"})) == "authentication_required"
    assert door.get("/profile", headers={"Authorization": f"bearer {access}"}).status_code == 200


def test_an_expired_token_is_told_so_and_judged_before_its_session(ada: tuple[Door, str, str]) -> None:
    door, access, refresh = ada
    assert door.post("/logout", token=access).status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=1801), tick=False):
        for method, path in (("GET", "/profile"), ("POST", "/logout")):
            answer = door.ask(method, path, token=access)
            assert (answer.status_code, code_of(answer)) == (401, "token_expired")
            assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        refused_as_invalid(door.post("/refresh", token=access))
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=86401), tick=False):
        assert code_of(door.post("/refresh", token=refresh)) == "token_expired"
        refused_as_invalid(door.get("/profile", refresh))


def test_tokens_live_thirty_minutes_and_a_day(ada: tuple[Door, str, str]) -> None:
    _, access, refresh = ada
    assert [parts(token)[1]["exp"] - parts(token)[1]["iat"] for token in (access, refresh)] == [1800, 86400]


def test_an_expired_forgery_is_a_forgery(ada: tuple[Door, str, str]) -> None:
    door, access, _ = ada
    for forge in (signed(OTHER), unsigned("none")):
        header, claims = parts(access)
        refused_as_invalid(door.get("/profile", forge(header, claims | {"exp": 1000000000})))
    refused_as_invalid(door.get("/profile", claiming(exp=1000000000, aud="other")(*parts(access))))


def test_tokens_carry_what_the_contract_names(ada: tuple[Door, str, str]) -> None:
    door, access, refresh = ada
    (_, first), (_, second) = parts(access), parts(refresh)
    common = {"iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "type"}
    assert common | {"auth_time", "roles", "amr"} <= set(first)
    assert common <= set(second)
    assert (first["type"], second["type"], first["sid"]) == ("access", "refresh", second["sid"])
    assert (first["sub"], first["roles"], first["amr"]) == (door.user()["id"], ["user"], ["pwd"])
    assert first["jti"] != second["jti"]
    assert not {"auth_time", "amr"} & set(second)


def test_a_key_ring_takes_tokens_of_the_older_key_and_signs_with_the_first(build: Callable[..., Door]) -> None:
    old = build(JWT_SECRET_KEY=SECRET)
    old.account()
    access, refresh = old.tokens()
    new = build(JWT_SECRET_KEY=f"{OTHER},{SECRET}")
    assert new.get("/profile", access).status_code == 200
    renewed = new.post("/refresh", token=refresh).get_json()["access_token"]
    refused_as_invalid(old.get("/profile", renewed))
    without_old = build(JWT_SECRET_KEY=OTHER)
    refused_as_invalid(without_old.get("/profile", access))
    assert without_old.get("/profile", renewed).status_code == 200
