"""From the first migration to the present one, with many accounts on each engine: nobody locked out, no row lost."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import schema
from database import db
from schema import migrations
from tests.conftest import SECRETS, start_database
from tests.journeys import old_town
from tests.journeys.old_town import STATES, Town, sampled
from tests.parts.smtp import MailServer
from tests.people import PASSWORD, House
from tests.resources.conftest import app_with

ACCOUNTS, ACCOUNTS_IF_LONG = 300, 10_000
OLD_PEPPER = "b2xkIHBlcHBlciBvZiB0aGUgdG93biwgcm90YXRlZCBvdXQgbGF0ZXI="
CODES = {"without password": (401, "invalid_credentials"), "inactive": (403, "account_inactive")}
CODES |= dict.fromkeys(("pending", "rival"), (403, "email_not_confirmed"))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def old_house(request: pytest.FixtureRequest, tmp_path: Path, mail_server: MailServer, smtp: dict[str, str]) -> Iterator[House]:
    """On a database at the first level."""
    mail_server.clear()
    with ExitStack() as stack:
        uri = start_database(stack, request.param, tmp_path)
        ring = f"{SECRETS['PASSWORD_PEPPER']},{OLD_PEPPER}"
        house = House(app_with(tmp_path / "unused", **smtp, SQLALCHEMY_DATABASE_URI=uri, PASSWORD_PEPPER=ring), mail_server)
        with house.app.app_context():
            migrations().upgrade(revision="0001")
            yield house
            for engine in db.engines.values():
                engine.dispose()


def test_an_upgrade_from_the_first_level_loses_nothing_and_nobody(old_house: House, pytestconfig: pytest.Config) -> None:
    count = ACCOUNTS_IF_LONG if pytestconfig.getoption("long") else ACCOUNTS
    town = old_town.settled(count)
    tables = old_town.reflected()
    before = old_town.contents(tables)
    assert len(before["users"]) == count
    began = time.perf_counter()
    migrations().upgrade()
    print(f"{db.engine.dialect.name}: {count} accounts upgraded in {time.perf_counter() - began:.2f} s")
    with db.engine.connect() as connection:
        assert schema.of_database(connection) == schema.of_code()[0]
    assert old_town.contents(tables) == before, "every row, and all that stood in it"
    everybody_comes_in_as_before(old_house, town)
    sessions_go_on(old_house, town)
    links_and_letters_work(old_house, town)


def everybody_comes_in_as_before(house: House, town: Town) -> None:
    """By user name in any spelling of case; and by address, where the account owns it."""
    assert set(town.people) == set(STATES)
    for state, names in town.people.items():
        status, code = CODES.get(state, (200, None))
        for name in sampled(names):
            answer = house.login(name.upper())
            assert (answer.status_code, answer.get_json().get("code")) == (status, code), (state, name)
            assert house.login(name, "wrong-horse-battery").status_code == 401
        if status == 200:
            assert house.login(town.addresses[names[-1]].upper()).status_code == 200
    admin, _ = house.tokens(town.people["admin"][0])
    profile = house.get("/profile", admin).get_json()
    assert (profile["roles"], profile["mfa_enabled"], profile["profile_picture"]) == (["user", "admin"], False, None)


def sessions_go_on(house: House, town: Town) -> None:
    assert town.refresh_tokens
    for name, token in town.refresh_tokens.items():
        answer = house.post("/refresh", token=token)
        assert answer.status_code == 200, (name, answer.get_json())
        profile = house.get("/profile", answer.get_json()["access_token"]).get_json()
        assert (profile["username"], profile["email"]) == (name, town.addresses[name])


def links_and_letters_work(house: House, town: Town) -> None:
    for name in sampled(list(town.confirm_links)):
        assert house.post(town.confirm_links[name]).status_code == 200
        assert house.login(name).status_code == 200
    for name in town.people["rival"][: old_town.LETTERS_DUE]:
        assert len(house.mail_to(town.addresses[name])) == 1, "the owner is told, by the letter that waited"
    assert house.sign_up("newcomer", "newcomer@example.org", password=PASSWORD).status_code == 201
    assert house.post(house.confirm_link("newcomer@example.org")).status_code == 200
