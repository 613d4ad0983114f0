"""Who is calling, as far as it shows: an address, a user agent, and the access tokens that came along."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Client:
    ip: str
    user_agent: str
    tokens: tuple[str, ...] = field(default=(), repr=False)
