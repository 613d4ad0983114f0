"""`/auth/<provider>`, its callback and `/auth/exchange`: shapes, cookies, and what comes back once, to the same browser."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
import pytest
import time_machine

from services import openid
from tests.parts.hostile_provider import TOKEN, Realm, hostile_provider, send
from tests.resources.conftest import Door
from tests.resources.cookie_page import ACCESS, REFRESH, Page
from tests.resources.problem import code_of
from tests.visitors import Visitor, ada, settings_of, told

Build = Callable[..., Door]
PAGE = "https://app.example.org"
SIGNED_IN = {"access_token", "refresh_token", "token_type", "expires_in", "message"}


@pytest.fixture(scope="module")
def provider_realm() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture
def realm(provider_realm: Realm) -> Realm:
    openid._kept.clear()
    provider_realm.faults.clear()
    provider_realm.published.clear()
    provider_realm.asked.clear()
    return provider_realm


@pytest.fixture
def door(build: Build, realm: Realm) -> Door:
    """Without a page: the callback answers JSON."""
    return build(**settings_of(realm.discovery_url))


@pytest.fixture
def paged(build: Build, realm: Realm) -> Door:
    """With a page at FRONTEND_URL."""
    return build(FRONTEND_URL=PAGE, **settings_of(realm.discovery_url))


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield traveller


def without(query: str, **others: str) -> str:
    """The query with other values; an empty one leaves the name out."""
    return urlencode({name: value for name, value in (dict(parse_qsl(query)) | others).items() if value})


def nothing_kept(door: Door) -> bool:
    counts = door.counts()
    return not any(counts[name] for name in ("users", "identities", "sessions", "tickets", "letters"))


def test_the_browser_is_sent_to_the_provider_with_state_nonce_and_pkce(door: Door, realm: Realm) -> None:
    first, second = (urlsplit(Visitor(door).leave("/auth/google?state=the-page-s-own")) for _ in range(2))
    assert first._replace(query="").geturl() == f"{realm.issuer}/authorize"
    asked, other = ({name: values[0] for name, values in parse_qs(url.query).items()} for url in (first, second))
    fixed = ("response_type", "client_id", "redirect_uri", "scope", "code_challenge_method")
    assert [asked[name] for name in fixed] == ["code", "latchkey", f"{_address(door)}/auth/google/callback", *SCOPE, "S256"]
    assert (asked["prompt"], asked["max_age"]) == ("select_account", "2592000")
    assert set(asked) == {*fixed, "state", "nonce", "code_challenge", "prompt", "max_age"}
    assert all(len(asked[name]) == 43 and asked[name] != other[name] for name in ("state", "nonce", "code_challenge"))
    assert "the-page-s-own" not in first.query


SCOPE = ["openid email profile"]


def _address(door: Door) -> str:
    return str(door.app.extensions["settings"].address)


@pytest.mark.parametrize("base", ["http://127.0.0.1:5000", "https://auth.example.org"])
def test_the_visit_is_tied_to_the_browser_by_a_cookie_that_says_nothing(build: Build, realm: Realm, base: str) -> None:
    door = build(BASE_URL=base, **settings_of(realm.discovery_url))
    visitor = Visitor(door)
    url = visitor.leave()
    (line,) = visitor.open("/auth/google").headers.getlist("Set-Cookie")
    ((name, cookie),) = SimpleCookie(line).items()
    secure = base.startswith("https")
    assert name == ("__Host-latchkey_visit" if secure else "latchkey_visit")
    assert (bool(cookie["secure"]), cookie["httponly"], cookie["samesite"]) == (secure, True, "Lax")
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", "1260")
    assert len(cookie.value) == 43
    kept = [row["about"] + row["state_digest"] + row["browser_digest"] for row in door.rows("provider_visits")]
    secrets = [cookie.value, *(value for _, value in parse_qsl(urlsplit(url).query))]
    assert not any(secret in text for text in kept for secret in secrets if len(secret) > 20)


def test_the_callback_is_a_token_answer_and_says_fed(door: Door, realm: Realm) -> None:
    answer = Visitor(door).sign_in(realm, **ada())
    assert answer.status_code == 200
    assert set(answer.get_json()) == SIGNED_IN
    assert answer.get_json()["token_type"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Session-Idle-Expires" in answer.headers
    claims = jwt.decode(answer.get_json()["access_token"], options={"verify_signature": False})
    assert claims["amr"] == ["fed"]
    assert door.get("/profile", answer.get_json()["access_token"]).get_json()["oauth_providers"] == ["google"]


@pytest.mark.parametrize("host", ["localhost", "evil.example", "127.0.0.1", "127.0.0.1:5001", "127.0.0.1:5000.evil.example"])
def test_on_another_host_the_browser_is_first_sent_to_the_own_one(door: Door, realm: Realm, host: str) -> None:
    answer = Visitor(door).open("/auth/google?state=abc", Host=host)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:5000/auth/google?state=abc&here=1")
    assert "Set-Cookie" not in answer.headers
    assert door.counts()["provider_visits"] == realm.asked.total() == 0
    again = Visitor(door).open("/auth/google?state=abc&here=1", Host=host)
    assert again.headers["Location"].startswith(realm.issuer), "a proxy that hides the host does not send it round and round"


@pytest.mark.parametrize("base", ["https://auth.example.org:443", "https://Auth.Example.org", "http://AUTH.example.org:80"])
def test_every_spelling_of_the_own_host_is_the_own_host(build: Build, realm: Realm, base: str) -> None:
    """Browsers write it in lower case and without the scheme's own port: else they would be sent round and round."""
    door = build(BASE_URL=base, **settings_of(realm.discovery_url))
    assert Visitor(door).open("/auth/google", Host="auth.example.org").headers["Location"].startswith(realm.issuer)


