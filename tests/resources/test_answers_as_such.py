"""What every answer is, whoever asks: as long as it says, never a script made for one person, never wrapped in a callback."""

import pytest

from resources.routes import ROUTES
from tests.resources.conftest import Door

PLAIN = [path for path, resource in ROUTES.items() if "GET" in resource.methods and "<" not in path]
SCRIPTS = ("/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css")


@pytest.mark.parametrize("path", PLAIN)
def test_an_answer_is_as_long_as_it_says(door: Door, path: str) -> None:
    door.account()
    access, _ = door.tokens()
    for token in (None, access):
        answer = door.get(path, token)
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        head = door.ask("HEAD", path, token=token)
        assert head.data == b""


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_script_is_the_same_for_everybody(door: Door, path: str) -> None:
    door.account()
    access, _ = door.tokens()
    assert door.get(path).data == door.get(path, access).data == door.get(f"{path}?callback=steal").data


@pytest.mark.parametrize("wanted", ["bytes=9000000-", "bytes=0-1,5-9", "lines=1-2"])
def test_a_range_that_cannot_be_met_is_ignored(door: Door, wanted: str) -> None:
    path = "/docs/swagger-ui.css"
    whole = door.get(path).data
    answer = door.get(path, headers={"Range": wanted})
    assert (answer.status_code, answer.data) == (200, whole)
    part = door.get(path, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.data) == (206, whole[5:10])


@pytest.mark.parametrize("path", PLAIN)
def test_no_answer_is_wrapped_in_a_callback(door: Door, path: str) -> None:
    for name in ("callback", "jsonp", "cb"):
        answer = door.get(f"{path}?{name}=steal")
        assert b"steal(" not in answer.data
        assert "javascript" not in answer.content_type
