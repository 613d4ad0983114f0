"""`/app`: the example front end is there in development, for this machine, and holds nothing but its own files."""

from collections.abc import Callable

import pytest

from resources.front_end import FOLDER, TYPES
from tests.resources.conftest import Door
from tests.resources.problem import code_of

Build = Callable[..., Door]
PRODUCTION = {"FLASK_ENV": "production", "BASE_URL": "http://127.0.0.1:5000", "BCRYPT_LOG_ROUNDS": "10"}
SCREENS = ("/app", "/app/sign-in", "/app/confirm/Zm9v-bar_", "/app/reset-password/Zm9v", "/app/auth/callback")
PATHS = ("/app", "/app/main.js", "/app/config.json", "/app/screens/profile.js", "/app/confirm/Zm9v")


@pytest.mark.parametrize("path", SCREENS)
def test_every_screen_is_the_page_under_a_strict_policy(door: Door, path: str) -> None:
    answer = door.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert answer.get_data() == (FOLDER / "index.html").read_bytes()
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "nonce" not in policy
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"):
        assert rule in policy.split("; ")


def test_every_file_has_its_type(door: Door) -> None:
    files = [file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*") if file.suffix in TYPES]
    assert len(files) > 20
    for name in files:
        answer = door.get(f"/app/{name}")
        assert (answer.status_code, answer.mimetype) == (200, TYPES[f".{name.rpartition('.')[2]}"])


@pytest.mark.parametrize(
    "name", ["nothing.js", "screens/nothing.js", "..%2fapp.js", "%2e%2e/index.html", "screens%2f..%2fx.css"]
)
def test_a_lost_file_is_said_to_be_lost(door: Door, name: str) -> None:
    assert code_of(door.get(f"/app/{name}")) == "not_found"


@pytest.mark.parametrize("name", ["..%2f..%2f.env", "%2e%2e/app.py", "README.md", "config.py", "screens/%2e%2e"])
def test_nothing_else_is_read(door: Door, name: str) -> None:
    answer = door.ask("GET", f"/app/{name}")
    assert answer.status_code == 404 or answer.get_data() == (FOLDER / "index.html").read_bytes()


def test_it_is_told_of_its_service(build: Build) -> None:
    plain = build().get("/app/config.json").get_json()
    assert plain["providers"] == [], "without FRONTEND_URL nobody would come back to the page"
    assert not plain["cookies"]
    google = {"GOOGLE_CLIENT_ID": "somebody", "GOOGLE_CLIENT_SECRET": "something", "FRONTEND_URL": "http://localhost/app"}
    door = build(JWT_TOKEN_LOCATION="cookies", OTP_PASSWORDLESS_LOGIN="true", SIGNUP_ENABLED="false", **google)
    assert door.get("/app/config.json").get_json() == {
        "api": "http://localhost",
        "service": "Latchkey",
        "cookies": True,
        "providers": ["google"],
        "passwordless": True,
        "signup": False,
        "passwordLength": 8,
        "pictureBytes": 16777216,
        "mailbox": None,
    }


@pytest.mark.parametrize("path", PATHS)
def test_strangers_find_nothing(door: Door, path: str) -> None:
    ask = door.app.test_client().get
    assert ask(path, environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 404
    assert ask(path, headers={"Host": "evil.example"}).status_code == 404


@pytest.mark.parametrize("path", ["/app", "/app/config.json"])
@pytest.mark.parametrize("proxies", ["0", "1"])
def test_whoever_comes_through_a_proxy_of_this_machine_is_a_stranger(build: Build, path: str, proxies: str) -> None:
    door = build(TRUSTED_PROXIES=proxies)
    assert door.get(path).status_code == 200
    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP"):
        assert door.get(path, headers={name: "127.0.0.1"}).status_code == 404, name


def test_production_has_none(build: Build) -> None:
    door = build(**PRODUCTION)
    assert [door.get(path).status_code for path in PATHS] == [404] * len(PATHS)
