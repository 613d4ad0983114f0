"""A provider that lies: forged and foreign ID tokens, claims that mean nothing, keys and answers that are none.

Each lie is told of somebody who would get a new account, and of somebody whose confirmed account would be linked.
"""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from werkzeug.test import TestResponse

from services import openid
from tests.parts.hostile_provider import (
    CLIENT_SECRET,
    JWKS,
    KEY,
    TOKEN,
    USERINFO,
    Claims,
    HostileProvider,
    Realm,
    encoded,
    hostile_provider,
    signed,
)
from tests.parts.smtp import MailServer
from tests.resources.conftest import Door, door_with
from tests.resources.problem import code_of
from tests.visitors import Visitor, ada, settings_of

OTHER: RSAKey = RSAKey.generate_key(2048, {"kid": KEY.kid or ""})
GONE: Any = object()
"""In place of a claim: it is left out."""
HUGE = 10**400
NOW = int(time.time())
"""When the tests were collected: whatever shall lie ahead of them all lies a day ahead."""
A_DAY = 86400
CLAIMS: dict[str, list[object]] = {
    "iss": [GONE, None, "https://evil.example", "https://accounts.google.com", ["{issuer}"], "{issuer}/", "{issuer} "],
    "aud": [GONE, None, "stranger", "", [], ["stranger"], ["latchkey", "stranger"], "latchkey ", ["latchkey", "latchkey"], {}],
    "azp": ["stranger", "", None, ["latchkey"]],
    "nonce": [GONE, None, "", "of another visit", ["{nonce}"], True],
    "exp": [
        GONE,
        None,
        0,
        NOW - 120,
        float("nan"),
        float("inf"),
        float("-inf"),
        HUGE,
        -HUGE,
        str(NOW + 300),
        True,
        [NOW + 300],
    ],
    "iat": [GONE, None, NOW + A_DAY, float("nan"), float("inf"), HUGE, "now", False],
    "nbf": [None, NOW + A_DAY, float("nan"), HUGE, "now", []],
    "sub": [
        GONE,
        None,
        "",
        5,
        True,
        ["ada"],
        {"ada": 1},
        "a" * 300,
        "nul\0",
        "\ud800",
        "zero\u200bwidth",
        " ada",
        "ada ",
        "\n",
    ],
}
UNVERIFIED = {"the word": "true", "one": 1, "yes": "yes", "null": None, "missing": GONE, "a list": [True]}
KEY_SETS: dict[str, object] = {
    "no keys": {"keys": []},
    "keys that are no list": {"keys": {"0": KEY.as_dict(private=False)}},
    "null": {"keys": None},
    "a list of null": {"keys": [None, 5, "key", []]},
    "a key without a kind": {"keys": [{"kid": KEY.kid}]},
    "an unknown kind": {"keys": [{"kid": KEY.kid, "kty": "quantum"}]},
    "an unknown curve": {"keys": [{"kid": KEY.kid, "kty": "EC", "crv": "P-0", "x": "AA", "y": "AA"}]},
    "a curve's point that is none": {"keys": [{"kid": KEY.kid, "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
    "a short Edwards key": {"keys": [{"kid": KEY.kid, "kty": "OKP", "crv": "Ed25519", "x": "AA"}]},
    "an empty modulus": {"keys": [KEY.as_dict(private=False) | {"n": "", "e": ""}]},
    "an even modulus": {"keys": [KEY.as_dict(private=False) | {"n": "AAAA", "e": "AQAB"}]},
    "numbers for text": {"keys": [KEY.as_dict(private=False) | {"n": 5, "e": 7}]},
    "a key for encryption": {"keys": [KEY.as_dict(private=False) | {"use": "enc"}]},
    "a key for other operations": {"keys": [KEY.as_dict(private=False) | {"key_ops": ["encrypt"]}]},
    "somebody else's key": {"keys": [OTHER.as_dict(private=False)]},
    "the client's secret": {"keys": [{"kid": KEY.kid, "kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode()}]},
}
MOMENTS: tuple[object, ...] = (float("inf"), float("nan"), HUGE, "soon", [], {}, None)
ANSWERS: dict[str, dict[str, object]] = {
    "no access token": {"access_token": None},
    "a number for an access token": {"access_token": 5},
    "no token type": {"token_type": None},
    "a scope that is none": {"scope": ["openid", 5]},
}
ANSWERS |= {f"{name} {value!r}"[:40]: {name: value} for name in ("expires_in", "expires_at") for value in MOMENTS}
NO_ID_TOKENS: dict[str, object] = {
    "none": None,
    "a number": 5,
    "a list": [],
    "an object": {},
    "empty": "",
    "dots": "..",
    "more dots": "....",
    "words": "a.b.c",
    "a NUL": "\0.\0.\0",
    "a surrogate": "\ud800",
    "not base64": "§.§.§",
    "too long": "e30." + "A" * 200_000 + ".AA",
    "an array's header": f"{base64.urlsafe_b64encode(b'[]').decode()}.e30.AA",
    "a deep header": f"{base64.urlsafe_b64encode(b'[' * 9000).decode()}.e30.AA",
}


def unsigned(spelling: str, claims: Claims, signature: str = "") -> str:
    return f"{encoded({'alg': spelling, 'kid': KEY.kid})}.{encoded(claims)}.{signature}"


def changed(claims: Claims) -> str:
    head, _, signature = signed(claims).split(".")
    return f"{head}.{encoded(claims | {'admin': True})}.{signature}"


def resigned(**header: Any) -> Callable[[Claims], str]:
    """By a key of the liar's, which the header would bring along or name."""
    return lambda claims: signed(claims, OTHER, **header)


def shared(secret: str | bytes) -> Callable[[Claims], str]:
    """HMAC with what the service may know as the provider's."""

    def sign(claims: Claims) -> str:
        message = f"{encoded({'alg': 'HS256', 'kid': KEY.kid})}.{encoded(claims)}"
        key = secret.encode() if isinstance(secret, str) else secret
        return f"{message}.{encoded(hmac.digest(key, message.encode(), 'sha256'))}"

    return sign


FORGERIES: dict[str, Callable[[Claims], str]] = {
    **{f"alg {word}": partial(unsigned, word) for word in ("none", "None", "NONE", "nOnE", "", "null")},
    "alg none with a signature": lambda claims: unsigned("none", claims, "AAAA"),
    "no algorithm": lambda claims: f"{encoded({'kid': KEY.kid})}.{encoded(claims)}.",
    "a signature cut off": lambda claims: signed(claims).rpartition(".")[0] + ".",
    "half a signature": lambda claims: signed(claims)[:-100],
    "changed after signing": changed,
    "HMAC by the public PEM": shared(KEY.as_pem(private=False)),
    "HMAC by the public JWK": shared(json.dumps(KEY.as_dict(private=False))),
    "HMAC by the modulus": shared(str(KEY.as_dict(private=False)["n"])),
    "HMAC by our client's secret": shared(CLIENT_SECRET),
    "another key of this name": resigned(),
    "an unknown key": resigned(kid="unknown"),
    "no kid": lambda claims: signed(claims, OTHER, kid=None),
    "a kid that is no text": resigned(kid=[KEY.kid]),
    "a key in the header": resigned(jwk=OTHER.as_dict(private=False)),
    "a file for a kid": resigned(kid="../../../dev/null"),
    "an unknown critical header": lambda claims: signed(claims, crit=["exp"], exp=0),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[HostileProvider]:
    with hostile_provider() as started:
        yield started


@pytest.fixture(scope="module")
def realm(provider: HostileProvider) -> Realm:
    return provider.realm()


@pytest.fixture(scope="module")
def evil(provider: HostileProvider) -> Realm:
    """The liar's own address, where his key is published."""
    realm = provider.realm("evil")
    realm.published[JWKS] = {"keys": [OTHER.as_dict(private=False)]}
    return realm


@pytest.fixture(scope="module")
def standing(realm: Realm, tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Door:
    folder = tmp_path_factory.mktemp("forged")
    return door_with(folder, mail_server, smtp, SQLITE_SYNCHRONOUS="NORMAL", **settings_of(realm.discovery_url))


@pytest.fixture
def door(standing: Door, realm: Realm) -> Door:
    """The empty house, which has forgotten what the provider published; and the provider honest again."""
    standing.empty()
    openid._kept.clear()
    realm.claims, realm.id_token = Realm.claims, signed
    realm.published, realm.faults = {}, {}
    realm.asked.clear()
    return standing


def told(door: Door, realm: Realm, **person: Any) -> TestResponse:
    return Visitor(door).sign_in(realm, **ada() | person)


def refused(door: Door, realm: Realm, **person: Any) -> bool:
    """Nobody is signed in, and nothing is left of it."""
    kept = ("users", "identities", "sessions", "tickets", "letters")
    before = {name: door.counts()[name] for name in kept}
    answer = told(door, realm, **person)
    after = {name: door.counts()[name] for name in kept}
    return answer.status_code == 400 and code_of(answer) == "oauth_failed" and after == before


def lied(honest: Claims, name: str, value: object) -> Claims:
    if isinstance(value, str):
        value = value.replace("{issuer}", str(honest.get("iss")))
    if isinstance(value, list):
        value = [str(honest.get(name)) if isinstance(part, str) and part.startswith("{") else part for part in value]
    return {key: found for key, found in (honest | {name: value}).items() if found is not GONE}


def accepted(door: Door, realm: Realm, lies: dict[str, Callable[[Claims], object]]) -> list[str]:
    """Which of these ID tokens open or link something, for a stranger or for the owner of an account."""
    found = []
    for owned in (False, True):
        if owned:
            door.account()
        for name, lie in lies.items():
            realm.id_token = lie
            if not refused(door, realm):
                found.append(f"{name}, {'linked' if owned else 'new'}")
    realm.id_token = signed
    honest = told(door, realm)
    assert code_of(honest) == "link_proof_required", "the same without a lie is believed, so the lies were what was refused"
    return found


def test_no_forged_signature_signs_in(door: Door, realm: Realm, evil: Realm) -> None:
    place = evil.issuer + JWKS
    named = {name: resigned(**{"kid": place, name: place}) for name in ("jku", "x5u", "kid", "iss")}
    found = accepted(door, realm, {**FORGERIES, **named})
    print(
        f"\n{len(FORGERIES) + 4} forged ID tokens, twice: accepted {len(found)}; foreign addresses asked {evil.asked.total()}"
    )
    assert (found, evil.asked.total()) == ([], 0)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_token_of_somebody_else_or_another_time_does_not_sign_in(door: Door, realm: Realm, claim: str) -> None:
    def telling(value: object) -> Callable[[Claims], object]:
        return lambda honest: signed(lied(honest, claim, value))

    lies = {f"{claim} {value!r}"[:60]: telling(value) for value in CLAIMS[claim]}
    found = accepted(door, realm, lies)
    print(f"\n{claim}: {len(lies)} lies, twice: accepted {len(found)} {found}")
    assert found == []


def test_what_is_no_id_token_does_not_sign_in(door: Door, realm: Realm) -> None:
    def sending(value: object) -> Callable[[Claims], object]:
        return lambda honest: value

    found = accepted(door, realm, {name: sending(value) for name, value in NO_ID_TOKENS.items()})
    print(f"\n{len(NO_ID_TOKENS)} ID tokens that are none, twice: accepted {len(found)}")
    assert found == []


@pytest.mark.parametrize("form", UNVERIFIED)
@pytest.mark.parametrize("by", ["the ID token", "userinfo"])
def test_an_address_that_is_not_verified_in_so_many_words_opens_nothing(door: Door, realm: Realm, form: str, by: str) -> None:
    door.account()
    person = lied(ada(), "email_verified", UNVERIFIED[form])
    if by == "userinfo":
        realm.published[USERINFO] = person
        person = {"sub": person["sub"]}
    realm.claims = lambda honest: {name: value for name, value in honest.items() if name[:5] != "email"} | person
    assert refused(door, realm)
    person = realm.published.get(USERINFO, person)
    person["email"] = "new@example.org"
    assert refused(door, realm), "nor a new account"


def test_an_address_that_is_none_opens_nothing(door: Door, realm: Realm) -> None:
    forms = [
        "",
        "ada",
        "Ada <ada@example.org>",
        "ada@example.org\0",
        "\ud800@example.org",
        5,
        ["ada@example.org"],
        None,
        "@",
        "ä@b.de",
    ]
    assert [form for form in forms if not refused(door, realm, email=form)] == []


def test_a_name_that_cannot_be_kept_is_left_out(door: Door, realm: Realm) -> None:
    names = ["\0", "\ud800", "a\nb", "\u202eadA", "\u200d", 5, ["Ada"], {}, "x" * 101, "x" * 5000]
    for number, name in enumerate(names):
        person = ada(sub=f"p{number}", email=f"p{number}@example.org", given_name=name, family_name=name)
        assert told(door, realm, **person).status_code == 200
    assert {row["first_name"] for row in door.rows("users")} == {None}


@pytest.mark.parametrize("kind", KEY_SETS)
def test_a_key_set_that_is_none_verifies_nothing(door: Door, realm: Realm, kind: str) -> None:
    published = KEY_SETS[kind]
    assert isinstance(published, dict)
    realm.published[JWKS] = published
    if kind == "the client's secret":
        realm.id_token = shared(b"x" * 32)
    assert refused(door, realm)


@pytest.mark.parametrize("bits", [1024, 2040])
def test_a_short_rsa_key_proves_nobody(door: Door, realm: Realm, bits: int) -> None:
    """Nor does it spoil a longer one beside it."""
    short = RSAKey.generate_key(bits, {"kid": "short"})
    realm.published[JWKS] = {"keys": [short.as_dict(private=False), KEY.as_dict(private=False)]}
    realm.id_token = lambda claims: signed(claims, short, kid="short")
    assert refused(door, realm)
    realm.id_token = signed
    assert told(door, realm).status_code == 200
    openid._kept.clear()
    realm.published[JWKS] = {"keys": [short.as_dict(private=False)]}
    realm.id_token = lambda claims: signed(claims, short, kid="short")
    assert refused(door, realm)
    print(f"\nRSA key of {bits} bits: accepted 0")


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_strange_token_answer_is_never_a_fault_of_ours(door: Door, realm: Realm, kind: str) -> None:
    realm.published[TOKEN] = ANSWERS[kind]
    answer = told(door, realm)
    assert answer.status_code in (200, 400), answer.get_data(as_text=True)


def test_userinfo_of_somebody_else_is_refused(door: Door, realm: Realm) -> None:
    realm.claims = lambda honest: {name: value for name, value in honest.items() if name[:5] != "email"}
    for other in ("eve", None, 5, GONE):
        realm.published[USERINFO] = lied(ada(), "sub", other)
        realm.published[USERINFO].setdefault("sub", None)
        assert refused(door, realm)
    realm.published[USERINFO] = ada()
    assert told(door, realm).status_code == 200


def test_a_flood_of_unknown_keys_asks_the_provider_for_them_once(door: Door, realm: Realm) -> None:
    assert told(door, realm).status_code == 200
    realm.id_token = resigned(kid="unknown")
    answers = [told(door, realm).status_code for _ in range(40)]
    print(f"\n40 unknown keys: accepted {answers.count(200)}, key sets fetched {realm.asked[JWKS]}")
    assert (set(answers), realm.asked[JWKS]) == ({400}, 1)


def test_a_new_key_is_found_when_the_provider_rotates(door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(door, realm).status_code == 200
    new = RSAKey.generate_key(2048, {"kid": "the next"})
    realm.published[JWKS], realm.id_token = {"keys": [new.as_dict(private=False)]}, lambda c: signed(c, new, kid="the next")
    assert told(door, realm).status_code == 400, "the keys were fetched a moment ago"
    real = time.monotonic
    monkeypatch.setattr(openid.time, "monotonic", lambda: real() + openid.KEYS_AGAIN_SECONDS)  # type: ignore[attr-defined]
    assert told(door, realm).status_code == 200
