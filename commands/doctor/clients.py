"""Which address the limits see as the client's: read from the last sign-ins, since those are what was counted.

An answer of the running service would need a public path, or would show the doctor's own way in, which is seldom the clients'.
"""

from ipaddress import ip_address

from commands.doctor.findings import Findings, ok, warning
from commands.doctor.web import is_here
from extensions import settings
from services import session_lists

FEW = 3
"""So many accounts hardly share one private address, unless it is a proxy's."""


def examined() -> Findings:
    signed_in = session_lists.newest_addresses()
    seen = sorted({ip for _, ip in signed_in})
    if not seen:
        yield ok("clients", "nobody has signed in lately, so no client's address is known")
    elif "unknown" in seen:
        cure = "Set TRUSTED_PROXIES to the number of proxies that append to X-Forwarded-For, and see what they send."
        yield warning("clients", "a proxy forwards something else than addresses", cure)
    elif (
        len(seen) == 1
        and len({user for user, _ in signed_in}) >= FEW
        and _is_inside(seen[0])
        and not is_here(settings().address)
    ):
        message = f"the last {len(signed_in)} sign-ins all came from {seen[0]}: that is a proxy, and all clients count as one"
        yield warning("clients", message, "Set TRUSTED_PROXIES to the number of proxies in front.")
    else:
        some = ", ".join(seen[:3])
        yield ok("clients", f"the last {len(signed_in)} sign-ins came from {len(seen)} addresses, such as {some}")


def _is_inside(ip: str) -> bool:
    return ip_address(ip).is_private
