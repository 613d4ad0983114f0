"""Signing in with an OpenID provider: leaving for it, coming back, and exchanging the code for tokens."""

from dataclasses import dataclass
from typing import Any

from errors import InvalidToken, OauthFailed, Refusal, SignupClosed
from extensions import settings
from services import addresses, audit, identities, names, notices, provider_visits, providers, sign_ins, tickets, users
from services.client import Client
from services.providers import Errand, Person
from services.sessions import SignedIn
from services.tokens import Grant
from services.users import Account

CODE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who came back. `app_state`: the page's own word. `link`: whose session wants the identity linked, if any."""

    errand: Errand
    app_state: str | None
    link: dict[str, str] | None


def look(provider: str) -> None:
    """Raises ProviderNotConfigured."""
    providers.named(provider)


def depart(provider: str, browser: str, app_state: str | None, ticket: str | None) -> str:
    """Where to send the browser. `ticket`: of a session that wants to link. Raises ProviderUnavailable, InvalidToken."""
    from services import openid  # noqa: PLC0415 - loaded at the start, where there are providers

    chosen, errand = providers.named(provider), providers.new_errand()
    openid.metadata(chosen)  # asked before anything is written
    about: dict[str, Any] = {"nonce": errand.nonce, "code_verifier": errand.code_verifier, "app_state": app_state}
    if ticket is not None:
        found = tickets.spend(ticket, tickets.LINK)
        about["link"] = {"user_id": found.user_id, "session_id": found.about}
    return openid.authorization_url(chosen, provider_visits.depart(provider, browser, about), errand)


def come_back(provider: str, browser: str, state: str) -> Visit:
    """Ends the visit, whatever comes of it: state and cookie are good once. Raises OauthFailed."""
    providers.named(provider)
    about = provider_visits.end(provider, browser, state)
    return Visit(Errand(about["nonce"], about["code_verifier"]), about["app_state"], about.get("link"))


def identify(provider: str, visit: Visit, code: str | None, issuer: str | None) -> Person:
    """Who came back, as the provider proves. Raises OauthFailed, ProviderUnavailable."""
    if not code:
        raise OauthFailed
    from services import openid  # noqa: PLC0415

    return openid.person(providers.named(provider), code, issuer, visit.errand)


def sign_in(person: Person, client: Client) -> Grant | Refusal:
    """Opens a session, or says what is wanted; where there is no page to exchange a code."""
    return sign_ins.proceed(_account(person, client), ("fed",), client)


def code_for(person: Person, visit: Visit, client: Client) -> str:
    """A code for the page to exchange: for tokens, or for the link."""
    identity = {"provider": person.provider, "issuer": person.issuer, "subject": person.subject}
    if visit.link:
        about = {"link": identity, "session_id": visit.link["session_id"]}
        return tickets.issue(tickets.EXCHANGE, visit.link["user_id"], CODE_SECONDS, about=about)
    return tickets.issue(tickets.EXCHANGE, _account(person, client).id, CODE_SECONDS, about={})


def exchange(code: str, signed_in: SignedIn | Refusal | None, client: Client) -> Grant | Refusal | None:
    """Tokens, or what is still wanted; None where an identity was linked. Raises InvalidToken, ProviderAlreadyLinked.

    `signed_in`: whose token came with the code. What is wrong with that matters to a link only.
    """
    ticket = tickets.spend(code, tickets.EXCHANGE)
    account = users.get(ticket.user_id)
    if account is None:
        raise InvalidToken
    if identity := ticket.about.get("link"):
        if isinstance(signed_in, Refusal):
            raise signed_in
        # Only the session that began it: else somebody could have a victim link the attacker's identity.
        if signed_in is None or signed_in.session_id != ticket.about["session_id"]:
            raise InvalidToken
        _link(account, client, **identity)
        return None
    return sign_ins.proceed(account, ("fed",), client)


def _account(person: Person, client: Client) -> Account:
    """The account of a known identity; else that of its verified address; else a new one."""
    if known := identities.account_of(person.issuer, person.subject):
        return known
    if person.email is None:
        raise OauthFailed("The provider does not vouch for your address.")
    try:
        email = names.address(person.email)
    except names.Malformed as error:
        raise OauthFailed from error
    account = users.owner_of(email) or _new(email, person, client)
    _link(account, client, person.provider, person.issuer, person.subject)
    return account


def _new(email: str, person: Person, client: Client) -> Account:
    """An account without a password; the address is proved by the provider, so other links for it stop working.

    Raises SignupClosed, UsernameTaken.
    """
    if not settings().signup_enabled:
        raise SignupClosed
    username = identities.free_username(email)
    user_id = users.sign_up(username, email, None, first_name=person.first_name, last_name=person.last_name)
    account = users.get(user_id)
    if account is None or not addresses.prove(account):
        raise OauthFailed
    audit.record("signed_up", client, user_id=user_id, provider=person.provider)
    proved = users.get(user_id)
    return proved or account


def _link(account: Account, client: Client, provider: str, issuer: str, subject: str) -> None:
    identities.link(account.id, provider, issuer, subject)
    audit.record("provider_linked", client, user_id=account.id, provider=provider)
    notices.tell("provider_linked", account, client, provider=provider)
