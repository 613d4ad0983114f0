"""Settings, `.env.example` and the README agree; rings and files of secrets are read; booleans are six words."""

import ast
import base64
from pathlib import Path

import pytest
from dotenv import dotenv_values

from app import create_app
from config import ROOT, SECRETS, Settings
from environment import SettingsRefused, environment, load
from tests.conftest import SECRETS as KEYS
from tests.conftest import settings_with
from tests.house import settings_pages
from tests.house.sources import sources

BOOLEANS = [name.upper() for name, field in Settings.model_fields.items() if field.annotation is bool]
OTHER = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()
OLDER = base64.urlsafe_b64encode(bytes(range(150, 182))).decode()


def text_of(name: str) -> str:
    file = ROOT / name
    assert file.exists(), f"{name} is not written yet"
    return file.read_text(encoding="utf-8")


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_example_file_says_what_settings_say() -> None:
    assert settings_pages.paragraphs_of(text_of(".env.example")) == settings_pages.example()


def test_the_readme_says_what_settings_say() -> None:
    assert settings_pages.rows_of(text_of("README.md")) == settings_pages.table()


def test_a_line_left_out_or_changed_is_noticed() -> None:
    example, table = "\n\n".join(["# head", *settings_pages.example()]), "\n".join(settings_pages.table())
    assert settings_pages.paragraphs_of(example) == settings_pages.example()
    assert settings_pages.paragraphs_of(example.replace("PORT=5000", "PORT=5001")) != settings_pages.example()
    assert settings_pages.rows_of(table) == settings_pages.table()
    assert settings_pages.rows_of(table.replace("| `LOG_LEVEL`", "| LOG_LEVEL")) != settings_pages.table()
    assert settings_pages.rows_of(table.replace("(Gmail: an App Password)", "")) != settings_pages.table()


def test_the_example_file_can_be_uncommented_as_it_stands(tmp_path: Path) -> None:
    """Each default, written out, means the same as leaving it out."""
    paragraphs = [paragraph.split("\n") for paragraph in settings_pages.paragraphs_of(text_of(".env.example"))]
    (tmp_path / ".env").write_text("\n".join(line.removeprefix("# ") for _, line in paragraphs), encoding="utf-8")
    written = {name: value or "" for name, value in dotenv_values(tmp_path / ".env").items()}
    assert load(written | KEYS) == load({"FLASK_ENV": "development"} | KEYS)


def test_the_environment_stands_above_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=6001\nSERVICE_NAME=Filed\n", encoding="utf-8")
    monkeypatch.setenv("PORT", "6002")
    assert environment(tmp_path / ".env")["PORT"] == "6002"
    assert environment(tmp_path / ".env")["SERVICE_NAME"] == "Filed"


def test_every_setting_is_read_somewhere() -> None:
    read = {node.attr for source in sources(ROOT) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)}
    assert Settings.model_fields.keys() - read == set()


@pytest.mark.parametrize("name", BOOLEANS)
def test_a_boolean_takes_six_words_in_any_case(name: str) -> None:
    extra = {"MAIL_USE_TLS": "false"} if name == "MAIL_USE_SSL" else {}
    for word, meaning in {"true": True, "1": True, "YES": True, "false": False, "0": False, "No": False}.items():
        assert getattr(settings_with(**extra | {name: word}), name.lower()) is meaning


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("word", ["on", "off", "y", "n", "t", "f", "2", "-1", "enabled", "truee", " "])
def test_a_boolean_takes_no_other_word(name: str, word: str) -> None:
    with pytest.raises(SettingsRefused, match="true, false, 1, 0, yes, no") as refused:
        settings_with(**{name: word})
    assert [fault.split(":")[0] for fault in refused.value.faults] == [name]


@pytest.mark.parametrize("name", [*(name.upper() for name in SECRETS), "MAIL_PASSWORD"])
def test_a_secret_is_read_from_the_file_that_its_name_file_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{OTHER}\n", encoding="utf-8")
    settings = settings_with(**{f"{name}_FILE": str(tmp_path / "secret")})
    assert getattr(settings, name.lower()) in (OTHER, (OTHER,))


def test_the_address_of_redis_is_read_from_a_file_as_it_may_hold_a_password(tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("redis://:sesame@redis:6379/0\n", encoding="utf-8")
    settings = settings_with(RATELIMIT_STORAGE_URI_FILE=str(tmp_path / "redis"))
    assert settings.ratelimit_storage_uri == "redis://:sesame@redis:6379/0"


def test_the_databases_address_holds_a_password_and_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("postgresql://latchkey:secret@database/latchkey\n", encoding="utf-8")
    settings = settings_with(SQLALCHEMY_DATABASE_URI_FILE=str(tmp_path / "uri"))
    assert settings.sqlalchemy_database_uri == "postgresql+psycopg://latchkey:secret@database/latchkey"


def test_a_file_of_a_secret_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "binary"):
        with pytest.raises(SettingsRefused) as refused:
            settings_with(FERNET_KEY_FILE=str(path))
        assert refused.value.faults[0].startswith("FERNET_KEY_FILE: cannot be read.")


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_a_ring_whose_order_is_kept(name: str) -> None:
    settings = settings_with(**{name.upper(): f" {OTHER} ,, {OLDER}, "})
    assert getattr(settings, name) == (OTHER, OLDER)


def test_the_first_of_a_ring_signs_the_cookie_and_the_others_verify(tmp_path: Path) -> None:
    app = create_app(settings_with(SECRET_KEY=f"{OTHER},{OLDER}", SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'ring.db'}"))
    assert app.config["SECRET_KEY"] == OTHER
    assert app.config["SECRET_KEY_FALLBACKS"] == [OLDER]


def test_settings_never_show_a_secret() -> None:
    settings = settings_with(MAIL_PASSWORD="mail-secret", SQLALCHEMY_DATABASE_URI="mysql://root:db-secret@host/x")
    assert not [key for key in (*KEYS.values(), "mail-secret", "db-secret") if key in repr(settings) + str(settings)]


@pytest.mark.parametrize("name", ["postgres", "postgresql", "mysql", "mariadb"])
def test_plain_names_of_databases_mean_the_drivers_that_are_installed(name: str) -> None:
    driver = "postgresql+psycopg" if name.startswith("postgres") else "mysql+pymysql"
    assert settings_with(SQLALCHEMY_DATABASE_URI=f"{name}://a@b/c").sqlalchemy_database_uri == f"{driver}://a@b/c"