@pytest.mark.parametrize("path", ["/auth/nobody", "/auth/nobody/callback?code=a&state=b", "/auth/%0d%0aX:a", "/auth/%E2%82%AC"])
@pytest.mark.parametrize("host", ["127.0.0.1:5000", "evil.example"])
def test_a_provider_that_is_not_set_up_is_not_found(door: Door, path: str, host: str) -> None:
    answer = Visitor(door).open(path, Host=host)
    assert (answer.status_code, code_of(answer)) == (404, "provider_not_configured")


def test_without_a_client_id_google_is_not_configured(build: Build) -> None:
    door = build()
    door.account()
    access, _ = door.tokens()
    calls = [("GET", "/auth/google"), ("GET", "/auth/google/callback?code=a&state=b")]
    signed_in = [("POST", "/auth/google/link"), ("DELETE", "/auth/google/link")]
    answers = [door.ask(*call) for call in calls] + [door.ask(*call, token=access) for call in signed_in]
    assert {(answer.status_code, code_of(answer)) for answer in answers} == {(404, "provider_not_configured")}


@pytest.mark.parametrize("state", ["", "a" * 129, "a b", "ä", "a+b", "a%0Ab", "a%0A", "a%00", "a/b"])
def test_a_state_that_could_not_be_given_back_as_it_is_is_refused(paged: Door, state: str) -> None:
    assert code_of(Visitor(paged).open(f"/auth/google?state={state}")) == "validation_failed"
    assert code_of(Visitor(paged).open("/auth/google?state=a&state=b")) == "validation_failed"
    assert code_of(Visitor(paged).open("/auth/google?next=https://evil.example")) == "validation_failed"
    assert paged.counts()["provider_visits"] == 0


@pytest.mark.parametrize("state", [None, "a", "A-Z_a-z-0-9", "x" * 128])
def test_the_page_is_told_a_code_and_its_own_state_and_never_a_token(paged: Door, realm: Realm, state: str | None) -> None:
    answer = Visitor(paged).sign_in(realm, query=f"?state={state}" if state else "", **ada())
    assert answer.headers["Location"].startswith(f"{PAGE}/auth/callback#")
    said = told(answer)
    assert said == {"code": said["code"]} | ({"state": state} if state else {})
    assert len(said["code"]) == 43
    assert answer.get_data() == b""
    assert paged.counts()["sessions"] == 0, "nobody is signed in before the code is exchanged"
    tokens = paged.post("/auth/exchange", {"code": said["code"]})
    assert (tokens.status_code, set(tokens.get_json())) == (200, SIGNED_IN)


def test_a_code_is_good_once_and_for_a_minute(paged: Door, realm: Realm, clock: time_machine.Traveller) -> None:
    visitor = Visitor(paged)
    first, late = (told(visitor.sign_in(realm, **ada()))["code"] for _ in range(2))
    assert paged.post("/auth/exchange", {"code": first}).status_code == 200
    assert code_of(paged.post("/auth/exchange", {"code": first})) == "invalid_token"
    clock.shift(61)
    assert code_of(paged.post("/auth/exchange", {"code": late})) == "invalid_token"
    assert paged.counts()["sessions"] == 1


@pytest.mark.parametrize("code", ["", "a", "a" * 43, "a" * 201, "\0", 5, None, ["a"]])
def test_a_code_that_is_none_is_refused(paged: Door, code: object) -> None:
    answer = paged.post("/auth/exchange", {"code": code})
    assert (answer.status_code, code_of(answer)) in (
        (400, "invalid_token"),
        (400, "malformed_json"),
        (422, "validation_failed"),
    )
    assert paged.counts()["sessions"] == 0


