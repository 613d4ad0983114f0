"""The laws of compose.yaml: how little each container may do, that its settings exist, and that one command prepares it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import environment
from config import SECRETS, Settings
from tests.house.sources import ROOT

PROGRAMS = Path(sys.executable).parent
DEPLOY = ROOT / "deploy"
SETTINGS = {name.upper() for name, field in Settings.model_fields.items() if not field.exclude}
MAY_BE_FILES = {name.upper() for name in (*SECRETS, *environment.OTHER_SECRETS)}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(ROOT / "compose.yaml")
    return found


def test_it_is_a_compose_file() -> None:
    command = [str(PROGRAMS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_container_may_do_as_little_as_can_be() -> None:
    services = compose()["services"]
    assert set(services) == {"api", "database", "redis", "mail", "proxy"}
    for name, one in services.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "pid"} & set(one), name
        if name != "api":  # the image says it
            assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", one["user"]), name
            assert re.search(r":v?\d+\.\d+", one["image"]), f"{name}: no version is pinned"


def test_only_the_proxy_is_reached_from_outside_and_data_leaves_by_the_service_only() -> None:
    services = compose()["services"]
    open_ports = {
        name: port for name, one in services.items() for port in one.get("ports", ()) if not port.startswith("127.0.0.1:")
    }
    assert set(open_ports) == {"proxy"}
    assert compose()["networks"]["back"] == {"internal": True}
    for name in ("database", "redis"):
        assert services[name]["networks"] == ["back"]
        assert services["api"]["depends_on"][name] == {"condition": "service_healthy"}
    assert services["proxy"]["depends_on"]["api"]["condition"] == "service_healthy"


def test_compose_sets_only_what_exists_and_no_secret_in_sight() -> None:
    api = compose()["services"]["api"]
    for name, value in api["environment"].items():
        assert name in SETTINGS or name.removesuffix("_FILE") in MAY_BE_FILES, f"{name} is no setting"
        assert name not in MAY_BE_FILES or re.fullmatch(r"\w+://[^@]+", value), f"{name} stands in the open"
    files = {value for name, value in api["environment"].items() if name.endswith("_FILE")}
    assert files == {f"/run/secrets/{secret}" for secret in api["secrets"]}


def test_what_the_command_prepares_is_what_compose_mounts_and_the_service_takes(tmp_path: Path) -> None:
    local = _prepared(tmp_path, "auth.example.net")
    mounted = {Path(one["file"]).name for one in compose()["secrets"].values()}
    assert {path.name for path in (local / "secrets").iterdir()} == mounted
    assert os.stat(local).st_mode & 0o077 == 0, "others on the machine must not enter"
    given = {
        name: value.replace("/run/secrets", str(local / "secrets"))
        for name, value in compose()["services"]["api"]["environment"].items()
    }
    written = dict(line.split("=", 1) for line in (local / "latchkey.env").read_text().splitlines())
    settings = environment.load({"FLASK_ENV": "production", "HOST": "0.0.0.0", "LOG_FILE": ""} | given | written)
    assert settings.address == "https://auth.example.net"
    assert "server_name auth.example.net;" in (local / "nginx.conf").read_text()


def test_the_command_keeps_what_is_there(tmp_path: Path) -> None:
    local = _prepared(tmp_path, "auth.example.net")
    before = {path: path.read_bytes() for path in local.rglob("*") if path.is_file()}
    secrets = [content for path, content in before.items() if path.parent.name == "secrets"]
    assert len(set(secrets)) == len(secrets)
    _prepared(tmp_path, "auth.example.net")
    assert {path: path.read_bytes() for path in local.rglob("*") if path.is_file()} == before
    with pytest.raises(subprocess.CalledProcessError):
        _prepared(tmp_path, "auth.example.net/../x;")


def _prepared(folder: Path, name: str) -> Path:
    """What deploy/prepare.sh writes, for a copy of deploy/."""
    copy = folder / "deploy"
    copy.mkdir(exist_ok=True)
    for file in ("prepare.sh", "nginx.conf"):
        shutil.copy(DEPLOY / file, copy / file)
    subprocess.run(["sh", copy / "prepare.sh", name], check=True, capture_output=True)
    return copy / "local"
