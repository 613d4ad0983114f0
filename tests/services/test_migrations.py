"""Schema history on each engine."""

from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text

from database import Base, db
from tests.people import House


def test_the_migrations_make_exactly_the_model(app: Flask) -> None:
    with app.app_context():
        check()


def test_a_downgrade_leaves_nothing_and_an_upgrade_brings_everything_back(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        upgrade()
        assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())


def test_mariadb_compares_every_text_exactly(house: House, engine: str) -> None:
    if engine != "mariadb":
        return
    query = "SELECT table_name, column_name, collation_name FROM information_schema.columns WHERE table_schema = DATABASE()"
    with db.engine.connect() as connection:
        found = [row for row in connection.execute(text(query)) if row[2] and row[0] != "alembic_version"]
    assert found
    assert {row[2] for row in found} == {"utf8mb4_bin"}
