"""The providers of the settings, and what goes with a visit to one. What is said to them is `openid`'s, with Authlib."""

from dataclasses import dataclass

from config import Provider
from errors import ProviderNotConfigured
from extensions import settings
from services import mint


@dataclass(frozen=True, slots=True)
class Errand:
    """What a visit to a provider needs when it comes back: kept here, never in the browser."""

    nonce: str
    code_verifier: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who came back. `email` only where the provider says, in so many words, that it is verified."""

    provider: str
    issuer: str
    subject: str
    email: str | None
    first_name: str | None
    last_name: str | None


def named(name: str) -> Provider:
    """Raises ProviderNotConfigured."""
    found = settings().oidc.get(name)
    if found is None:
        raise ProviderNotConfigured
    return found


def redirect_uri(name: str) -> str:
    """What has to be registered with the provider."""
    return f"{settings().address}/auth/{name}/callback"


def departure(name: str, ticket: str) -> str:
    """The address of ours that takes a browser to the provider for the session that asked for this ticket."""
    return f"{settings().address}/auth/{name}?ticket={ticket}"


def new_errand() -> Errand:
    return Errand(nonce=mint.secret(), code_verifier=mint.secret())
