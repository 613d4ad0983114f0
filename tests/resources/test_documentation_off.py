"""API_DOCS: the documentation is public unless the operator shuts it; all else stays as it is."""

from collections.abc import Callable

import pytest

from resources.routes import DOCUMENTATION
from tests.resources.conftest import Door

FILES = [
    *("start.js", "swagger-ui.css", "swagger-ui-bundle.js", "postman_collection.json", "postman_environment.json"),
]
PATHS = ["/docs", "/openapi.json", *(f"/docs/{name}" for name in FILES)]
BROWSER = {"Accept": "text/html", "User-Agent": "Mozilla/5.0"}
KINDS = pytest.mark.parametrize("headers", [BROWSER, {}], ids=["browser", "client"])


@KINDS
def test_the_documentation_is_public_by_default(door: Door, headers: dict[str, str]) -> None:
    assert [path for path in PATHS if door.get(path, headers=headers).status_code != 200] == []
    assert {rule.rule for rule in door.app.url_map.iter_rules()} >= DOCUMENTATION


@KINDS
def test_shut_it_is_as_if_it_had_never_been_there(build: Callable[..., Door], headers: dict[str, str]) -> None:
    door = build(API_DOCS="false")
    for path in [*PATHS, "/docs/", "/docs/other"]:
        answer, unknown = door.get(path, headers=headers), door.get("/nowhere", headers=headers)
        assert (answer.status_code, answer.mimetype) == (404, unknown.mimetype), path
        assert "swagger" not in answer.get_data(as_text=True).lower()
        assert door.post(path, headers=headers).status_code == 404, "not even which methods it has"


def test_what_names_the_documentation_names_it_no_more(build: Callable[..., Door]) -> None:
    door = build(API_DOCS="false")
    for headers in (BROWSER, {}):
        about = door.get("/", headers=headers)
        assert (about.status_code, about.get_json()["docs"], about.get_json()["openapi"]) == (200, None, None)
    page = door.get("/problems/not_found", headers=BROWSER)
    assert page.status_code == 200
    assert "/docs" not in page.get_data(as_text=True)


def test_the_calls_themselves_are_served_all_the_same(build: Callable[..., Door]) -> None:
    door = build(API_DOCS="false")
    door.account()
    assert door.login().status_code == 200
    assert door.get("/readyz").get_json() == {"status": "ok", "failing": []}
