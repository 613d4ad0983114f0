"""The providers that people sign in with: whether each answers, and what to register there."""

from functools import partial

from commands.doctor.findings import SECONDS, Check, Findings, fault, ok
from errors import Refusal
from extensions import settings
from services import openid, provider_connections, providers


def checks() -> list[Check]:
    """One for each provider, so that none waits for another."""
    return [partial(_examined, name) for name in settings().oidc] or [_none_yet]


def _examined(name: str) -> Findings:
    try:
        with provider_connections.within(SECONDS):
            unlisted = openid.unlisted_hosts(providers.named(name))
    except Refusal as refused:
        why = f"its discovery document: {refused.title}"
        yield fault(name, why, "Is the discovery URL right, and reachable from here?")
    else:
        if unlisted:
            hosts = ", ".join(unlisted)
            yield fault(name, f"its discovery document leads to {hosts}, not in OUTBOUND_HOSTS", f"Add {hosts} there.")
            return
        yield ok(name, f"register this redirect URI there: {providers.redirect_uri(name)}")


def _none_yet() -> Findings:
    register = f"register this redirect URI there: {providers.redirect_uri('google')}"
    yield ok("providers", f"none is set up; for Google {register}, then set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET")
