"""`.env` in development: missing and placeholder secrets are replaced by fresh ones."""

import base64
import os
import re
import secrets
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from config import PLACEHOLDER, SECRETS
from environment import text_of


def freshen(path: Path) -> list[str]:
    """Writes fresh secrets into the file, readable by its owner only, and returns the names it replaced.

    A secret that the environment sets, or that already stands there, is left alone.
    """
    text = text_of(path)
    known = dotenv_values(stream=StringIO(text))
    needed = [
        name
        for name in (secret.upper() for secret in SECRETS)
        if not os.environ.get(name) and not os.environ.get(f"{name}_FILE") and not known.get(f"{name}_FILE")
        if not known.get(name) or PLACEHOLDER.search(str(known[name]))
    ]
    if needed:
        _write(path, _replaced(text, {name: _fresh(name) for name in needed}))
    return needed


def _replaced(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        line = f"{name}={value}"
        text, found = re.subn(rf"^#?\s*{name}=.*$", line, text, count=1, flags=re.MULTILINE)
        if not found:
            text = f"{text.rstrip()}\n{line}\n".lstrip("\n")
    return text


def _fresh(name: str) -> str:
    if name == "FERNET_KEY":
        return base64.urlsafe_b64encode(os.urandom(32)).decode()
    return secrets.token_urlsafe(48)


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)
