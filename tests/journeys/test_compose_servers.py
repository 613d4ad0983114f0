"""Database and Redis as compose.yaml starts them, prepared by deploy/prepare.sh: who gets in, and what they may do."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from config import ROOT
from tests.attacks import doors
from tests.attacks.doors import call
from tests.conftest import refuse_or_skip, start_database
from tests.house.containers import compose, prepared
from tests.journeys.test_database_roles import DDL, command, refusals
from tests.parts import postgresql
from tests.parts.missing import Missing
from tests.parts.redis import redis
from tests.parts.smtp import MailServer
from tests.resources.conftest import Door, build

__all__ = ["build"]
ONLY_BY_PASSWORD = "host all latchkey_migrating,latchkey_serving all scram-sha-256\nhost all all all trust\n"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return prepared(tmp_path, "auth.example.net") / "secrets"


def written(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()


@pytest.fixture
def counts(secrets: Path, tmp_path: Path) -> Iterator[str]:
    """The service's address of a Redis that was started with the command line of compose.yaml."""
    program, *options = compose()["services"]["redis"]["command"]
    assert program == "redis-server"
    with ExitStack() as stack:
        try:
            place = urlsplit(stack.enter_context(redis(tmp_path, None, options, (secrets / "redis_users").read_text()))).netloc
        except Missing as missing:
            refuse_or_skip(missing)
        yield written(secrets / "redis_uri").replace("redis:6379", place)


def test_redis_takes_the_service_and_nobody_without_its_password(counts: str, build: Callable[..., Door]) -> None:
    place = urlsplit(counts).netloc.rpartition("@")[2]
    for login in ("", ":guess@", "default:guess@", "latchkey:guess@", "default:@"):
        with Redis.from_url(f"redis://{login}{place}/0") as stranger, pytest.raises(AuthenticationError):
            stranger.get("any")
    with Redis.from_url(counts) as known:
        assert known.incr("any") == 1
        for refused in ("FLUSHALL", "CONFIG GET *", "KEYS *", "SHUTDOWN", "ACL LIST"):
            with pytest.raises(NoPermissionError):
                known.execute_command(*refused.split())
    door = build(RATELIMIT_STORAGE_URI=counts, RATELIMIT_DEFAULT="2 per hour")
    assert door.get("/readyz").get_json() == {"status": "ok", "failing": []}
    assert [door.get("/profile").status_code for _ in range(3)] == [401, 401, 429]
    with Redis.from_url(counts) as known:
        assert list(known.scan_iter("LIMIT*")), "counted there"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A PostgreSQL that wants a password of both roles; its administrator's is not asked for."""
    with ExitStack() as stack:
        url = start_database(stack, "postgresql", tmp_path)
        with psycopg.connect(url, autocommit=True) as connection:
            (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            Path(file).write_text(ONLY_BY_PASSWORD, encoding="utf-8")
            connection.execute("SELECT pg_reload_conf()")
        yield url


def make_roles(server: str, secrets: Path) -> None:
    """Runs the very command of the container, where its host, its files and its program are."""
    shell, flag, line = compose()["services"]["roles"]["command"]
    place, sql = urlsplit(server), secrets / "roles.sql"
    sql.write_text((ROOT / "deploy" / "roles.sql").read_text().replace("/run/secrets", str(secrets)))
    for told, here in {
        "$$": "$",
        "/run/secrets": str(secrets),
        "--host database": f"--host {place.hostname} --port {place.port}",
        "/roles.sql": str(sql),
    }.items():
        assert told in line
        line = line.replace(told, here)
    path = f"{postgresql._wheel_programs()}:{os.environ['PATH']}"
    done = subprocess.run([shell, flag, line], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def address(server: str, secrets: Path, role: str) -> str:
    return written(secrets / f"{role}_uri").replace("@database/", f"@{urlsplit(server).netloc.rpartition('@')[2]}/")


def test_a_whole_life_under_the_roles_of_compose(
    server: str, secrets: Path, smtp: dict[str, str], mail_server: MailServer
) -> None:
    mail_server.clear()
    make_roles(server, secrets)
    migrating, serving = (address(server, secrets, role) for role in ("migrating", "serving"))
    for wrong in (serving.replace("latchkey_serving:", "latchkey_serving:not-"), serving.replace("serving:", "migrating:")):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
    assert compose()["services"]["migrate"]["command"] == ["flask", "--app", "app", "db", "upgrade"]
    assert command(migrating, "db", "upgrade")[0] == 0
    with doors.service(serving, smtp) as service:
        doors.account(service, mail_server, "ada")
        access = doors.login(service, "ada").json["access_token"]
        assert call(service, "PUT", "/profile", {"first_name": "Ada"}, token=access).json["first_name"] == "Ada"
    assert refusals(serving) == DDL


def test_tables_of_an_earlier_installation_go_to_the_migrating_role_and_passwords_follow_their_files(
    server: str, secrets: Path
) -> None:
    """There, the administrator made the tables and served."""
    assert command(server, "db", "upgrade")[0] == 0
    make_roles(server, secrets)
    first = address(server, secrets, "serving")
    assert refusals(first) == DDL
    for file in secrets.glob("serving_*"):
        file.unlink()
    prepared(secrets.parents[2], "auth.example.net")
    make_roles(server, secrets)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(first)
    with psycopg.connect(address(server, secrets, "serving")) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
    assert command(address(server, secrets, "migrating"), "db", "upgrade")[0] == 0
