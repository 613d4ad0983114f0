"""`.env` says what it is meant to say, or the start says what is wrong with it: encodings, and `${…}`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import create_app
from config import ROOT
from envfile import freshen
from environment import SettingsRefused, environment
from tests.parts.service import copy_of_the_project

TEXT = 'SERVICE_NAME="Café"\nPORT=6001\n'
ENCODINGS = {
    "utf-16": "is in UTF-16",
    "utf-16-le": "is in UTF-16",
    "utf-16-be": "is in UTF-16",
    "latin-1": "line 1 is not UTF-8",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def faults_of(file: Path, text: str) -> list[str]:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsRefused) as refused:
        environment(file)
    return refused.value.faults


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_its_mark_and_without(file: Path, encoding: str) -> None:
    file.write_bytes(TEXT.encode(encoding))
    found = environment(file)
    assert (found["SERVICE_NAME"], found["PORT"]) == ("Café", "6001")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_other_encoding_is_named_with_the_file_and_the_cure(file: Path, encoding: str) -> None:
    file.write_bytes(TEXT.encode(encoding))
    for read in (environment, freshen):
        with pytest.raises(SettingsRefused) as refused:
            read(file)
        (fault,) = refused.value.faults
        assert fault.startswith(f"{file}: {ENCODINGS[encoding]}")
        assert "Save" in fault
        assert "as UTF-8" in fault
        assert "SERVICE" not in fault
    assert file.read_bytes() == TEXT.encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
@pytest.mark.parametrize("started", ["development", "production"])
def test_the_server_ends_with_78_and_one_line(tmp_path: Path, encoding: str, started: str) -> None:
    folder = copy_of_the_project(tmp_path / "project")
    (folder / ".env").write_bytes(TEXT.encode(encoding))
    ended = subprocess.run(
        [sys.executable, "app.py"],
        env={"PATH": os.environ["PATH"], "FLASK_ENV": started},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (78, 2), ended.stderr
    assert f"{folder}/.env: " in ended.stderr
    assert "Traceback" not in ended.stderr


def flask(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("flask")
    given = {"PATH": os.environ["PATH"], "FLASK_ENV": "production"} | environ
    return subprocess.run(
        [program, "--app", "app", *words], env=given, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
@pytest.mark.parametrize(("words", "status"), [("doctor", 1), ("users list", 78), ("db upgrade", 78), ("outbox list", 78)])
def test_commands_say_it_in_one_line_where_flask_leaves_the_file_to_the_service(
    tmp_path: Path, encoding: str, words: str, status: int
) -> None:
    folder = copy_of_the_project(tmp_path / "project")
    (folder / ".env").write_bytes(TEXT.encode(encoding))
    ended = flask(folder, *words.split(), FLASK_SKIP_DOTENV="1")
    told = ended.stdout + ended.stderr
    assert (ended.returncode, told.count("\n")) == (status, 2), told
    assert f"{folder}/.env: {ENCODINGS[encoding]}" in told
    assert "Save" in told
    assert "Traceback" not in told


def test_what_flask_itself_does_with_such_a_file_is_on_the_page_of_troubles(tmp_path: Path) -> None:
    """It reads the file before any code of ours runs. Once that changes, the page can say less."""
    folder = copy_of_the_project(tmp_path / "project")
    (folder / ".env").write_bytes(TEXT.encode("utf-16"))
    assert "\nUnicodeDecodeError: " in flask(folder, "doctor").stderr
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert "`UnicodeDecodeError`" in page
    assert "`FLASK_SKIP_DOTENV=1 flask --app app doctor`" in page


@pytest.mark.parametrize(
    "value", ["${PLACE}", '"${PLACE}"', "'${PLACE}'", "${NOWHERE:-Utrecht}", '"${NOWHERE:-Utrecht}"'], ids=str
)
def test_a_variable_stands_for_what_a_line_above_says(file: Path, value: str) -> None:
    file.write_text(f"PLACE=Utrecht\nSERVICE_NAME={value}\n", encoding="utf-8")
    assert environment(file)["SERVICE_NAME"] == "Utrecht"


def test_an_address_is_put_together_from_variables(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "sesame")
    file.write_text('HOST_OF_DB=db\nSQLALCHEMY_DATABASE_URI="postgresql://a:${DB_PASSWORD}@${HOST_OF_DB}/a"\n')
    assert environment(file)["SQLALCHEMY_DATABASE_URI"] == "postgresql://a:sesame@db/a"
    file.write_text("MAIL_PASSWORD=${DB_PASSWORD}\n")
    assert environment(file)["MAIL_PASSWORD"] == "sesame"


@pytest.mark.parametrize("quote", ["", '"', "'"])
@pytest.mark.parametrize("name", ["MAIL_PASSWORD", "JWT_SECRET_KEY", "METRICS_TOKEN", "OIDC_SHOP_CLIENT_SECRET"])
def test_a_secret_is_never_changed_in_silence(file: Path, name: str, quote: str) -> None:
    """Also where such a variable is set: it would be another secret than was written."""
    for variable in ("nowhere", "PATH", "nowhere:-x"):
        (fault,) = faults_of(file, f"{name}={quote}open-${{{variable}}}-sesame{quote}\n")
        assert fault.startswith(f"{name}: holds ${{…}}")
        assert f"{name}_FILE" in fault
        assert not [part for part in ("sesame", "open-", "nowhere", "PATH") if part in fault]


def test_a_variable_that_is_not_set_is_a_fault_of_the_setting_that_names_it(file: Path) -> None:
    text = 'SERVICE_NAME="${NOWHERE}"\nSQLALCHEMY_DATABASE_URI=postgresql://a:pa${SS}@b/c\nMAIL_SERVER=${LATER}\nLATER=mail\n'
    faults = faults_of(file, text)
    assert [fault.partition(":")[0] for fault in faults] == ["SERVICE_NAME", "SQLALCHEMY_DATABASE_URI", "MAIL_SERVER"]
    assert not [fault for fault in faults if "SS" in fault.partition(":")[2]]


def test_what_the_environment_sets_and_what_is_not_ours_is_let_be(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "from-outside")
    file.write_text("MAIL_PASSWORD=a${b}c\nCOMPOSE_FILE=${NOWHERE}\nSERVICE_NAME=costs $5 {or less}\n", encoding="utf-8")
    found = environment(file)
    assert (found["MAIL_PASSWORD"], found["SERVICE_NAME"]) == ("from-outside", "costs $5 {or less}")


def test_the_command_line_that_reads_the_file_first_is_told_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flask's `flask` puts the changed value into the environment before the app is made."""
    monkeypatch.setenv("MAIL_PASSWORD", "ac")
    assert faults_of(file, "MAIL_PASSWORD=a${nowhere}c\n")[0].startswith("MAIL_PASSWORD:")


def test_the_app_ends_with_78_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> dict[str, str]:
        raise SettingsRefused([f"{ROOT}/.env: is in UTF-16. Save it as UTF-8."])

    monkeypatch.setattr("app.environment", refuse)
    with pytest.raises(SystemExit) as left:
        create_app()
    assert left.value.code == os.EX_CONFIG
    assert "is in UTF-16" in capsys.readouterr().err
