"""Each kind of secret at each place that takes one: only the intended cells work.

The places are made from the route table: a header, a path, a query or a field of a body. A new route, or a new field, that
nobody has sorted fails here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from resources.contract import Access, Contract
from resources.routes import ROUTES
from services import openid
from tests.attacks.secrets_of import NEWER, Holder, holder
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.resources.conftest import Door, door_with

METHODS = ("get", "post", "put", "delete", "patch")
PROVIDER = {
    "GOOGLE_CLIENT_ID": "client",
    "GOOGLE_CLIENT_SECRET": "client-secret",
    "GOOGLE_DISCOVERY_URL": "http://127.0.0.1:9/.well-known/openid-configuration",
}
KINDS = (
    *("access token", "refresh token", "mfa_token", "confirm link", "change link", "reset link", "not-me link"),
    *("undo link of an address", "undo link of a deletion", "login code", "step-up code", "recovery code", "TOTP code"),
    *("CSRF value", "link ticket", "exchange code", "link token", "link code", "password", "TOTP secret"),
    *("step-up ticket", "step-up exchange code", "signup_token"),
)
BEARERS = {
    Access.SIGNED_IN: ("access token",),
    Access.EITHER_WAY: ("access token",),
    Access.REFRESH: ("refresh token",),
    Access.EITHER_TOKEN: ("access token", "refresh token"),
}
PATHS = {
    "/confirm/<string:token>": ("confirm link", "change link"),
    "/reset-password/<string:token>": ("reset link",),
    "/undo/<string:token>": ("undo link of an address", "undo link of a deletion"),
    "/not-me/<string:token>": ("not-me link",),
}
SECOND_FACTOR = ("TOTP code", "recovery code")
NOT_SECRET = {"username", "email", "first_name", "last_name", "phone_number", "profile_picture"}
NOT_SECRET |= {"folder", "new_password", "limit", "before", "state", "session_id", "name", "code of a problem", "provider"}
CHOSEN = {("POST", "/signup", "password"), ("POST", "/reset-password/<string:token>", "password")}
"""Passwords that are set, not asked for."""


@dataclass(frozen=True)
class Place:
    """Where a secret is taken: `how` is `bearer`, `path`, `query`, or a field's name and, where there are two ways, which."""

    method: str
    path: str
    how: str
    takes: tuple[str, ...]
    besides: Callable[[Holder], dict[str, Any]] = lambda holder: {}
    signed_in: bool = False
    link: str = "change link"
    """Which link stands in the path, where that is not the place itself."""

    @property
    def field(self) -> str:
        return self.how.partition(",")[0]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.how}"


def _by_name(holder: Holder) -> dict[str, Any]:
    return {"username": holder.name, "password": PASSWORD}


def _by_mail(holder: Holder) -> dict[str, Any]:
    return {
        "email": holder.email,
        "otp_code": holder.secrets["login code"],
        "password": PASSWORD,
        "mfa_code": holder.spare[0],
    }


def _proof(holder: Holder) -> dict[str, Any]:
    return {"password": PASSWORD, "mfa_code": holder.spare[0]}


def _step_up(holder: Holder) -> dict[str, Any]:
    return {"otp_code": holder.secrets["step-up code"], "mfa_code": holder.spare[0]}


def _second_factor(holder: Holder) -> dict[str, Any]:
    return {"mfa_code": holder.spare[0]}


def _step_up_at_provider(holder: Holder) -> dict[str, Any]:
    return {"code": holder.secrets["step-up exchange code"]}


def _waiting(holder: Holder) -> dict[str, Any]:
    return {"link_token": holder.secrets["link token"]}


