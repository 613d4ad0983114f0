"""Readable names of devices."""

from functools import lru_cache

from ua_parser import parse


@lru_cache(maxsize=1024)
def name(user_agent: str) -> str:
    """`Firefox on Linux`, or as much of it as the user agent tells."""
    found = parse(user_agent)
    program = found.user_agent.family if found.user_agent else user_agent.partition("/")[0][:40]
    system = found.os.family if found.os else ""
    return f"{program} on {system}" if program and system else program or "Unknown device"
