"""Who is calling, as far as it shows: an address and a user agent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    ip: str
    user_agent: str