FIELDS = [
    Place("POST", "/login", "password", ("password",), lambda one: _by_name(one) | {"mfa_code": one.spare[0]}),
    Place("POST", "/login", "mfa_code", SECOND_FACTOR, _by_name),
    Place("POST", "/login", "mfa_code, second step", SECOND_FACTOR, lambda one: {"mfa_token": one.secrets["mfa_token"]}),
    Place("POST", "/login", "mfa_token", ("mfa_token",), lambda one: {"mfa_code": one.spare[0]}),
    Place("POST", "/reauthenticate", "password", ("password",), _proof, signed_in=True),
    Place("POST", "/reauthenticate", "mfa_code", SECOND_FACTOR, _proof, signed_in=True),
    Place("POST", "/change-password", "current_password", ("password",), lambda _: {"new_password": NEWER}, signed_in=True),
    Place("POST", "/mfa", "mfa_code", (), signed_in=True),  # a set-up: its app is another one
    Place("DELETE", "/mfa", "mfa_code", SECOND_FACTOR, signed_in=True),
    Place("POST", "/mfa/recovery-codes", "mfa_code", SECOND_FACTOR, signed_in=True),
    Place("POST", "/verify-otp", "otp_code", ("login code",), _by_mail),
    Place("POST", "/verify-otp", "password", ("password",), _by_mail),
    Place("POST", "/verify-otp", "mfa_code", SECOND_FACTOR, _by_mail),
    Place("POST", "/verify-otp", "otp_code, with a token", ("step-up code",), _step_up, signed_in=True),
    Place("POST", "/verify-otp", "mfa_code, with a token", SECOND_FACTOR, _step_up, signed_in=True),
    Place("DELETE", "/profile", "password", ("password",), signed_in=True),
    Place("POST", "/auth/exchange", "code", ("exchange code",)),
    Place("POST", "/auth/exchange", "code, with a token", ("step-up exchange code",), _second_factor, signed_in=True),
    Place("POST", "/auth/exchange", "mfa_code, with a token", SECOND_FACTOR, _step_up_at_provider, signed_in=True),
    Place("POST", "/auth/link", "link_token", ("link token",), lambda _: {"password": PASSWORD}),
    Place("POST", "/auth/link", "password", ("password",), _waiting),
    Place("POST", "/auth/link", "otp_code", ("link code",), _waiting),
    Place("POST", "/auth/link/code", "link_token", ("link token",)),
    Place("GET", "/auth/<string:provider>", "query", ("link ticket", "step-up ticket")),
    Place("POST", "/confirm/<string:token>", "password", ("password",)),
    Place("POST", "/confirm/<string:token>", "signup_token", ("signup_token",), link="confirm link"),
]
BODIES: dict[tuple[str, str], Callable[[Holder], Any]] = {
    ("POST", "/change-password"): lambda _: {"current_password": PASSWORD, "new_password": NEWER},
    ("POST", "/reauthenticate"): _proof,
    ("DELETE", "/mfa"): lambda one: {"mfa_code": one.spare[0]},
    ("POST", "/mfa/recovery-codes"): lambda one: {"mfa_code": one.spare[0]},
    ("POST", "/verify-otp"): _step_up,
    ("PUT", "/profile"): lambda _: {"first_name": "Ada"},
    ("DELETE", "/profile"): lambda _: {"password": PASSWORD},
    ("POST", "/reset-password/<string:token>"): lambda _: {"password": NEWER},
    ("POST", "/auth/exchange"): lambda one: {"code": one.secrets["exchange code"]},
}
"""What a call wants besides the secret in its header or path."""
REFUSED_ALL_THE_SAME = {"POST /mfa bearer": 409, "DELETE /sessions/<string:session_id> bearer": 404}
REFUSED_ALL_THE_SAME |= {"DELETE /auth/<string:provider>/link bearer": 404}
REFUSED_ALL_THE_SAME |= {"POST /auth/<string:provider>/reauthenticate bearer": 404}
"""The token is taken, and then there is nothing to do."""


def contracts() -> Iterator[tuple[str, str, Access, Contract]]:
    for path, resource in ROUTES.items():
        for method in METHODS:
            if hasattr(resource, method):
                yield method.upper(), path, resource.access_of(method), getattr(resource, method).contract


