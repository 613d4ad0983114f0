"""The providers of the settings, and what goes with a visit to one. What is said to them is `openid`'s, with Authlib."""

import logging
from dataclasses import dataclass
from datetime import datetime

from config import Provider
from errors import OauthFailed, ProviderNotConfigured
from extensions import settings
from services import mint, names

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Errand:
    """What a visit to a provider needs when it comes back: kept here, never in the browser."""

    nonce: str
    code_verifier: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who came back. `email` only where the provider says, in so many words, that it is verified.

    `auth_time`: when they proved who they are there; None where the provider does not say.
    """

    provider: str
    issuer: str
    subject: str
    email: str | None
    first_name: str | None
    last_name: str | None
    auth_time: datetime | None


def named(name: str) -> Provider:
    """Raises ProviderNotConfigured."""
    found = settings().oidc.get(name)
    if found is None:
        raise ProviderNotConfigured
    return found


def is_trusted_for(provider: str, email: str) -> bool:
    """Whether this provider's word for an address is enough to link the account that has it (OIDC_TRUSTED_FOR)."""
    return f"{provider}:{names.address_key(email).rpartition('@')[2]}" in settings().oidc_trusted_for


def refused(provider: str, why: str, detail: str | None = None) -> OauthFailed:
    """The refusal of a sign-in, with its reason in the log. `why`: nothing that the provider or the browser sent."""
    log.warning("provider %s: %s", provider, why)
    return OauthFailed(detail)


def redirect_uri(name: str) -> str:
    """What has to be registered with the provider."""
    return f"{settings().address}/auth/{name}/callback"


def departure(name: str, ticket: str) -> str:
    """The address of ours that takes a browser to the provider for the session that asked for this ticket."""
    return f"{settings().address}/auth/{name}?ticket={ticket}"


def new_errand() -> Errand:
    return Errand(nonce=mint.secret(), code_verifier=mint.secret())
