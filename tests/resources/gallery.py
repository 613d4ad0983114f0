"""Somebody with an account who sends pictures, and the folder where they are kept."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from tests.parts import forms
from tests.people import House

MOST_BYTES = 300_000
"""MAX_UPLOAD_BYTES here."""


@dataclass
class Gallery:
    door: House
    folder: Path
    access: str

    def send_body(self, raw: bytes, kind: str = forms.CONTENT_TYPE, token: str | None = None) -> TestResponse:
        return self.door.ask("PUT", "/profile", token=token or self.access, data=raw, content_type=kind)

    def send(self, content: bytes, *more: bytes, **about: str) -> TestResponse:
        """The file in a multipart body, with these other parts."""
        return self.send_body(forms.body(*more, forms.file(content, **about)))

    def send_uri(self, content: bytes, kind: str = "png", **fields: Any) -> TestResponse:
        return self.door.put("/profile", {"profile_picture": data_uri(content, kind)} | fields, self.access)

    def profile(self) -> dict[str, Any]:
        found: dict[str, Any] = self.door.get("/profile", self.access).get_json()
        return found | {"last_activity": ""}

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*"))

    def stored(self) -> bytes:
        """The one file that is kept, as it is served."""
        (only,) = self.files()
        path = self.path()
        assert path.endswith(f"/{only.name}")
        assert self.door.get(path).get_data() == only.read_bytes()
        return only.read_bytes()

    def path(self) -> str:
        """Of the picture, as the profile names it."""
        address: str = self.profile()["profile_picture"]
        return address.removeprefix(self.door.app.extensions["settings"].address)


def data_uri(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
