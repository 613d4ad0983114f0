"""Hosted pages: whoever only looks changes nothing; the person's press of the button does."""

import re

import pytest
from werkzeug.test import Client, TestResponse

from tests.people import BROWSER
from tests.resources.conftest import Door
from tests.resources.problem import code_of

LOOKERS: dict[str, tuple[str, dict[str, str]]] = {
    "a browser": ("GET", BROWSER),
    "a scanner as a browser": ("GET", {"User-Agent": "Mozilla/5.0 (compatible; scan)", "Accept": "text/html,*/*;q=0.8"}),
    "a browser that navigates": ("GET", {"User-Agent": "odd", "Accept": "*/*", "Sec-Fetch-Mode": "navigate"}),
    "one who navigates to JSON": ("GET", {"Accept": "application/json", "Sec-Fetch-Mode": "navigate"}),
    "one who wants HTML": ("GET", {"User-Agent": "curl/8", "Accept": "text/html,*/*;q=0.8"}),
    "one who wants HTML or JSON": ("GET", {"User-Agent": "curl/8", "Accept": "application/json, text/html"}),
    "a HEAD": ("HEAD", {}),
    "a HEAD of an API client": ("HEAD", {"Accept": "application/json", "User-Agent": "curl/8"}),
    "a preflight": ("OPTIONS", {"Accept": "application/json"}),
}
API_CLIENTS: list[dict[str, str]] = [
    {"Accept": "application/json"},
    {"Accept": "application/json", "User-Agent": "Mozilla/5.0", "Sec-Fetch-Mode": "cors"},
    {"Accept": "*/*", "User-Agent": "Mozilla/5.0", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"},
    {"Accept": "text/html", "User-Agent": "Mozilla/5.0", "Sec-Fetch-Mode": "cors"},
    {"Accept": "text/html", "User-Agent": "Mozilla/5.0", "Sec-Fetch-Site": "none"},
    {"Accept": "*/*", "User-Agent": "Mozilla/5.0"},
    {"User-Agent": "Mozilla/5.0"},
    {"Accept": "text/plain"},
    {"Accept": "*/*", "User-Agent": "curl/8"},
    {"User-Agent": "python-requests/2"},
    {},
]


@pytest.fixture
def link(door: Door) -> str:
    door.sign_up()
    return door.confirm_link()


def confirmed(door: Door) -> bool:
    return door.user()["email_confirmed_at"] is not None


def press(client: Client, link: str, token: str | None) -> TestResponse:
    return client.post(link, data={"csrf_token": token} if token is not None else {}, headers=BROWSER)


def csrf_of(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.get_data(as_text=True))
    assert found
    return found[1]


@pytest.mark.parametrize(("method", "headers"), LOOKERS.values(), ids=LOOKERS.keys())
def test_a_look_at_the_link_changes_nothing(door: Door, link: str, method: str, headers: dict[str, str]) -> None:
    tickets = door.rows("tickets")
    for _ in range(5):
        assert door.ask(method, link, headers=headers).status_code == 200
    assert not confirmed(door)
    assert door.rows("tickets") == tickets
    assert door.post(link, headers={"Accept": "application/json"}).status_code == 200


@pytest.mark.parametrize("headers", API_CLIENTS)
def test_an_api_clients_get_confirms(door: Door, link: str, headers: dict[str, str]) -> None:
    answer = door.get(link, headers=headers)
    assert (answer.status_code, set(answer.get_json())) == (200, {"message"})
    assert confirmed(door)
    assert code_of(door.get(link, headers=headers)) == "invalid_token"


JSON_BODY = {"data": "{}", "content_type": "application/json"}
FORM_BODY = {"data": "", "content_type": "application/x-www-form-urlencoded"}
FETCH = {"User-Agent": "Mozilla/5.0", "Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [(FETCH, {}), (FETCH, JSON_BODY), (BROWSER, JSON_BODY), ({"User-Agent": "Mozilla/5.0"}, {})],
    ids=["fetch", "fetch with JSON", "JSON that accepts HTML", "no Accept"],
)
def test_a_post_by_fetch_or_with_json_is_an_api_clients(
    door: Door, link: str, headers: dict[str, str], body: dict[str, str]
) -> None:
    answer = door.post(link, headers=headers, **body)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert confirmed(door)
    again = door.post(link, headers=headers, **body)
    assert (again.status_code, again.mimetype) == (400, "application/problem+json")


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}, FETCH], ids=["bare", "JSON accepted", "fetch"])
def test_a_forms_body_is_a_pages_and_needs_its_csrf_token(door: Door, link: str, headers: dict[str, str]) -> None:
    answer = door.post(link, headers=headers, **FORM_BODY)
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert not confirmed(door)


