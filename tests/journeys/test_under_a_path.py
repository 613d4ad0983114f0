"""The service under a path of a shared host, behind a real nginx that takes the path off: every link leads back there."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.attacks import doors
from tests.attacks.doors import BROWSER, Answer, call
from tests.conftest import refuse_or_skip
from tests.parts import provider
from tests.parts.missing import Missing
from tests.parts.nginx import Fronted, nginx
from tests.parts.ports import free_port
from tests.parts.smtp import MailServer
from tests.visitors import settings_of

PATH = "/auth"
ADA = {"username": "ada", "email": "ada@example.org", "password": "correct-horse-battery"}


@pytest.fixture(scope="module")
def door(smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    folder, port = tmp_path_factory.mktemp("under-a-path"), free_port()
    mail_server.clear()
    with ExitStack() as stack:
        try:
            google = stack.enter_context(provider.mock(folder / "google", "eve"))
            front = stack.enter_context(nginx(folder / "nginx", port, PATH))
        except Missing as missing:
            refuse_or_skip(missing)
        fixed = (
            doors.environment_of(f"sqlite:///{folder / 'door.db'}", smtp)
            | doors.PRODUCTION
            | {"WEB_CONCURRENCY": "1", "CONFIRM_BY_LINK_ALONE": "true"}
        )
        yield stack.enter_context(Fronted(front, fixed | {"PORT": str(port)} | settings_of(google.discovery_url)))


def seen(door: Fronted, path: str, headers: dict[str, str] | None = None) -> Answer:
    return call(door, "GET", f"{PATH}{path}", headers=headers)


def test_the_service_answers_there_and_only_there(door: Fronted) -> None:
    assert seen(door, "/healthz").json == {"status": "ok"}
    assert call(door, "GET", "/healthz").status == 404
    assert seen(door, "/metrics").code == "not_found"
    home = seen(door, "/", BROWSER)
    assert urljoin(f"{door.url}/", home.headers["Location"]) == f"{door.url}/docs"
    about = seen(door, "/", {"Accept": "application/json"}).json
    assert (about["docs"], about["openapi"]) == (f"{door.url}/docs", f"{door.url}/openapi.json")


def test_the_document_names_the_path_as_its_server(door: Fronted) -> None:
    document = seen(door, "/openapi.json").json
    (server,) = document["servers"]
    assert urljoin(door.url, server["url"]) == door.url
    for name in ("collection", "environment"):
        assert f"({PATH}/docs/postman_{name}.json)" in document["info"]["description"]
    kept = {value["key"]: value["value"] for value in seen(door, "/docs/postman_environment.json").json["values"]}
    assert kept["base_url"] == door.url
    collection = seen(door, "/docs/postman_collection.json")
    assert collection.status == 200
    assert '"raw": "{{base_url}}/login"' in json.dumps(collection.json)


def test_the_documentation_works_in_a_browser(door: Fronted, browser: Browser) -> None:
    with browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{door.url}/docs")
        call = page.locator("#operations-Service-getHealthz")
        call.get_by_role("button").first.click()
        call.get_by_role("button", name="Try it out").click()
        call.get_by_role("button", name="Execute").click()
        expect(call.locator(".live-responses-table td.response-col_status").last).to_contain_text("200")
        assert [line for line in complaints if "status of" not in line] == [], "only its icon is missing"
        assert f"{PATH}/healthz" in asked
        assert [path for path in asked if not path.startswith(f"{PATH}/")] in ([], ["/favicon.ico"])


def test_a_problem_leads_to_its_page_and_that_to_the_documentation(door: Fronted) -> None:
    for answer in (seen(door, "/profile"), call(door, "GET", f"{PATH}/profile", headers={"X-Long": "a" * 33000})):
        kind = answer.json["type"]
        assert kind == f"{door.url}/problems/{answer.code}"
        page = seen(door, urlsplit(kind).path.removeprefix(PATH), BROWSER)
        assert page.status == 200
        assert f'href="{PATH}/docs"' in page.raw.decode()


def test_over_http_a_page_leads_to_https_under_the_path(door: Fronted) -> None:
    page = call(door.front.plain(), "GET", f"{PATH}/reset-password/a?b=c", headers=BROWSER)
    assert (page.status, page.headers["Location"]) == (308, f"{door.url}/reset-password/a?b=c")


def test_a_person_signs_up_by_the_hosted_pages(door: Fronted, browser: Browser, mail_server: MailServer) -> None:
    """The mailed link, its form and the form's cookie are under the path; so is a form that is sent back."""
    mail_server.clear()
    assert call(door, "POST", f"{PATH}/signup", ADA).status == 201
    (link,) = mail_server.wait_to(ADA["email"])[0].links
    assert link.startswith(f"{door.url}/confirm/")
    with browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(link)
        page.get_by_role("button").click()
        expect(page.get_by_role("heading")).to_contain_text("Confirmed")
        assert page.url.startswith(f"{door.url}/")
        call(door, "POST", f"{PATH}/forgot-password", {"email": ADA["email"]})
        page.goto(mail_server.wait_to(ADA["email"], 2)[1].links[0])
        for password in ("short", "nine-purple-lanterns"):
            page.locator("input[type=password]").fill(password)
            page.get_by_role("button").click()
        expect(page.get_by_role("heading")).to_contain_text("Password set")
        assert page.url.startswith(f"{door.url}/")
    body = {"username": "ada", "password": "nine-purple-lanterns"}
    assert call(door, "POST", f"{PATH}/login", body).status == 200


def test_a_provider_sends_people_back_under_the_path(door: Fronted) -> None:
    left = seen(door, "/auth/google", BROWSER)
    assert left.status == 302
    back = dict(pair.split("=", 1) for pair in urlsplit(left.headers["Location"]).query.split("&"))["redirect_uri"]
    assert back.replace("%3A", ":").replace("%2F", "/") == f"{door.url}/auth/google/callback"
