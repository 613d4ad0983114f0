"""Proving by a provider, where the person signs in once more, who is signed in here."""

from datetime import datetime, timedelta

from errors import InvalidCredentials, InvalidToken, NotFound, ReauthenticationRequired, Refusal
from services import factors, identities, provider_links, providers, sign_ins, tickets
from services.client import Client
from services.provider_links import ExternalLogin
from services.sessions import SignedIn
from services.tokens import Grant

TICKET_SECONDS = 60
CLOCKS_APART = 60
"""Seconds by which the provider's clock may be behind."""


def begin(signed_in: SignedIn, provider: str) -> str:
    """The address that takes the browser to the provider. Raises NotFound where that is not linked."""
    providers.named(provider)
    if provider not in identities.of(signed_in.account.id):
        raise NotFound("Your account is not linked to this provider.")
    ticket = tickets.issue(tickets.REAUTHENTICATE, signed_in.account.id, TICKET_SECONDS, about=signed_in.session_id)
    return providers.departure(provider, ticket)


def is_meant(code: str) -> bool:
    """Whether the code comes from a visit that a session asked for to step up."""
    try:
        return bool(tickets.find(code, tickets.EXCHANGE_STEP_UP))
    except InvalidToken:
        return False


def finish(code: str, signed_in: SignedIn, client: Client, mfa_code: str | None = None) -> Grant | Refusal:
    """A step-up of the session that asked for it; the code is spent by success only.

    Raises InvalidToken, and ReauthenticationRequired where the provider let an older sign-in do; returns as `sign_ins.step_up`.
    """
    ticket = tickets.find(code, tickets.EXCHANGE_STEP_UP)
    account = signed_in.account
    if signed_in.session_id != ticket.about["session_id"]:
        raise InvalidToken
    login = ExternalLogin.of(ticket.about["login"])
    since = datetime.fromisoformat(ticket.about["since"]) - timedelta(seconds=CLOCKS_APART)
    if login.auth_time is None or login.auth_time < since:
        providers.refused(login.provider, "it did not ask the person to sign in again")
        raise ReauthenticationRequired(factors.step_ups(account))
    try:
        outcome = sign_ins.step_up(signed_in, ("fed",), client, mfa_code)
    except InvalidCredentials as error:  # the account was changed meanwhile
        raise InvalidToken from error
    if isinstance(outcome, Grant) and not (provider_links.admit(account, login, client) and tickets.use_up(ticket.id)):
        raise InvalidToken
    return outcome
