"""Settings from the environment: `.env` beneath it, every fault listed at once with its cure."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from dotenv import dotenv_values
from pydantic import ValidationError

import setting_faults
from config import ROOT, SECRETS, Provider, Settings
from setting_faults import prefix_of

ALIASES = {"google_discovery_url": "SERVER_METADATA_URL"}
IN_CONSOLE = "The provider's console shows it."
PARTS = dict.fromkeys(("client_id", "client_secret", "discovery_url"), IN_CONSOLE)
PARTS["prompt"] = "Use login, consent or select_account, or leave it empty."
"""What a provider is set up with, and where each comes from."""
OTHER_SECRETS = {
    *("mail_password", "google_client_secret", "sqlalchemy_database_uri", "ratelimit_storage_uri", "metrics_token"),
}
EMPTY_HAS_MEANING = {
    *("ratelimit_default", "ratelimit_signed_in", "ratelimit_sensitive", "log_file", "oidc_google_prompt"),
}


class SettingsRefused(Exception):
    """The environment does not make valid settings; `faults` names each with its cure."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def environment(env_file: Path = ROOT / ".env") -> dict[str, str]:
    """`.env` with the process's environment above it."""
    return {name: value for name, value in dotenv_values(env_file).items() if value is not None} | dict(os.environ)


def load_or_exit() -> Settings:
    """The environment's settings; where they are faulty, lists every fault with its cure and exits with 78 (EX_CONFIG)."""
    try:
        return load(environment())
    except SettingsRefused as refused:
        leave(refused.faults)


def leave(faults: list[str]) -> NoReturn:
    print("Latchkey does not start: these settings need a hand.", *faults, sep="\n  - ", file=sys.stderr)
    sys.exit(os.EX_CONFIG)


def load(environ: Mapping[str, str]) -> Settings:
    """Checked settings; raises SettingsRefused with every fault at once."""
    values, faults = _given(environ)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        wrong = {str(fault["loc"][0]): fault["msg"] for fault in error.errors()}
        faults += [f"{name.upper()}: {_plain(message)}. {_cure(name)}" for name, message in wrong.items()]
        settings = Settings.model_validate({name: value for name, value in values.items() if name not in wrong})
    providers, more = _providers(environ, settings)
    settings = settings.model_copy(update={"oidc": providers})
    faults += [fault for fault in more if fault not in faults]
    told = {fault.partition(":")[0] for fault in faults}
    faults += [fault for fault in setting_faults.found_in(settings) if fault.partition(":")[0] not in told]
    if faults:
        raise SettingsRefused(faults)
    return settings


def _given(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, field in Settings.model_fields.items():
        if field.exclude:
            continue
        value = environ.get(name.upper(), environ.get(ALIASES.get(name, "")))
        if name in SECRETS or name in OTHER_SECRETS:
            value, fault = _secret(environ, name.upper())
            faults += fault
        if value or (value == "" and name in EMPTY_HAS_MEANING):
            values[name] = value
    return values, faults


def _secret(environ: Mapping[str, str], name: str) -> tuple[str | None, list[str]]:
    """A secret from the environment, or from the file that NAME_FILE names."""
    if not (path := environ.get(f"{name}_FILE")):
        return environ.get(name), []
    try:
        return Path(path).read_text(encoding="utf-8").strip(), []
    except (OSError, UnicodeDecodeError):
        return None, [f"{name}_FILE: cannot be read. Name a text file that this user may read."]


def _providers(environ: Mapping[str, str], settings: Settings) -> tuple[dict[str, Provider], list[str]]:
    """The OpenID providers that are configured. Google may be named without being configured; the others may not."""
    found: dict[str, Provider] = {}
    faults: list[str] = []
    for name in settings.oidc_providers:
        prefix = prefix_of(name)
        secret, unread = _secret(environ, f"{prefix}_CLIENT_SECRET")
        given = (environ.get(f"{prefix}_CLIENT_ID"), secret, environ.get(f"{prefix}_DISCOVERY_URL"))
        prompt = environ.get(f"{prefix}_PROMPT", Provider.model_fields["prompt"].default)
        if name == "google":
            given = (settings.google_client_id, settings.google_client_secret, settings.google_discovery_url)
            prompt = settings.oidc_google_prompt
            if not settings.google_client_id:
                continue
        try:
            found[name] = Provider.model_validate(dict(zip(PARTS, (*given, prompt), strict=True)) | {"name": name})
        except ValidationError as error:
            parts = [str(item["loc"][0]) for item in error.errors()]
            wrong = [part for part in parts if part != "client_secret" or not unread]
            faults += [f"{prefix}_{part.upper()}: is not set, or not valid. {PARTS[part]}" for part in wrong]
        faults += unread
    return found, faults


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _cure(name: str) -> str:
    return f"It means: {Settings.model_fields[name].description}."
