"""Names of devices are words of ours, or one word: they stand in security notices."""

import pytest

from services import devices

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1"
    " Mobile/15E148 Safari/604.1"
)
PIXEL = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Mobile Safari/537.36"
FOLLOWED = "call https://evil.example/x or 0800 555 1234 by the operator"
NAMES = {
    FIREFOX: "Firefox on Linux",
    SAFARI: "Safari on Mac OS X",
    IPHONE: "Mobile Safari on iOS",
    PIXEL: "Chrome Mobile on Android",
    "curl/8.5.0": "curl",
    "python-requests/2.31.0": "Python Requests",
    "WarehouseScanner/3.1 (Linux)": "WarehouseScanner on Linux",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "Googlebot",
    "": "Unknown device",
}
SENTENCES = {
    "by the operator": "Unknown device",
    "call +1 555 0100 to secure your account": "Unknown device",
    "Call-0800-555-1234/1": "Unknown device",
    "secure-account.evil.example": "Unknown device",
    "secure-account.evil.example/1.0": "Unknown device",
    "https://evil.example/1": "Unknown device",
    "Call 1 555 0100 to secure your account bot/1.0": "Unknown device",
    "Mozilla/5.0 Call us to be safe spider/2.0": "Unknown device",
    "Your account is safe, see archiver/3": "archiver",
    f"{FOLLOWED}/1 CFNetwork/1 Darwin/20": "iOS",
    f"{FOLLOWED}-iPad/1 CFNetwork/1": "iOS",
    f"{FOLLOWED}-iPhone/1 CFNetwork/1": "iOS",
}


@pytest.mark.parametrize(("agent", "name"), NAMES.items())
def test_a_device_is_named_as_its_owner_would(agent: str, name: str) -> None:
    assert devices.name(agent) == name


@pytest.mark.parametrize(("agent", "name"), SENTENCES.items())
def test_nobody_writes_a_sentence_into_a_notice(agent: str, name: str) -> None:
    assert devices.name(agent) == name


def test_kinds_that_are_not_shown_are_still_told_apart() -> None:
    agents = [*SENTENCES, "Our Internal Tool", "Acme Bot/1.0", "Eve's crawler/9"]
    assert len({devices.kind(agent) for agent in agents}) > 10
