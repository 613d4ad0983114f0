"""Every law bites: an offence planted in a copy of the house is caught by the tool that is to catch it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import laws
from tests.house.sources import ROOT, sources

Law = Callable[[Path], list[str]]
LONG = "def long() -> None:\n" + "    print()\n" * 40
DEEP_IMPORT = "def deep() -> None:\n    import {module}\n    {module}.main()\n"

RUFF = {
    "the clock in a flow": ("flows/auth.py", "import datetime\nNOW = datetime.datetime.now(datetime.UTC)", "TID251"),
    "a naive clock": ("services/users.py", "import datetime\nNOW = datetime.datetime.now()", "DTZ005"),
    "today": ("services/users.py", "import datetime\nTODAY = datetime.date.today()", "TID251"),
    "the time": ("resources/auth.py", "import time\nNOW = time.time()", "TID251"),
    "random": ("services/users.py", "import random\nDIE = random.randint(1, 6)", "TID251"),
    "secrets": ("flows/signup.py", "from secrets import token_hex\nTOKEN = token_hex()", "TID251"),
    "uuid4": ("model.py", "import uuid\nID = uuid.uuid4()", "TID251"),
    "abort": ("resources/auth.py", "from flask import abort\nabort(400)", "TID251"),
    "abort of Flask-RESTful": ("resources/auth.py", "from flask_restful import abort\nabort(400)", "TID251"),
    "reqparse": ("resources/auth.py", "from flask_restful import reqparse\nreqparse.RequestParser()", "TID251"),
    "a swallowed fault": ("flows/auth.py", "try:\n    sign_in\nexcept Exception:\n    pass", "BLE001"),
    "print": ("services/users.py", "print('here')", "T201"),
    "a shell": ("services/users.py", "import subprocess\nsubprocess.call('ls', shell=True)", "S60"),
    "eval": ("resources/auth.py", "eval(input())", "S307"),
    "exec": ("resources/auth.py", "exec(input())", "S102"),
    "pickle": ("services/numbers.py", "import pickle\npickle.loads(b'')", "S301"),
    "marshal": ("services/numbers.py", "import marshal\nmarshal.loads(b'')", "S302"),
    "MD5": ("services/keys.py", "hashlib.md5(b'')", "S324"),
    "SHA-1": ("services/keys.py", "hashlib.sha1(b'')", "S324"),
    "ECB": ("services/vault.py", "from cryptography.hazmat.primitives.ciphers.modes import ECB\nMODE = ECB()", "S305"),
    "ARC4": ("services/vault.py", "from cryptography.hazmat.primitives.ciphers.algorithms import ARC4\nARC4(b'')", "S304"),
}
STOREYS = "The storeys: nothing imports upward"
APART = "Flows never import flows"
ORDER = "Services import services only down one declared order"
IMPORTS = {
    "a service imports a resource": ("services/users.py", "import resources.auth", STOREYS),
    "a service imports a flow": ("services/users.py", "from flows import signup", STOREYS),
    "a flow imports a resource": ("flows/auth.py", "from resources.answers import Message", STOREYS),
    "a flow imports a flow": ("flows/auth.py", "from flows import signup", APART),
    "a new flow imports a flow": ("flows/planted.py", "from flows import signup", APART),
    "a service imports one above it": ("services/users.py", "from services import outbox", ORDER),
    "a service imports its neighbour": ("services/vault.py", "from services import users", ORDER),
    "a new service has no place": ("services/planted.py", "", ORDER),
    "a flow knows the model": ("flows/auth.py", "import model", "Flows know no model, no SQL and no HTTP"),
    "a resource imports the app": ("resources/auth.py", "import app", "Nobody imports the app, the server or the jobs"),
}
LAWS: dict[str, tuple[Law, str, str]] = {
    "the model imports a service": (laws.upward_imports, "model.py", "from services import clock"),
    "settings import the database": (laws.upward_imports, "config.py", "import database"),
    "refusals import settings": (laws.upward_imports, "errors.py", "from config import Settings"),
    "extensions import a service": (laws.upward_imports, "extensions.py", "import services.clock"),
    "the database imports the model": (laws.upward_imports, "database.py", "from model import User"),
    "logs import the database": (laws.upward_imports, "logs.py", "import database"),
    "jobs import a flow": (laws.upward_imports, "jobs.py", "from flows import auth"),
    "jobs import the app, deep inside": (laws.upward_imports, "jobs.py", DEEP_IMPORT.format(module="app")),
    "a resource imports the model": (laws.upward_imports, "resources/auth.py", "import model"),
    "a flow imports its neighbour": (laws.upward_imports, "flows/auth.py", "from . import signup"),
    "a resource imports the server": (laws.upward_imports, "resources/auth.py", "import serve"),
    "the app imports the server": (laws.upward_imports, "app.py", DEEP_IMPORT.format(module="serve")),
    "the server imports a test": (laws.upward_imports, "serve.py", "from tests.people import House"),
    "a file without a place": (laws.upward_imports, "oddments.py", ""),
    "settings import Flask": (laws.flask_in_settings, "config.py", "from flask import Config"),
    "settings import an extension": (laws.flask_in_settings, "config.py", "import flask_mail"),
    "a service reads the request": (laws.request_readers, "services/users.py", "from flask import request"),
    "a flow reads g": (laws.request_readers, "flows/auth.py", "from flask import g as notes"),
    "a flow reads the session": (laws.request_readers, "flows/auth.py", "from flask.globals import session"),
    "a service hides it": (laws.request_readers, "services/users.py", "import flask"),
    "a service reads the token": (laws.request_readers, "services/users.py", "from flask_jwt_extended import get_jwt"),
    "logs read the request": (laws.request_readers, "logs.py", "from flask import request"),
    "a flow commits": (laws.commit_sites, "flows/auth.py", "db.session.commit()"),
    "a service begins": (laws.commit_sites, "services/users.py", "with db.session.begin():\n    pass"),
    "a service sets a savepoint": (laws.commit_sites, "services/users.py", "db.session.begin_nested()"),
    "a resource passes commit on": (laws.commit_sites, "resources/auth.py", "later = db.session.commit"),
    "a job commits in SQL": (laws.commit_sites, "jobs.py", "text('COMMIT')"),
    "an engine commits by itself": (laws.commit_sites, "services/users.py", "OPTIONS = {'isolation_level': 'AUTOCOMMIT'}"),
    "a function of 41 lines": (laws.long_functions, "services/clock.py", LONG),
    "a test of 41 lines": (laws.long_functions, "tests/test_planted.py", LONG),
    "a file of 251 lines": (laws.long_files, "oddments.py", "ONE = 1\n" * 251),
    "a model of 501 lines": (laws.long_files, "model.py", "ONE = 1\n" * 501),
    "a test file of 401 lines": (laws.long_files, "tests/test_planted.py", "ONE = 1\n" * 401),
    "a manager": (laws.empty_names, "services/users.py", "class UserManager:\n    pass"),
    "a helper on a base of ours": (laws.empty_names, "services/users.py", "class NameHelper(Account):\n    pass"),
    "a short word in a sealed text": (laws.searches_left_to_chance, "tests/test_planted.py", "assert 'ada' not in sealed"),
    "a short word in bytes": (laws.searches_left_to_chance, "tests/test_planted.py", "assert b'ada' not in stored"),
    "a token at sight": (laws.secrets_compared_at_sight, "services/users.py", "GOOD = given == kept.csrf_token"),
    "a claim at sight": (laws.secrets_compared_at_sight, "services/openid.py", "BAD = claims.get('nonce') != sent"),
    "a hash at sight": (laws.secrets_compared_at_sight, "services/keys.py", "GOOD = fingerprint(given) == kept"),
    "a utility": (laws.empty_names, "resources/auth.py", "class LoginUtils(Resource):\n    pass"),
}
KEPT: dict[str, tuple[Law, str, str]] = {
    "a flow's begin is a verb": (laws.commit_sites, "resources/auth.py", "from flows import signup\nsignup.begin()"),
    "a library's handler": (laws.empty_names, "logs.py", "class _LineHandler(logging.Handler):\n    pass"),
    "a function of 40 lines": (laws.long_functions, "services/clock.py", LONG.removesuffix("    print()\n")),
    "a word that no base64 spells": (laws.searches_left_to_chance, "tests/test_planted.py", "assert 'ada@' not in sealed"),
    "a lookup by hash": (
        laws.secrets_compared_at_sight,
        "services/users.py",
        "FOUND = Ticket.digest == fingerprint(given)",
    ),
    "prose about commits": (laws.commit_sites, "flows/auth.py", '"""Commits nothing; BEGIN is said elsewhere."""'),
}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The house's code and rules, without its tests."""
    house = tmp_path_factory.mktemp("code")
    for source in sources(ROOT):
        (house / source.path).parent.mkdir(parents=True, exist_ok=True)
        (house / source.path).write_text(source.text, encoding="utf-8")
    (house / "tests").mkdir()
    shutil.copy(ROOT / "pyproject.toml", house)
    return house


