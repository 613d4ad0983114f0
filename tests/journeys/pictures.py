"""Makes the README's pictures of the front end anew: `.venv/bin/python -m tests.journeys.pictures` (Chromium; font Inter)."""

import io
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.journeys.front_end import Home, homely, on, person
from tests.parts.browser import browser
from tests.parts.smtp import MailServer

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES = 150_000
DESKTOP: dict[str, Any] = {"viewport": {"width": 1180, "height": 720}, "device_scale_factor": 2, "color_scheme": "light"}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 720}, "device_scale_factor": 2, "color_scheme": "dark"}
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def main() -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        mail = stack.enter_context(MailServer())
        smtp = {"MAIL_SERVER": str(mail.host), "MAIL_PORT": str(mail.port), "MAIL_USE_TLS": "false"}
        google = {"GOOGLE_CLIENT_ID": "somebody", "GOOGLE_CLIENT_SECRET": "something"}
        home = stack.enter_context(homely(f"sqlite:///{folder}/pictures.db", smtp, mail, **google))
        home.account("ada")
        started = stack.enter_context(browser())
        _devices(started, home)
        _sign_in(started, home)


def _devices(started: Browser, home: Home) -> None:
    with ExitStack() as stack:
        for agent in (SAFARI, FIREFOX):
            stack.enter_context(person(started, home, user_agent=agent)).signed_in("ada")
        page = stack.enter_context(person(started, home, user_agent=CHROME, **DESKTOP)).signed_in("ada", "sessions")
        on(page, "Devices")
        _keep(page, "devices.png")


def _sign_in(started: Browser, home: Home) -> None:
    with person(started, home, **PHONE) as somebody:
        page = somebody.tab("sign-in")
        page.get_by_label("User name or e-mail address").fill("ada")
        _keep(page, "sign-in.png")


def _keep(page: Page, name: str) -> None:
    """In 128 colours, which these few shades do not miss."""
    FOLDER.mkdir(exist_ok=True)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)
    size = (FOLDER / name).stat().st_size
    assert size <= MOST_BYTES, f"{name} has {size} bytes"
    print(f"{name}: {size} bytes")


if __name__ == "__main__":
    main()
