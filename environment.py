"""Settings from the environment: `.env` beneath it, every fault listed at once with its cure."""

import codecs
import os
import re
import sys
from collections.abc import Iterator, Mapping
from io import StringIO
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
COMPOSED = {"sqlalchemy_database_uri", "ratelimit_storage_uri"}
"""Addresses that people put together from `${…}`. In any other secret those signs are the secret's own."""
VARIABLE = re.compile(r"\$\{([^}:]*)(:-[^}]*)?\}")
EMPTY_HAS_MEANING = {
    *("ratelimit_default", "ratelimit_signed_in", "ratelimit_sensitive", "log_file", "oidc_google_prompt"),
}


class SettingsRefused(Exception):
    """The environment does not make valid settings; `faults` names each with its cure."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def environment(env_file: Path = ROOT / ".env") -> dict[str, str]:
    """`.env` with the process's environment above it. Raises SettingsRefused where `.env` does not say what it is meant to."""
    text = text_of(env_file)
    filed = {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None}
    if faults := list(_replaced_faults(text, filed)):
        raise SettingsRefused(faults)
    return filed | dict(os.environ)


def text_of(env_file: Path) -> str:
    """What the file holds, nothing where there is none. Raises SettingsRefused unless it is UTF-8."""
    try:
        found = env_file.read_bytes()
        if found.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in found:
            raise SettingsRefused([f"{env_file}: is in UTF-16. Save it as UTF-8: iconv -f UTF-16 -t UTF-8."])
        return found.decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsRefused([f"{env_file}: cannot be read. Let this user read it: chown, chmod 600."]) from error
    except UnicodeDecodeError as error:
        line = found[: error.start].count(b"\n") + 1
        told = f"{env_file}: line {line} is not UTF-8, but perhaps Latin-1. Save the file as UTF-8: iconv -f LATIN1 -t UTF-8."
        raise SettingsRefused([told]) from error


def _replaced_faults(text: str, filed: Mapping[str, str]) -> Iterator[str]:
    """What python-dotenv changes, also within quotes: `${NAME}` becomes NAME's value, or nothing. The value is not shown."""
    known = set(os.environ)
    for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items():
        found = VARIABLE.findall(value or "")
        # Flask's command line puts the file into the environment before we read it.
        if found and os.environ.get(name, filed.get(name)) == filed.get(name):
            if _is_secret(name) and name.lower() not in COMPOSED and not VARIABLE.fullmatch(value or ""):
                cure = f"Put the secret into a file, and name that in {name}_FILE."
                yield f"{name}: holds ${{…}}, which is replaced in .env. {cure}"
            elif _is_ours(name) and not all(default or other in known for other, default in found):
                yield f"{name}: holds ${{…}} of a name that is not set. Set it in a line above, or write ${{NAME:-…}}."
        known.add(name)


def _is_ours(name: str) -> bool:
    plain = name.removesuffix("_FILE").lower()
    return plain in Settings.model_fields or name in ALIASES.values() or _is_secret(name) or name.startswith("OIDC_")


def _is_secret(name: str) -> bool:
    return name.lower() in OTHER_SECRETS.union(SECRETS) or name.endswith("_CLIENT_SECRET")


def environment_or_exit() -> dict[str, str]:
    """Exits with 78 where `.env` cannot be read."""
    try:
        return environment()
    except SettingsRefused as refused:
        leave(refused.faults)


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
    if not settings.development and environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
        faults.append("FLASK_DEBUG: is on in production. Remove it, or set FLASK_ENV=development.")
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
