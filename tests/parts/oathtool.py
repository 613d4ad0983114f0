"""Codes of an authenticator app, made by a program that knows nothing of ours."""

import shutil
import subprocess

from .missing import Missing

INSTALL = "Install oathtool (on Debian: apt-get install oathtool) to make codes by a program that is not ours."


def program() -> str:
    """Where it is; raises Missing."""
    found = shutil.which("oathtool")
    if found is None:
        raise Missing(INSTALL)
    return found


def code(secret: str, moment: float) -> str:
    """The six digits of a base-32 secret at a moment, in seconds since 1970."""
    command = [program(), "--totp", "--base32", f"--now=@{int(moment)}", secret]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
