"""OpenID Connect as a relying party: where a provider wants people sent, and who came back (OIDC Core 1.0, Discovery 1.0)."""

import hmac
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from config import Provider
from errors import OauthFailed
from extensions import settings
from services import bounded_http, clock, names, provider_connections, provider_http, providers
from services.providers import Errand, Person

ALGORITHMS = ("RS256", "ES256", "EdDSA", "PS256", "RS384", "RS512", "ES384", "ES512")
"""Signatures of a key pair only: `none` and HMAC cannot come in."""
LEEWAY = 60
NEEDED = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"}
ADDRESSES = NEEDED | {"userinfo_endpoint"}
ASKED = ("token_endpoint", "jwks_uri", "userinfo_endpoint")
"""Of these addresses, those that we connect to; the others are for browsers, or names only."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
NAMES_ITSELF = "authorization_response_iss_parameter_supported"
LATEST = 2**53
"""Beyond it are no moments, but numbers that arithmetic fails on."""
SUBJECT = re.compile(r"(?! )[\x20-\x7e]{1,255}(?<! )")
KEPT_SECONDS = 300
KEYS_AGAIN_SECONDS = 30
"""How often a `kid` that is not known may make us fetch the keys again."""
LEAST_RSA_BITS = 2048
"""NIST SP 800-131A: shorter keys are not strong enough to prove who somebody is."""
AUTH_METHODS = "token_endpoint_auth_methods_supported"


_kept: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
"""What providers published, by address of it, with the moment it was fetched. Threads need no lock: each entry is put there
in one step, whole, and never changed."""


def authorization_url(chosen: Provider, state: str, errand: Errand, *, fresh: bool = False) -> str:
    """Where to send the browser: code flow with PKCE S256 (RFC 7636), state and nonce. Raises ProviderUnavailable.

    `max_age` makes the provider say when the person signed in there (OIDC Core §3.1.2.1), and bounds how long ago.
    `fresh`: they must do so now.
    """
    endpoint = metadata(chosen)["authorization_endpoint"]
    asked = {"max_age": "0" if fresh else str(settings().session_max_seconds)} | (
        {"prompt": chosen.prompt} if chosen.prompt.strip() else {}
    )
    with provider_http.session(chosen, providers.redirect_uri(chosen.name)) as client:
        url, _ = client.create_authorization_url(
            endpoint, state=state, nonce=errand.nonce, code_verifier=errand.code_verifier, **asked
        )
    return str(url)


def person(chosen: Provider, code: str, issuer: str | None, errand: Errand) -> Person:
    """Redeems the code, of an answer that names this issuer, and reads who it is. Raises OauthFailed, ProviderUnavailable."""
    with provider_connections.within(bounded_http.WHOLE_SECONDS):
        _check_issuer(chosen, issuer)
        return _redeemed(chosen, code, errand)


def _check_issuer(chosen: Provider, issuer: str | None) -> None:
    """RFC 9207 §2.4: an answer that names another issuer, or none although this one promised to, was not meant for us."""
    about = metadata(chosen)
    if (issuer is not None or about.get(NAMES_ITSELF) is True) and issuer != about["issuer"]:
        raise _refused(chosen, "the answer does not name this issuer")


def _redeemed(chosen: Provider, code: str, errand: Errand) -> Person:
    about = metadata(chosen)
    answer = provider_http.exchanged(
        chosen,
        about["token_endpoint"],
        providers.redirect_uri(chosen.name),
        _authentication(chosen, about),
        code=code,
        code_verifier=errand.code_verifier,
    )
    claims = _verified(chosen, about, answer.get("id_token"), errand.nonce)
    return _person(chosen, about, claims | _more(chosen, about, claims, answer.get("access_token")))


def _authentication(chosen: Provider, about: dict[str, Any]) -> str:
    """How the provider wants our secret: Basic, unless it takes that in the form only (Discovery 1.0 §3)."""
    offered = about.get(AUTH_METHODS) or [provider_http.BASIC]
    for method in (provider_http.BASIC, provider_http.POST):
        if isinstance(offered, list) and method in offered:
            return method
    raise _refused(chosen, f"its {AUTH_METHODS} has neither {provider_http.BASIC} nor {provider_http.POST}")


def metadata(chosen: Provider) -> dict[str, Any]:
    """The discovery document; its issuer must be whom we asked (Discovery 1.0 §4.3)."""

    def fetch() -> dict[str, Any]:
        found = provider_http.fetched(chosen, chosen.discovery_url)
        if wrong := [name for name in {*NEEDED, *found} & ADDRESSES if not _is_safe(found.get(name))]:
            raise _refused(chosen, f"its discovery document has no https address for {' and '.join(wrong)}")
        if f"{found['issuer'].rstrip('/')}/.well-known/openid-configuration" != chosen.discovery_url:
            raise _refused(chosen, "its discovery document names another issuer")
        return found

    return _remembered((chosen.name, chosen.discovery_url), KEPT_SECONDS, fetch)


def unlisted_hosts(chosen: Provider) -> list[str]:
    """The hosts that its discovery document leads us to and OUTBOUND_HOSTS does not have. Raises as `metadata` does."""
    found = {urlsplit(address).hostname or "" for name, address in metadata(chosen).items() if name in ASKED}
    return sorted(host for host in found if not settings().may_ask(host))


def _is_safe(address: object) -> bool:
    """Whether secrets may be sent and keys be taken there: by https, or on this machine."""
    if not isinstance(address, str) or not re.fullmatch(r"[\x21-\x7e]+", address):
        return False
    try:
        parts = urlsplit(address)
        place = parts.hostname if parts.port != 0 else None
    except ValueError:
        return False
    by_itself = not (parts.username or parts.fragment) and "\\" not in address
    return bool(place) and by_itself and (parts.scheme == "https" or (parts.scheme == "http" and place in LOOPBACK))


def _remembered(key: tuple[str, str], seconds: float, fetch: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    moment, found = _kept.get(key, (0.0, {}))
    if not found or time.monotonic() - moment > seconds:
        found = fetch()
        _kept[key] = (time.monotonic(), found)
    return found


def _verified(chosen: Provider, about: dict[str, Any], id_token: object, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that is signed by the provider, for us, now, for this visit (OIDC Core §3.1.3.7)."""
    if not isinstance(id_token, str) or len(id_token) > bounded_http.MOST_BYTES:
        raise _refused(chosen, "it sent no ID token")
    claims = _decoded(chosen, about["jwks_uri"], id_token)
    now = clock.now().timestamp()
    audience = claims.get("aud")
    faults = {
        "iss": claims.get("iss") != about["issuer"],
        "aud": audience not in (chosen.client_id, [chosen.client_id]),
        "azp": claims.get("azp", chosen.client_id) != chosen.client_id,
        "nonce": not hmac.compare_digest(str(claims.get("nonce")).encode("utf-8", "replace"), nonce.encode()),
        "exp": not _is_moment(claims.get("exp")) or claims["exp"] + LEEWAY < now,
        "iat": not _is_moment(claims.get("iat")) or claims["iat"] - LEEWAY > now,
        "nbf": not _is_moment(claims.get("nbf", 0)) or claims.get("nbf", 0) - LEEWAY > now,
        "sub": not _is_subject(claims.get("sub")),
    }
    if wrong := [name for name, is_wrong in faults.items() if is_wrong]:
        raise _refused(chosen, f"its ID token has a wrong {' and '.join(wrong)}")
    return claims


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LATEST