@pytest.fixture
def copy(code: Path, tmp_path: Path) -> Path:
    """A copy to plant an offence in."""
    return shutil.copytree(code, tmp_path / "house")


def plant(house: Path, path: str, code: str) -> None:
    with (house / path).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{code}\n")


def output(house: Path, *command: str | Path) -> str:
    ended = subprocess.run([sys.executable, *command], cwd=house, capture_output=True, text=True, timeout=60, check=False)
    return ended.stdout + ended.stderr


def ruff(house: Path, path: str) -> str:
    return output(house, "-m", "ruff", "check", "--no-cache", "--output-format=concise", path)


def lint_imports(house: Path) -> str:
    return output(house, Path(sys.executable).with_name("lint-imports"), "--no-cache")


def mypy(house: Path, path: str) -> str:
    return output(house, "-m", "mypy", "--follow-imports=silent", "--cache-dir", house.parent / "cache", path)


@pytest.mark.parametrize("offence", RUFF)
def test_ruff_catches(copy: Path, offence: str) -> None:
    path, code, rule = RUFF[offence]
    assert f" {rule}" not in ruff(copy, path)
    plant(copy, path, code)
    assert f" {rule}" in ruff(copy, path)


def test_import_linter_finds_the_house_in_order(copy: Path) -> None:
    assert " 0 broken." in lint_imports(copy)


@pytest.mark.parametrize("offence", IMPORTS)
def test_import_linter_catches(copy: Path, offence: str) -> None:
    path, code, contract = IMPORTS[offence]
    plant(copy, path, code)
    assert f"{contract} BROKEN" in lint_imports(copy)


def test_mypy_catches_a_function_without_types(copy: Path) -> None:
    plant(copy, "services/clock.py", "def later(moment):\n    return moment")
    assert "[no-untyped-def]" in mypy(copy, "services/clock.py")


@pytest.mark.parametrize("offence", LAWS)
def test_the_law_catches(copy: Path, offence: str) -> None:
    law, path, code = LAWS[offence]
    before = law(copy)
    plant(copy, path, code)
    found = [fault for fault in law(copy) if fault not in before]
    assert len(found) == 1, found
    assert path in found[0]


@pytest.mark.parametrize("habit", KEPT)
def test_the_law_lets_pass(copy: Path, habit: str) -> None:
    law, path, code = KEPT[habit]
    before = law(copy)
    plant(copy, path, code)
    assert law(copy) == before
