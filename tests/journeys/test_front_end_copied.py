"""A copy of the front end on another origin, made as its README says, with tokens by cookie."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.front_end import Home, card, homely, menu, on, person, sign_in
from tests.parts.images import encoded, marked
from tests.parts.ports import free_port
from tests.parts.smtp import MailServer
from tests.parts.static_site import static_site

SPA = Path(__file__).parents[2] / "examples" / "spa"


@pytest.fixture
def copied(smtp: dict[str, str], mail_server: MailServer, tmp_path: Path) -> Iterator[Home]:
    """The service at one port, the copy at another; both are of one site, as app.example.org and auth.example.org are."""
    port = free_port()
    app = f"http://127.0.0.1:{port}"
    settings = {"JWT_TOKEN_LOCATION": "cookies", "FRONTEND_URL": app}
    with homely(f"sqlite:///{tmp_path / 'door.db'}", smtp, mail_server, **settings) as home:
        home.account("ada")
        folder = shutil.copytree(SPA, tmp_path / "copy")
        page = (folder / "index.html").read_text()
        (folder / "index.html").write_text(page.replace('<base href="/app/">', '<base href="/">'))
        told = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(told | {"api": home.service.url, "cookies": True, "providers": []}))
        line = re.search(r"Content-Security-Policy: (.*)", (SPA / "README.md").read_text())
        assert line
        with static_site(folder, port, line[1].replace("AUTH", home.service.url)):
            home.app, home.hosts = app, (home.service.url.removeprefix("http://"),)
            yield home


def test_a_copy_elsewhere_works_by_cookies(browser: Browser, copied: Home) -> None:
    with person(browser, copied) as ada:
        page = ada.tab("sign-in")
        sign_in(page, "ada")
        on(page, "Profile")
        assert page.url == f"{copied.url}/profile"
        assert ".eyJ" not in page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
        kept = {cookie["name"]: cookie["httpOnly"] for cookie in ada.context.cookies()}
        assert kept == {"latchkey_access": True, "latchkey_refresh": True}
        page.reload()
        portrait = card(page, "Picture")
        portrait.get_by_label("Choose a picture").set_input_files(
            {"name": "ada.png", "mimeType": "image/png", "buffer": encoded(marked(), "PNG")}
        )
        portrait.get_by_role("button", name="Upload").click()
        shown = portrait.get_by_alt_text("Your picture")
        expect(shown).to_be_visible()
        assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 60
        menu(page, "Devices")
        on(page, "Devices")
        with page.expect_response("**/logout"):
            page.get_by_role("button", name="Sign out").click()
        on(page, "Sign in")
        assert ada.context.cookies() == []