def _is_subject(value: object) -> bool:
    """OIDC Core §2: at most 255 ASCII characters. MariaDB would take `ada ` for `ada`, and PostgreSQL no NUL."""
    return isinstance(value, str) and SUBJECT.fullmatch(value) is not None


def _decoded(chosen: Provider, jwks_uri: str, id_token: str) -> dict[str, Any]:
    """By the provider's keys; fetched again where they may have been rotated, but not at every stranger's wish."""
    for seconds in (KEPT_SECONDS, KEYS_AGAIN_SECONDS):
        found = _remembered((chosen.name, jwks_uri), seconds, lambda: provider_http.fetched(chosen, jwks_uri))
        try:
            return dict(jwt.decode(id_token, _strong(found), algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            fault = type(error).__name__
    raise _refused(chosen, f"its ID token cannot be verified: {fault}")


def _strong(published: dict[str, Any]) -> KeySet:
    """The published keys without RSA keys that are too short. Raises ValueError where none is left."""
    keys = KeySet.import_key_set(cast(Any, published)).keys
    strong = [key for key in keys if not isinstance(key, RSAKey) or key.public_key.key_size >= LEAST_RSA_BITS]
    if not strong:
        raise ValueError("no key, or only RSA keys under 2048 bits")
    return KeySet(strong)


def _more(chosen: Provider, about: dict[str, Any], claims: dict[str, Any], token: object) -> dict[str, Any]:
    """What only the userinfo endpoint tells, where the ID token has no address (OIDC Core §5.3.2: the same `sub`)."""
    endpoint = about.get("userinfo_endpoint")
    if "email" in claims or not isinstance(endpoint, str) or not isinstance(token, str):
        return {}
    found = provider_http.fetched(chosen, endpoint, bearer=token)
    if found.get("sub") != claims["sub"]:
        raise _refused(chosen, "its userinfo endpoint told of somebody else")
    return {name: found[name] for name in ("email", "email_verified", "given_name", "family_name") if name in found}


def _person(chosen: Provider, about: dict[str, Any], claims: dict[str, Any]) -> Person:
    email = claims.get("email") if claims.get("email_verified") is True else None
    return Person(
        provider=chosen.name,
        issuer=about["issuer"],
        subject=claims["sub"],
        email=email if isinstance(email, str) else None,
        first_name=_name(claims.get("given_name")),
        last_name=_name(claims.get("family_name")),
        auth_time=_auth_time(claims.get("auth_time")),
    )


def _auth_time(value: object) -> datetime | None:
    """When the person signed in at the provider. What is no such moment counts as not told: never as fresh."""
    now = clock.now()
    if not _is_moment(value) or not 0 < cast(float, value) <= now.timestamp() + LEEWAY:
        return None
    return min(now, datetime.fromtimestamp(cast(float, value), UTC))


def _name(value: object) -> str | None:
    """A name that the service would refuse is left out: it must not keep somebody from signing in."""
    try:
        return names.person_name(value) if isinstance(value, str) else None
    except names.Malformed:
        return None


def _refused(chosen: Provider, why: str) -> OauthFailed:
    return providers.refused(chosen.name, why)
