"""`%00` in a path is nowhere, on every engine: PostgreSQL's text and the file system hold no such sign."""

import pytest

from tests.people import BROWSER, House


def test_a_path_with_nul_is_nowhere(house: House) -> None:
    house.account()
    signed_in = {"Authorization": f"Bearer {house.tokens()[0]}"}
    client = house.app.test_client()
    rules = [rule for rule in house.app.url_map.iter_rules() if rule.arguments]
    assert len(rules) > 8
    for rule in rules:
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<string:{name}>", "a%00b")
        for method in sorted((rule.methods or set()) & {"GET", "POST", "DELETE"}):
            for headers in ({}, signed_in):
                answer = client.open(path, method=method, headers=headers)
                assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found"), (method, path)
    assert client.get("/confirm/%00", headers=BROWSER).status_code == 404


@pytest.mark.parametrize("path", ["/%00", "/profile%00", "/%00/profile"])
def test_nor_is_it_elsewhere(house: House, path: str) -> None:
    assert house.ask("GET", path).status_code == 404