def test_the_start_page_sends_only_page_requests_on(door: Door) -> None:
    for headers in (BROWSER, {"Sec-Fetch-Mode": "navigate", "Accept": "*/*"}):
        assert door.get("/", headers=headers).status_code == 302
    for headers in API_CLIENTS:
        assert door.get("/", headers=headers).get_json()["docs"].endswith("/docs")


def test_the_button_confirms_once(door: Door, link: str) -> None:
    client = door.app.test_client()
    token = csrf_of(client.get(link, headers=BROWSER))
    done = press(client, link, token)
    assert (done.status_code, done.mimetype) == (200, "text/html")
    assert confirmed(door)
    again = press(client, link, token)
    assert (again.status_code, again.mimetype) == (400, "text/html")
    assert door.login().status_code == 200


def test_the_button_works_after_scanners_and_with_many_tabs(door: Door, link: str) -> None:
    client = door.app.test_client()
    tokens = [csrf_of(client.get(link, headers=BROWSER)) for _ in range(3)]
    for method, headers in LOOKERS.values():
        door.ask(method, link, headers=headers)
    assert press(client, link, tokens[0]).status_code == 200
    assert confirmed(door)


@pytest.mark.parametrize("token", [None, "", "x", "IjEyMyI.x.y", "0" * 5000])
def test_a_press_without_the_pages_token_changes_nothing_and_shows_the_button_again(
    door: Door, link: str, token: str | None
) -> None:
    client = door.app.test_client()
    client.get(link, headers=BROWSER)
    answer = press(client, link, token)
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert not confirmed(door)
    assert press(client, link, csrf_of(answer)).status_code == 200


def test_the_token_of_another_links_page_is_not_taken(door: Door, link: str) -> None:
    client = door.app.test_client()
    door.sign_up("bea", "bea@example.org")
    token = csrf_of(client.get(door.confirm_link("bea@example.org"), headers=BROWSER))
    assert press(client, link, token).status_code == 400
    assert not confirmed(door)


@pytest.mark.parametrize("path", ["/confirm/bad", "/problems/not_found", "/"])
def test_pages_come_under_a_strict_policy(door: Door, path: str) -> None:
    answer = door.get(path, headers=BROWSER)
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert not {"script-src", "connect-src"} & set(policy)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_page_has_no_script_and_a_style_nonce_of_its_own(door: Door) -> None:
    pages = [door.get("/confirm/no-such-link", headers=BROWSER) for _ in range(2)]
    nonces = [re.findall(r'nonce="([^"]+)"', page.get_data(as_text=True)) for page in pages]
    assert nonces[0] != nonces[1]
    for page, nonce in zip(pages, nonces, strict=True):
        assert f"'nonce-{nonce[0]}'" in page.headers["Content-Security-Policy"]
        text = page.get_data(as_text=True)
        assert not re.search(r"<script|\son\w+=|javascript:|https?://", text)
        assert "no-such-link" not in re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)


def test_a_page_works_where_cookies_are_blocked(door: Door, link: str) -> None:
    page = door.app.test_client(use_cookies=False).get(link, headers=BROWSER)
    assert "Set-Cookie" not in page.headers
    assert press(door.app.test_client(use_cookies=False), link, csrf_of(page)).status_code == 200
    assert confirmed(door)


def test_a_browser_gets_its_errors_as_pages_with_the_same_status(door: Door) -> None:
    client = door.app.test_client()
    page, problem = (
        client.get("/confirm/bad", headers=BROWSER),
        door.post("/confirm/bad", headers={"Accept": "application/json"}),
    )
    assert page.status_code == problem.status_code == 400
    assert (page.mimetype, code_of(problem)) == ("text/html", "invalid_token")
    assert "invalid_token" in page.get_data(as_text=True)
    assert page.headers["X-Request-ID"] in page.get_data(as_text=True)


def test_a_call_without_a_page_answers_a_browser_with_a_problem(door: Door) -> None:
    for method, path in (("GET", "/profile"), ("POST", "/login"), ("GET", "/nowhere")):
        assert code_of(door.ask(method, path, headers=BROWSER))


@pytest.mark.parametrize("token", ["x", "x" * 3000, "%01", "%ff", "..", "'", "<b>", "%0d%0aX: y", "{{7*7}}"])
def test_an_odd_link_is_just_a_bad_one(door: Door, token: str) -> None:
    for method in ("GET", "POST"):
        answer = door.ask(method, f"/confirm/{token}", headers={"Accept": "application/json"})
        assert code_of(answer) in {"invalid_token", "not_found"}
