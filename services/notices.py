"""Security notices: one mail to the owner for each thing that changes who can come in."""

from services import clock, devices, outbox
from services.client import Client


def tell(kind: str, user_id: str, client: Client, **about: str) -> None:
    """Orders the notice in the caller's unit of work. `kind`: a key of `letters.NOTICES`.

    `email`: the address to tell. Without it the notice follows the account: whoever moves the account to an address of his
    before the notice is written would get it instead of the owner.
    """
    outbox.order(kind, user_id=user_id, **circumstances(client), **about)


def circumstances(client: Client) -> dict[str, str]:
    """When, from where and by which kind of device, as a person reads it; and the raw agent."""
    when = f"{clock.now():%Y-%m-%d %H:%M} UTC"
    return {"time": when, "ip": client.ip, "user_agent": client.user_agent, "device": devices.name(client.user_agent)}
