"""An OpenID provider of the tests' own: honest, and strict with its client, until a test makes it misbehave."""

import base64
import hashlib
import json
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey

from .ports import LOOPBACK, free_port

CLIENT_ID, CLIENT_SECRET = "latchkey", "secret-of-latchkey"
DISCOVERY, TOKEN, JWKS, USERINFO = ENDPOINTS = ("/.well-known/openid-configuration", "/token", "/jwks", "/userinfo")
METHODS = "token_endpoint_auth_methods_supported"
KEY: RSAKey = RSAKey.generate_key(2048, {"kid": "the provider's", "use": "sig", "alg": "RS256"})
Claims = dict[str, Any]
Fault = Callable[[BaseHTTPRequestHandler], None]


def encoded(part: object) -> str:
    """A part of a JWS, with nothing checked: NaN and lone surrogates too."""
    return base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).decode().rstrip("=")


def signed(claims: Claims, key: RSAKey = KEY, **header: Any) -> str:
    """A JWS of these claims; `header` over the honest one."""
    message = f"{encoded({'alg': 'RS256', 'kid': KEY.kid, 'typ': 'JWT'} | header)}.{encoded(claims)}"
    private = key.private_key
    assert private is not None
    return f"{message}.{encoded(private.sign(message.encode(), PKCS1v15(), SHA256()))}"


@dataclass
class Realm:
    """One issuer. `faults` answer in place of its endpoints; `claims`, `token` and `published` say what it lies about."""

    issuer: str
    faults: dict[str, Fault] = field(default_factory=dict)
    claims: Callable[[Claims], Claims] = lambda honest: honest
    id_token: Callable[[Claims], object] = signed
    published: dict[str, Claims] = field(default_factory=dict)
    secret: str = CLIENT_SECRET
    asked: Counter[str] = field(default_factory=Counter)
    _visits: dict[str, tuple[dict[str, str], Claims]] = field(default_factory=dict)

    @property
    def discovery_url(self) -> str:
        return self.issuer + DISCOVERY

    def sign_in(self, authorization_url: str, **person: Any) -> str:
        """The query with which the browser is sent back, once this person has signed in."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()}
        assert asked["client_id"] == CLIENT_ID
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert {"openid", "email"} <= set(asked["scope"].split())
        code = secrets.token_urlsafe(16)
        self._visits[code] = (asked, person)
        return urlencode({"code": code, "state": asked["state"], "iss": self.issuer})

    def answer(self, endpoint: str, request: BaseHTTPRequestHandler) -> tuple[int, object]:
        self.asked[endpoint] += 1
        if endpoint == TOKEN:
            return self._redeemed(request)
        places = {
            "authorization_endpoint": "/authorize",
            "token_endpoint": TOKEN,
            "jwks_uri": JWKS,
            "userinfo_endpoint": USERINFO,
        }
        documents: dict[str, Claims] = {
            DISCOVERY: {"issuer": self.issuer} | {name: self.issuer + path for name, path in places.items()},
            JWKS: {"keys": [KEY.as_dict(private=False)]},
            USERINFO: {"sub": "nobody"},
        }
        return 200, documents[endpoint] | self.published.get(endpoint, {})

    def _redeemed(self, request: BaseHTTPRequestHandler) -> tuple[int, object]:
        form = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
        given = {name: values[0] for name, values in form.items()}
        asked, person = self._visits.pop(given.get("code", ""), ({}, {}))
        wanted = {"grant_type": "authorization_code", "redirect_uri": asked.get("redirect_uri")}
        challenge = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        proofs = [
            self._knows_us(request, given),
            base64.urlsafe_b64encode(challenge).decode().rstrip("=") == asked.get("code_challenge"),
            all(given.get(name) == value for name, value in wanted.items()),
        ]
        if not all(proofs):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        honest = {"iss": self.issuer, "aud": CLIENT_ID, "nonce": asked["nonce"], "iat": now, "exp": now + 300}
        if "max_age" in asked:  # OIDC Core §3.1.2.1: only then it has to be told
            honest |= {"auth_time": now}
        honest |= person
        answer = {"access_token": "of the provider", "token_type": "Bearer", "expires_in": 300}
        return 200, answer | {"id_token": self.id_token(self.claims(honest))} | self.published.get(TOKEN, {})

    def _knows_us(self, request: BaseHTTPRequestHandler, given: dict[str, str]) -> bool:
        """RFC 6749 §2.3.1, to the letter: form-encoded in Basic, or in the form; never both (§2.3)."""
        header, in_form = request.headers["Authorization"], (given.get("client_id"), given.get("client_secret"))
        if "client_secret_basic" not in self.published.get(DISCOVERY, {}).get(METHODS, ["client_secret_basic"]):
            return header is None and in_form == (CLIENT_ID, self.secret)
        pair = base64.b64decode((header or "").removeprefix("Basic ")).decode().split(":")
        return in_form[1] is None and [unquote_plus(part) for part in pair] == [CLIENT_ID, self.secret]


@dataclass
class HostileProvider:
    """Issuers on one port, each named by the path it begins with."""

    url: str
    realms: dict[str, Realm] = field(default_factory=dict)

    def realm(self, name: str = "google") -> Realm:
        return self.realms.setdefault(name, Realm(f"{self.url}/{name}"))


@contextmanager
def hostile_provider(tls: ssl.SSLContext | None = None) -> Iterator[HostileProvider]:
    """Yield a provider that listens on a free port of its own."""
    server = _Server((LOOPBACK, free_port()), _Endpoint)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    provider = HostileProvider(f"http{'s' * bool(tls)}://{LOOPBACK}:{server.server_port}")
    server.provider = provider
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False
    provider: HostileProvider

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has heard enough closes the connection."""


class _Endpoint(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        name, slash, rest = self.path[1:].partition("/")
        realm = self.server.provider.realms.get(name)
        endpoint = slash + rest
        if realm is None or endpoint not in ENDPOINTS:
            self.send_error(404)
        elif fault := realm.faults.get(endpoint):
            realm.asked[endpoint] += 1
            fault(self)
        else:
            status, document = realm.answer(endpoint, self)
            send(self, json.dumps(document).encode(), status)

    def do_POST(self) -> None:
        # Left unread, it would make the close a reset, by which the answer is lost.
        self.rfile = BytesIO(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Silent: what matters is asserted."""


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """A whole answer; the client may have gone."""
    request.send_response(status)
    for name, value in ({"Content_Type": "application/json", "Content_Length": str(len(body))} | headers).items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)