def places() -> Iterator[Place]:
    for method, path, access, _ in contracts():
        if access in BEARERS:
            yield Place(method, path, "bearer", BEARERS[access])
        if "<string:token>" in path:
            yield Place(method, path, "path", PATHS[path])
    yield from FIELDS


def ask(holder: Holder, place: Place, secret: str) -> TestResponse:
    """The call with everything else right."""
    path = place.path.replace("<string:provider>", "google").replace("<string:session_id>", holder.id)
    body = (place.besides if place in FIELDS else BODIES.get((place.method, place.path), lambda _: None))(holder)
    token = holder.access if place.signed_in else None
    if place.how == "bearer":
        token = secret
    elif place.how == "path":
        path = path.replace("<string:token>", secret)
    elif place.how == "query":
        path, body = f"{path}?ticket={secret}", None
    else:
        body = body | {place.field: secret}
    path = path.replace("<string:token>", holder.secrets[place.link])
    more = {} if place.method == "GET" or body is None else {"json": body}
    headers = {"Accept": "application/json", "Host": "127.0.0.1:5000"}
    return holder.door.ask(place.method, path, token=token, headers=headers, **more)


def is_taken(answer: TestResponse) -> bool:
    """Also where a second factor is wanted next."""
    return answer.status_code < 400 or answer.get_json()["code"] == "mfa_required"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Iterator[Door]:
    """With a provider, whose own pages nobody visits here."""
    mail_server.clear()
    known = {"issuer": "http://127.0.0.1:9", "authorization_endpoint": "http://127.0.0.1:9/authorize"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openid, "metadata", lambda chosen: known)
        folder = tmp_path_factory.mktemp("kinds")
        yield door_with(folder, mail_server, smtp, SQLITE_SYNCHRONOUS="NORMAL", **PROVIDER)


def test_every_place_that_takes_a_secret_is_sorted() -> None:
    fields = {(place.method, place.path, place.field) for place in FIELDS}
    unsorted = []
    for method, path, _, contract in contracts():
        names = set(contract.body.model_fields) if contract.body else set()
        unsorted += [(method, path, name) for name in names - NOT_SECRET if (method, path, name) not in fields | CHOSEN]
        queried = set(contract.query.model_fields) if contract.query else set()
        unsorted += [(method, path, name) for name in queried - NOT_SECRET if (method, path, "query") not in fields]
        in_path = {part.partition(":")[2].rstrip(">") for part in path.split("/") if part.startswith("<")}
        expected = NOT_SECRET | ({"token"} if path in PATHS else set()) | ({"code"} if path.startswith("/problems") else set())
        unsorted += [(method, path, name) for name in in_path - expected]
    assert unsorted == [], "give these a row: which kinds of secret they take"


def kept(house: Door, place: Place) -> dict[str, int]:
    """How many rows there are. Of wrong second factors the owner is told, which is a letter."""
    return {table: count for table, count in house.counts().items() if table != "letters" or place.takes != SECOND_FACTOR}


@pytest.mark.parametrize("place", [*places()], ids=str)
def test_only_the_intended_kinds_work(house: Door, place: Place) -> None:
    one = holder(house)
    assert set(KINDS) == set(one.secrets) | {"TOTP code"}
    before = kept(house, place)
    for kind in sorted(set(KINDS) - set(place.takes)):
        one.settle()
        answer = ask(one, place, one.given(kind))
        assert answer.status_code < 500
        assert not is_taken(answer), f"{place} took {kind}: {answer.status_code} {answer.text}"
        assert kept(house, place) == before, f"{place} refused {kind}, and still wrote"
    for number, kind in enumerate(place.takes):
        one = holder(house) if number else one
        one.settle()
        answer = ask(one, place, one.given(kind))
        wanted = REFUSED_ALL_THE_SAME.get(str(place))
        assert answer.status_code == wanted if wanted else is_taken(answer), f"{kind}: {answer.text}"
    print(f"\n{place}: {len(place.takes)} of {len(KINDS)} kinds work")
