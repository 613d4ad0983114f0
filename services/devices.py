"""Devices by their user agents: a name for people to read, and the kind that the service recognizes."""

import re
from functools import lru_cache

from ua_parser import parse

WORD = re.compile(r"[A-Za-z]{1,20}")
PRODUCT = re.compile(r"([A-Za-z]{1,20})/\d")
BROWSERS = frozenset(
    {
        *("Amazon Silk", "Chrome Mobile", "Chrome Mobile iOS", "Chrome Mobile WebView", "DuckDuckGo Mobile", "Edge Mobile"),
        *("Firefox Focus", "Firefox Mobile", "Firefox iOS", "IE Mobile", "MiuiBrowser", "Mobile Safari"),
        *("Mobile Safari UI/WKWebView", "Opera GX", "Opera Mini", "Opera Mobile", "QQ Browser", "QQ Browser Mobile"),
        *("Samsung Internet", "UC Browser", "Yandex Browser", "Python Requests", "Go-http-client"),
    }
)
SYSTEMS = frozenset({"Mac OS X", "Chrome OS", "Windows Phone"})


@lru_cache(maxsize=1024)
def name(user_agent: str) -> str:
    """`Firefox on Linux`, or as much of it as can be said in one word each or a known name.

    Security notices quote it. The parser takes up to 200 characters of some agents for the name of a program, so anything
    longer than a word could be a sentence of an intruder's, an address or a telephone number.
    """
    found = parse(user_agent)
    product = PRODUCT.match(user_agent)
    family = found.user_agent.family if found.user_agent else product[1] if product else ""
    program = _known(family, BROWSERS)
    system = _known(found.os.family if found.os else "", SYSTEMS)
    return f"{program} on {system}" if program and system else program or system or "Unknown device"


def _known(family: str, longer: frozenset[str]) -> str:
    return family if WORD.fullmatch(family) or family in longer else ""


@lru_cache(maxsize=1024)
def kind(user_agent: str) -> str:
    """What tells one kind of device from another. Never shown: the caller's own words may stand in it."""
    found = parse(user_agent)
    program = found.user_agent.family if found.user_agent else user_agent.partition("/")[0][:40]
    system = found.os.family if found.os else ""
    return f"{program} on {system}" if program and system else program or "Unknown device"
