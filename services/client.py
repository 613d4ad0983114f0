"""Who is calling, as far as it shows: an address, a user agent, the request's id, and the access tokens that came along."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Client:
    ip: str
    user_agent: str
    tokens: tuple[str, ...] = field(default=(), repr=False)
    request_id: str = ""
    operator: str = ""
    """Of a command: the operating system's user."""

    def identifiers(self) -> dict[str, str]:
        """What an audit fact says of the caller beside address and user agent."""
        known = {"request_id": self.request_id, "operator": self.operator}
        return {name: value for name, value in known.items() if value}
