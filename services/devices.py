"""Readable names of devices."""

import re
from functools import lru_cache

from ua_parser import parse

PRODUCT = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,19})/\d")
"""One word, as `curl` in `curl/8.5.0`: security notices quote it, and nobody may write a sentence, an address or a number."""
ROBOT = re.compile(r"bot|spider|crawl|scrap|archiver|indexer", re.IGNORECASE)
"""The parser takes fifty characters before these words for the name of a robot."""


@lru_cache(maxsize=1024)
def name(user_agent: str) -> str:
    """`Firefox on Linux`, or as much of it as the user agent tells; never words of the caller's own."""
    found = parse(user_agent)
    if found.user_agent is None:
        product = PRODUCT.match(user_agent)
        program = product[1] if product else ""
    else:
        program = "Robot" if ROBOT.search(found.user_agent.family) else found.user_agent.family
    system = found.os.family if found.os else ""
    return f"{program} on {system}" if program and system else program or system or "Unknown device"
