"""Linking one's account to an identity at a provider, and taking the link away."""

from errors import LastSignInMethod, NotFound, ProviderAlreadyLinked
from services import audit, identities, notices, providers, tickets, users
from services.client import Client
from services.sessions import SignedIn

TICKET_SECONDS = 60


def begin(signed_in: SignedIn, provider: str) -> str:
    """The address that takes the browser to the provider for this session. Raises ProviderAlreadyLinked."""
    providers.named(provider)
    if provider in identities.of(signed_in.account.id):
        raise ProviderAlreadyLinked
    ticket = tickets.issue(tickets.LINK, signed_in.account.id, TICKET_SECONDS, about=signed_in.session_id)
    return providers.departure(provider, ticket)


def end(signed_in: SignedIn, provider: str, client: Client) -> None:
    """Takes the link away, unless nothing else would sign in. Raises NotFound, LastSignInMethod."""
    providers.named(provider)
    account = signed_in.account
    users.lock(account.id)
    if not identities.unlink(account.id, provider):
        raise NotFound("Your account is not linked to this provider.")
    if not users.has_password(account.id) and not identities.of(account.id):
        raise LastSignInMethod
    audit.record("provider_unlinked", client, user_id=account.id, session_id=signed_in.session_id, provider=provider)
    notices.tell("provider_unlinked", account, client, provider=provider)
