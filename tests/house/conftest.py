"""The laws need no database server: one app on an empty SQLite file."""

from typing import Any

import pytest
from flask import Flask

from app import create_app
from resources import openapi
from tests.conftest import settings_with


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """In place of the suite's app, which comes on every engine. Takes cookies too, so that its document has every refusal."""
    file = tmp_path_factory.mktemp("house") / "house.db"
    return create_app(settings_with(SQLALCHEMY_DATABASE_URI=f"sqlite:///{file}", JWT_TOKEN_LOCATION="headers,cookies"))


@pytest.fixture(scope="session")
def document(app: Flask) -> dict[str, Any]:
    with app.app_context():
        return openapi.document(app)
