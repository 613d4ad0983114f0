"""A process that makes one call after another and dies a little later in each: `python -m tests.attacks.mortal SPEC`.

The n-th call is killed (SIGKILL) at its n-th boundary: before and after each SQL statement, commit, and change of a file.
Prints how many boundaries there were once a call has lived to its end. Each call is made by a fork of its own, so that
the next one finds what a restarted service would find.
"""

import base64
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import event

from app import create_app
from database import db
from services import erasure
from tests.conftest import settings_with
from tests.parts import forms

FILE_CHANGES = ((Path, "rename"), (Path, "unlink"), (Path, "open"), (os, "fsync"))


class Death:
    """Counts boundaries and kills the process at one of them."""

    def __init__(self, boundary: int) -> None:
        self.left = boundary

    def comes_nearer(self, *_: Any, **__: Any) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, action: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            self.comes_nearer()
            found = action(*given, **named)
            self.comes_nearer()
            return found

        return watched


def main(spec_file: str) -> int:
    spec = json.loads(Path(spec_file).read_text())
    app = create_app(settings_with(**spec["settings"]))
    for number, call in enumerate(spec["calls"]):
        child = os.fork()
        if child == 0:
            os._exit(_run(app, call, Death(number + 1)))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL:
            print(number)
            return status
    return 99


def _run(app: Flask, call: dict[str, Any], death: Death) -> int:
    """0 where the call was answered well."""
    with app.app_context():
        for engine in db.engines.values():
            event.listen(engine, "before_cursor_execute", death.comes_nearer)
            event.listen(engine, "after_cursor_execute", death.comes_nearer)
            engine.dialect.do_commit = death.around(engine.dialect.do_commit)  # type: ignore[method-assign]
        for owner, name in FILE_CHANGES:
            setattr(owner, name, death.around(getattr(owner, name)))
        if call.get("job"):
            erasure.erase_due()
            return 0
    return 0 if _answer(app, call) in (200, 204) else 1


def _answer(app: Flask, call: dict[str, Any]) -> int:
    more: dict[str, Any] = {"json": call["json"]} if "json" in call else {}
    if "file" in call:
        content = base64.b64decode(call["file"])
        more = {"data": forms.body(forms.file(content)), "content_type": forms.CONTENT_TYPE}
    headers = {"Authorization": f"Bearer {call['token']}"}
    return app.test_client().open(call["path"], method=call["method"], headers=headers, **more).status_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
