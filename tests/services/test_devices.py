"""Names of devices are words of ours, or one word: they stand in security notices."""

import pytest

from services import devices

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15"
NAMES = {
    FIREFOX: "Firefox on Linux",
    SAFARI: "Safari on Mac OS X",
    "curl/8.5.0": "curl",
    "python-requests/2.31.0": "Python Requests",
    "Warehouse-Scanner/3.1": "Warehouse-Scanner",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "Robot",
    "": "Unknown device",
}
SENTENCES = (
    "by the operator",
    "call +1 555 0100 to secure your account",
    "secure-account.evil.example",
    "secure-account.evil.example/1.0",
    "https://evil.example/1",
    "Call 1 555 0100 to secure your account bot/1.0",
    "Mozilla/5.0 Call us to be safe spider/2.0",
    "Your account is safe, see archiver/3",
)


@pytest.mark.parametrize(("agent", "name"), NAMES.items())
def test_a_device_is_named_as_its_owner_would(agent: str, name: str) -> None:
    assert devices.name(agent) == name


@pytest.mark.parametrize("agent", SENTENCES)
def test_nobody_writes_a_sentence_into_a_notice(agent: str) -> None:
    assert devices.name(agent) in ("Robot", "Unknown device")
