"""A real browser, Chromium as installed on the machine, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from .missing import Missing
from .ports import LOOPBACK

INSTALL = "Install Chromium (on Debian: apt-get install chromium) to test with a real browser."
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Every name is this machine, so that a test has as many hosts as it likes and nothing calls outside.
HOSTS = f"--host-resolver-rules=MAP * {LOOPBACK}"
# The sandbox cannot be had by root, and not in most containers; the pages are our own.
FLAGS = (
    "--no-sandbox --disable-gpu --no-first-run --no-proxy-server --disable-background-networking"
    " --disable-component-update --disable-sync --disable-quic"
)


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield a browser; `new_context()` makes a person's own, with cookies that no other context sees."""
    program = _program()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*FLAGS.split(), HOSTS])
        try:
            yield started
        finally:
            started.close()


def _program() -> str:
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise Missing(INSTALL)
    return found
