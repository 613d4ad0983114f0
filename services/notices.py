"""Security notices: one mail to the owner for each thing that changes who can come in."""

from services import clock, devices, outbox
from services.client import Client
from services.users import Account


def tell(kind: str, account: Account, client: Client, delay: int = 0, /, **about: str) -> None:
    """Orders the notice in the caller's unit of work, to the address that the account has now. Not to an unconfirmed address.

    `kind`: of `letters`. `delay`: the seconds before it is written.

    Were the address looked up when the notice is written, whoever moves the account to one of his own before would get it
    instead of the owner. Its link, too, counts from this moment, however late the mail is.
    """
    if account.email_confirmed_at is None:
        return  # its reader may have signed up for nothing
    here = {"user_id": account.id, "email": account.email, "moment": clock.now().isoformat()}
    outbox.order(kind, delay, **here | circumstances(client) | about)


def circumstances(client: Client) -> dict[str, str]:
    """When, from where and by which kind of device, as a person reads it; and the raw agent."""
    when = f"{clock.now():%Y-%m-%d %H:%M} UTC"
    device = "by the operator" if client.operator else devices.name(client.user_agent)
    return {"time": when, "ip": client.ip, "user_agent": client.user_agent, "device": device}
