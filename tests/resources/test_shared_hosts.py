"""Two services on one host: a browser gives each the other's cookies, since ports do not keep cookies apart."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.parts.hostile_provider import Realm, hostile_provider
from tests.parts.smtp import MailServer
from tests.people import BROWSER
from tests.resources.conftest import Door, door_with
from tests.resources.cookie_page import Page, set_by
from tests.visitors import Visitor, settings_of

Build = Callable[..., Door]
COOKIES = {"JWT_TOKEN_LOCATION": "cookies"}
OTHER_KEY = base64.urlsafe_b64encode(bytes(range(200, 232))).decode()
STRANGERS = {
    "another key": {"JWT_SECRET_KEY": OTHER_KEY},
    "another issuer": {"JWT_ISSUER": "https://other.example.org"},
    "another audience": {"JWT_AUDIENCE": "other"},
}


@pytest.fixture
def realm() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture
def ours(build: Build) -> Door:
    door = build(**COOKIES)
    door.account()
    return door


@pytest.fixture
def neighbor(tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Callable[..., Door]:
    """Makes another service, with a database of its own."""

    def make(folder: Path | None = None, **changes: str) -> Door:
        door = door_with(folder or tmp_path_factory.mktemp("neighbor"), mail_server, smtp, **COOKIES, **changes)
        door.account()
        return door

    return make


@pytest.mark.parametrize("how", STRANGERS)
def test_a_service_leaves_the_cookies_of_another_one_alone(ours: Door, neighbor: Build, how: str) -> None:
    theirs = Page(neighbor(**STRANGERS[how]))
    theirs.sign_in()
    visit = Page(ours, dict(theirs.cookies), dict(theirs.csrf))
    calls = [("GET", "/profile", None), ("POST", "/refresh", visit.refresh_csrf), ("POST", "/logout", visit.access_csrf)]
    for method, path, csrf in calls:
        answer = visit.ask(method, path, csrf=csrf)
        assert (answer.status_code, set_by(answer)) == (401, {})
    assert theirs.lives()


def test_signing_out_takes_only_the_own_cookie_of_a_mixed_pair(ours: Door, neighbor: Build) -> None:
    theirs, own = Page(neighbor(JWT_SECRET_KEY=OTHER_KEY)), Page(ours)
    theirs.sign_in()
    own.sign_in()
    mixed = Page(ours, own.cookies | {"latchkey_refresh": theirs.cookies["latchkey_refresh"]}, dict(own.csrf))
    answer = mixed.ask("POST", "/logout", csrf=mixed.access_csrf)
    assert (answer.status_code, set(set_by(answer))) == (200, {"latchkey_access"})


def test_with_prefixes_of_their_own_both_stay_signed_in(ours: Door, neighbor: Build) -> None:
    shared: dict[str, str] = {}
    pages = [Page(ours, shared), Page(neighbor(COOKIE_PREFIX="shop", JWT_SECRET_KEY=OTHER_KEY), shared)]
    for page in pages:
        page.sign_in()
    assert set(shared) == {"latchkey_access", "latchkey_refresh", "shop_access", "shop_refresh"}
    assert all(page.lives() for page in pages)
    assert pages[1].ask("POST", "/logout", csrf=pages[1].access_csrf).status_code == 200
    assert set(shared) == {"latchkey_access", "latchkey_refresh"}
    assert pages[0].lives()


@pytest.mark.parametrize(("base", "before"), [("http://127.0.0.1:5000", ""), ("https://auth.example.org", "__Host-")])
def test_every_cookie_has_the_prefix(build: Build, realm: Realm, base: str, before: str) -> None:
    door = build(COOKIE_PREFIX="shop", BASE_URL=base, **COOKIES, **settings_of(realm.discovery_url))
    door.account()
    names = set(set_by(Page(door).sign_in()))
    (visit,) = Visitor(door).open("/auth/google").headers.getlist("Set-Cookie")
    door.post("/forgot-password", {"email": "ada@example.org"})
    link = door.mail_to("ada@example.org")[-1].links[0]
    form = door.app.test_client().get("/" + link.split("/", 3)[3], headers=BROWSER, base_url=base)
    assert form.headers.getlist("Set-Cookie") == [], "hosted forms need none"
    assert names | {visit.partition("=")[0]} == {f"{before}shop_{rest}" for rest in ("access", "refresh", "visit")}