def test_a_mailed_links_secret_is_no_code_to_exchange(paged: Door) -> None:
    paged.sign_up()
    secret = paged.mail_to("ada@example.org")[-1].links[0].rpartition("/")[2]
    assert code_of(paged.post("/auth/exchange", {"code": secret})) == "invalid_token"


def test_state_and_cookie_are_good_once(door: Door, realm: Realm) -> None:
    visitor = Visitor(door)
    back = f"/auth/google/callback?{realm.sign_in(visitor.leave(), **ada())}"
    assert visitor.open(back).status_code == 200
    assert [code_of(visitor.open(back)) for _ in range(2)] == ["oauth_failed"] * 2
    assert (door.counts()["sessions"], realm.asked[TOKEN]) == (1, 1), "and the provider is not asked again"


def test_a_failed_visit_is_over_too(door: Door, realm: Realm) -> None:
    visitor = Visitor(door)
    query = realm.sign_in(visitor.leave(), **ada())
    assert code_of(visitor.open(f"/auth/google/callback?{without(query, code='wrong')}")) == "oauth_failed"
    assert code_of(visitor.open(f"/auth/google/callback?{query}")) == "oauth_failed"
    assert nothing_kept(door)


WRONG = {
    "no state": {"state": ""},
    "another state": {"state": "a" * 43},
    "a state with more": {"state": "{}a"},
    "a NUL": {"state": "\0"},
    "no code": {"code": ""},
    "another code": {"code": "wrong"},
    "another issuer": {"iss": "https://evil.example"},
    "an issuer with a slash": {"iss": "{}/"},
    "an error": {"error": "server_error", "code": ""},
    "an error and a code": {"error": "server_error"},
    "an empty error": {"error": "\n"},
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_return_signs_nobody_in(build: Build, door: Door, realm: Realm, kind: str) -> None:
    visitor = Visitor(door)
    query = realm.sign_in(visitor.leave(), **ada())
    honest = dict(parse_qsl(query))
    changed = {name: value.format(honest.get(name, "")) for name, value in WRONG[kind].items()}
    assert code_of(visitor.open(f"/auth/google/callback?{without(query, **changed)}")) == "oauth_failed"
    assert nothing_kept(door)


def test_an_issuer_that_says_it_names_itself_must_do_so(door: Door, realm: Realm) -> None:
    """RFC 9207 §2.4; others need not."""
    for promised, outcome in ((False, 200), (True, 400)):
        openid._kept.clear()
        realm.published["/.well-known/openid-configuration"] = {"authorization_response_iss_parameter_supported": promised}
        visitor = Visitor(door)
        query = without(realm.sign_in(visitor.leave(), **ada()), iss="")
        assert visitor.open(f"/auth/google/callback?{query}").status_code == outcome


def test_another_browser_cannot_end_a_visit(door: Door, realm: Realm) -> None:
    visitor, other = Visitor(door), Visitor(door)
    query = realm.sign_in(visitor.leave(), **ada())
    for stranger in (Visitor(door), Visitor(door, {"latchkey_visit": "a" * 43}), Visitor(door, {"latchkey_visit": ""})):
        assert code_of(stranger.open(f"/auth/google/callback?{query}")) == "oauth_failed"
    other.leave()
    assert code_of(other.open(f"/auth/google/callback?{query}")) == "oauth_failed"
    assert nothing_kept(door)
    assert visitor.open(f"/auth/google/callback?{query}").status_code == 200, "and does not spoil it"


def test_two_tabs_of_one_browser_come_back_in_any_order(door: Door, realm: Realm) -> None:
    visitor = Visitor(door)
    queries = [realm.sign_in(visitor.leave(), **ada()) for _ in range(2)]
    assert [visitor.open(f"/auth/google/callback?{query}").status_code for query in reversed(queries)] == [200, 200]


def test_fifty_sign_ins_that_one_browser_began_leave_one_short_cookie_and_the_newest_works(door: Door, realm: Realm) -> None:
    """Browsers drop a cookie whose name and value have more than 4096 bytes."""
    visitor = Visitor(door)
    for _ in range(50):
        newest = realm.sign_in(visitor.leave(), **ada())
    assert len(visitor.cookies) == 1
    assert all(len(name + value) < 4096 for name, value in visitor.cookies.items())
    assert visitor.open(f"/auth/google/callback?{newest}").status_code == 200


def test_a_visit_of_one_provider_does_not_end_at_another(build: Build, realm: Realm) -> None:
    both = {"OIDC_PROVIDERS": "google,example"} | settings_of(realm.discovery_url) | settings_of(realm.discovery_url, "example")
    door = build(**both)
    visitor = Visitor(door)
    query = realm.sign_in(visitor.leave(), **ada())
    assert code_of(visitor.open(f"/auth/example/callback?{query}")) == "oauth_failed"
    assert visitor.sign_in(realm, "example", **ada()).status_code == 200


def test_a_visit_lasts_ten_minutes(door: Door, realm: Realm, clock: time_machine.Traveller) -> None:
    visitor = Visitor(door)
    early, late = (realm.sign_in(visitor.leave(), **ada()) for _ in range(2))
    clock.shift(590)
    assert visitor.open(f"/auth/google/callback?{early}").status_code == 200
    clock.shift(20)
    assert code_of(visitor.open(f"/auth/google/callback?{late}")) == "oauth_failed"


def test_the_page_is_told_what_went_wrong(paged: Door, realm: Realm) -> None:
    visitor = Visitor(paged)
    refused = without(realm.sign_in(visitor.leave("/auth/google?state=abc")), code="", error="access_denied")
    assert told(visitor.open(f"/auth/google/callback?{refused}")) == {"error": "oauth_cancelled", "state": "abc"}
    assert told(visitor.sign_in(realm, query="?state=abc", **ada(email_verified=False))) == {
        "error": "oauth_failed",
        "state": "abc",
    }
    assert told(visitor.open("/auth/google/callback?code=a&state=b")) == {"error": "oauth_failed"}
    assert told(visitor.open("/auth/nobody/callback?code=a&state=b")) == {"error": "provider_not_configured"}
    realm.faults[TOKEN] = lambda request: send(request, b"{}", 500)
    assert told(visitor.sign_in(realm, query="?state=abc", **ada())) == {"error": "provider_unavailable", "state": "abc"}
    assert nothing_kept(paged)


def test_a_page_beneath_a_path_is_told_there(build: Build, realm: Realm) -> None:
    door = build(FRONTEND_URL=f"{PAGE}/home/", **settings_of(realm.discovery_url))
    assert Visitor(door).sign_in(realm, **ada()).headers["Location"].startswith(f"{PAGE}/home/auth/callback#code=")


def test_a_head_request_leaves_the_visit_as_it_is(door: Door, realm: Realm) -> None:
    """Scanners and previews ask so first."""
    visitor = Visitor(door)
    query = realm.sign_in(visitor.leave(), **ada())
    cookie = {"Cookie": f"latchkey_visit={visitor.cookies['latchkey_visit']}", "Host": "127.0.0.1:5000"}
    door.ask("HEAD", f"/auth/google/callback?{query}", headers=cookie)
    assert visitor.open(f"/auth/google/callback?{query}").status_code == 200


def test_by_cookie_the_exchange_sets_the_cookies_and_the_link_wants_the_csrf_token(build: Build, realm: Realm) -> None:
    door = build(FRONTEND_URL=PAGE, JWT_TOKEN_LOCATION="cookies", **settings_of(realm.discovery_url))
    page = Page(door)
    answer = page.ask("POST", "/auth/exchange", {"code": told(Visitor(door).sign_in(realm, **ada()))["code"]})
    assert (answer.status_code, set(page.cookies)) == (200, {ACCESS, REFRESH})
    assert {"csrf_access_token", "csrf_refresh_token"} < set(answer.get_json())
    assert not {"access_token", "refresh_token"} & set(answer.get_json())
    other = settings_of(realm.discovery_url, "example") | {"OIDC_PROVIDERS": "google,example"}
    both = build(FRONTEND_URL=PAGE, JWT_TOKEN_LOCATION="cookies", **settings_of(realm.discovery_url), **other)
    page.door = both
    assert code_of(page.ask("POST", "/auth/example/link")) == "csrf_failed"
    url = page.ask("POST", "/auth/example/link", csrf=page.access_csrf).get_json()["authorization_url"]
    visitor = Visitor(both)
    back = realm.sign_in(visitor.leave(url.removeprefix(_address(both))), **ada(sub="ada elsewhere"))
    code = told(visitor.open(f"/auth/example/callback?{back}"))["code"]
    assert code_of(page.ask("POST", "/auth/exchange", {"code": code})) == "invalid_token"
    assert page.ask("POST", "/auth/exchange", {"code": code}, csrf=page.access_csrf).status_code == 204
    assert page.ask("GET", "/profile").get_json()["oauth_providers"] == ["example", "google"]


def test_by_cookie_the_callback_itself_sets_them(build: Build, realm: Realm) -> None:
    door = build(JWT_TOKEN_LOCATION="cookies", **settings_of(realm.discovery_url))
    visitor = Visitor(door)
    answer = visitor.sign_in(realm, **ada())
    assert (answer.status_code, "access_token" in answer.get_json()) == (200, False)
    assert {ACCESS, REFRESH} < set(visitor.cookies)
    assert visitor.open("/profile").get_json()["email"] == "ada@example.org"
