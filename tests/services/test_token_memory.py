"""What a signature proved is remembered and not proved again: so many tokens, the latest, never a refused one."""

from collections.abc import Callable

import pytest

from errors import TokenInvalid
from services import tokens
from tests.resources.conftest import Door


def test_the_memory_of_tokens_is_bounded_and_whoever_fell_out_comes_in_all_the_same(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 6)
    door = build()
    door.account()
    pairs = [door.tokens() for _ in range(5)]
    with door.app.app_context():
        assert set(tokens._memory()) == {text for pair in pairs[-3:] for text in pair}
    assert [door.get("/profile", access).status_code for access, _ in pairs] == [200] * 5
    with door.app.app_context():
        assert len(tokens._memory()) == 6


def test_a_refused_token_leaves_nothing_behind(build: Callable[..., Door]) -> None:
    door = build()
    door.account()
    access, _ = door.tokens()
    with door.app.app_context():
        before = dict(tokens._memory())
        for text in (f"{access}=", access[:-4], "x" * 5000):
            with pytest.raises(TokenInvalid):
                tokens.read(text, tokens.ACCESS)
        assert tokens._memory() == before
