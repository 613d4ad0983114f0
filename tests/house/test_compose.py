"""The laws of compose.yaml: how little each container may do, that its settings exist, and that one command prepares it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import environment
from commands.database import _postgresql
from config import SECRETS, Settings
from tests.house.containers import compose, prepared
from tests.house.sources import ROOT

PROGRAMS = Path(sys.executable).parent
SETTINGS = {name.upper() for name, field in Settings.model_fields.items() if not field.exclude}
ONCE = ("roles", "migrate")
"""What ends before the service starts."""
MAY_BE_FILES = {name.upper() for name in (*SECRETS, *environment.OTHER_SECRETS)}


def test_it_is_a_compose_file() -> None:
    command = [str(PROGRAMS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_container_may_do_as_little_as_can_be() -> None:
    services = compose()["services"]
    assert set(services) == {"api", "database", "redis", "mail", "proxy", *ONCE}
    for name, one in services.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "pid"} & set(one), name
        assert (one["restart"] == "no") is (name in ONCE), name
        if one["image"] != "latchkey":  # whose own file says it
            assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", one["user"]), name
            assert re.search(r":v?\d+\.\d+", one["image"]), f"{name}: no version is pinned"


def test_only_the_proxy_is_reached_from_outside_and_data_leaves_by_the_service_only() -> None:
    services = compose()["services"]
    open_ports = {
        name: port for name, one in services.items() for port in one.get("ports", ()) if not port.startswith("127.0.0.1:")
    }
    assert set(open_ports) == {"proxy"}
    assert compose()["networks"]["back"] == {"internal": True}
    for name in ("database", "redis", *ONCE):
        assert services[name]["networks"] == ["back"]
    for name in ("database", "redis"):
        assert services["api"]["depends_on"][name] == {"condition": "service_healthy"}
    assert services["proxy"]["depends_on"]["api"]["condition"] == "service_healthy"


def test_compose_sets_only_what_exists_and_no_secret_in_sight() -> None:
    for one in (compose()["services"][name] for name in ("api", "migrate")):
        for name in one["environment"]:
            assert name in SETTINGS or name.removesuffix("_FILE") in MAY_BE_FILES, f"{name} is no setting"
            assert name not in MAY_BE_FILES, f"{name} stands in the open"
        files = {value for name, value in one["environment"].items() if name.endswith("_FILE")}
        assert files == {f"/run/secrets/{secret}" for secret in one["secrets"]}


def test_each_container_has_the_secrets_of_its_own_part_and_no_others() -> None:
    services = compose()["services"]
    ours = {*SECRETS, "redis_uri"}
    assert {name: set(one["secrets"]) for name, one in services.items() if "secrets" in one} == {
        "api": ours | {"serving_uri"},
        "migrate": ours | {"migrating_uri"},
        "roles": {"database_password", "migrating_password", "serving_password"},
        "database": {"database_password"},
        "redis": {"redis_users"},
    }


def test_the_service_waits_for_the_roles_and_the_tables() -> None:
    services, done = compose()["services"], {"condition": "service_completed_successfully"}
    assert services["api"]["depends_on"]["migrate"] == services["migrate"]["depends_on"]["roles"] == done
    assert services["roles"]["depends_on"]["database"] == {"condition": "service_healthy"}


def test_the_roles_have_the_grants_that_the_command_prints() -> None:
    written = " ".join(line.strip() for line in (ROOT / "deploy" / "roles.sql").read_text().splitlines())
    printed = list(_postgresql("latchkey", "latchkey_migrating", "latchkey_serving", {}))
    granted = [one for one in printed if re.match("GRANT|REVOKE|ALTER DEFAULT", one)]
    assert len(granted) == len(re.findall("GRANT [A-Z, ]+ (?:ON|TO)|REVOKE", written)) == 7
    assert [one for one in granted if f"{one};" not in written] == []
    owners = [one for one in printed if one.startswith("ALTER TABLE")]
    assert len(printed) == len(granted) + len(owners), "nothing else is printed but roles"


@pytest.mark.parametrize(("container", "role"), [("api", "latchkey_serving"), ("migrate", "latchkey_migrating")])
def test_what_the_command_prepares_is_what_compose_mounts_and_the_service_takes(
    tmp_path: Path, container: str, role: str
) -> None:
    local = prepared(tmp_path, "auth.example.net")
    mounted = {Path(one["file"]).name for one in compose()["secrets"].values()}
    assert {path.name for path in (local / "secrets").iterdir()} == mounted
    assert os.stat(local).st_mode & 0o077 == 0, "others on the machine must not enter"
    one = compose()["services"][container]
    given = {name: value.replace("/run/secrets", str(local / "secrets")) for name, value in one["environment"].items()}
    written = dict(line.split("=", 1) for line in (local / "latchkey.env").read_text().splitlines())
    settings = environment.load({"FLASK_ENV": "production", "HOST": "0.0.0.0", "LOG_FILE": ""} | given | written)
    assert settings.address == "https://auth.example.net"
    assert f"//{role}:" in settings.sqlalchemy_database_uri
    assert settings.ratelimit_storage_uri.startswith("redis://latchkey:")
    assert "server_name auth.example.net;" in (local / "nginx.conf").read_text()


def test_the_command_keeps_what_is_there(tmp_path: Path) -> None:
    local = prepared(tmp_path, "auth.example.net")
    before = {path: path.read_bytes() for path in local.rglob("*") if path.is_file()}
    secrets = [content for path, content in before.items() if path.parent.name == "secrets"]
    assert len(set(secrets)) == len(secrets)
    prepared(tmp_path, "auth.example.net")
    assert {path: path.read_bytes() for path in local.rglob("*") if path.is_file()} == before
    with pytest.raises(subprocess.CalledProcessError):
        prepared(tmp_path, "auth.example.net/../x;")
