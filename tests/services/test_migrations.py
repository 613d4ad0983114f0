"""Schema history on each engine."""

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import inspect, select, text

from config import ROOT
from database import Base, db, rows
from model import User
from schema import migrations, of_code
from tests.people import House


def test_the_number_of_a_steps_file_is_its_revision_and_they_follow_each_other() -> None:
    """A start compares the database with the names of the files, and so without Alembic."""
    steps = ScriptDirectory(str(ROOT / "migrations")).walk_revisions()
    assert of_code() == [step.revision for step in steps]


def test_the_migrations_make_exactly_the_model(app: Flask) -> None:
    with app.app_context():
        migrations().check()


def test_a_downgrade_leaves_nothing_and_an_upgrade_brings_everything_back(app: Flask) -> None:
    with app.app_context():
        migrations().downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        migrations().upgrade()
        assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())


@pytest.mark.parametrize("other", ["ADA", "ad\u00e1"])
def test_every_engine_tells_case_and_accents_apart(house: House, other: str) -> None:
    """Trailing spaces are equal in utf8mb4_bin, so nothing that is compared may hold one: see `services.names`."""
    house.sign_up("ada")
    assert len(rows(select(User.id).where(User.username == "ada"))) == 1
    assert rows(select(User.id).where(User.username == other)) == []


@pytest.mark.parametrize("engine", ["mariadb"], indirect=True, scope="session")
def test_every_text_column_of_mariadb_is_binary(house: House) -> None:
    query = "SELECT table_name, column_name, collation_name FROM information_schema.columns WHERE table_schema = DATABASE()"
    with db.engine.connect() as connection:
        found = [row for row in connection.execute(text(query)) if row[2] and row[0] != "alembic_version"]
    assert found
    assert {row[2] for row in found} == {"utf8mb4_bin"}
