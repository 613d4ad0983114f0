"""Signing in with an OpenID provider: leaving for it, coming back, and exchanging the code for tokens."""

from dataclasses import dataclass
from typing import Any

from errors import (
    InvalidCredentials,
    InvalidToken,
    OauthCancelled,
    ProviderAlreadyLinked,
    Refusal,
    SignupClosed,
)
from extensions import settings
from services import (
    addresses,
    audit,
    clock,
    identities,
    names,
    provider_links,
    provider_visits,
    providers,
    sign_ins,
    tickets,
    users,
)
from services.client import Client
from services.provider_links import ExternalLogin
from services.providers import Errand, Person
from services.sessions import SignedIn
from services.tokens import UNKNOWN, Grant
from services.users import Account

CODE_SECONDS = 60
FEDERATED = ("fed",)
ERRORS = {
    *("invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error"),
    *("temporarily_unavailable", "interaction_required", "login_required", "account_selection_required", "consent_required"),
}
"""What a provider may say instead of a code (RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6), as the log repeats it."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who came back. `app_state`: the page's own word.

    `link`: whose session wants the identity linked, if any; `step_up`: whose wants proof from it, and since when.
    """

    errand: Errand
    app_state: str | None
    link: dict[str, str] | None
    step_up: dict[str, str] | None


def look(provider: str) -> None:
    """Raises ProviderNotConfigured."""
    providers.named(provider)


def depart(provider: str, browser: str, app_state: str | None, ticket: str | None) -> str:
    """Where to send the browser. `ticket`: of a session that links or steps up. Raises ProviderUnavailable, InvalidToken."""
    from services import openid  # noqa: PLC0415 - loaded at the start, where there are providers

    chosen, errand = providers.named(provider), providers.new_errand()
    openid.metadata(chosen)  # asked before anything is written
    about: dict[str, Any] = {"nonce": errand.nonce, "code_verifier": errand.code_verifier, "app_state": app_state}
    if ticket is not None:
        found = tickets.spend(ticket, tickets.LINK, tickets.REAUTHENTICATE)
        whose = {"user_id": found.user_id, "session_id": found.about}
        if found.purpose == tickets.LINK:
            about["link"] = whose
        else:
            about["step_up"] = whose | {"since": clock.now().isoformat()}
    state = provider_visits.depart(provider, browser, about)
    return openid.authorization_url(chosen, state, errand, fresh="step_up" in about)


def come_back(provider: str, browser: str, state: str) -> Visit:
    """Ends the visit, whatever comes of it: state and cookie are good once. Raises OauthFailed."""
    providers.named(provider)
    about = provider_visits.end(provider, browser, state)
    errand = Errand(about["nonce"], about["code_verifier"])
    return Visit(errand, about["app_state"], about.get("link"), about.get("step_up"))


def check_consent(provider: str, error: str | None) -> None:
    """Raises OauthCancelled where the person said no (RFC 6749 §4.1.2.1), OauthFailed for any other error that came back."""
    if error == "access_denied":
        providers.refused(provider, "the person did not consent")
        raise OauthCancelled
    if error is not None:
        raise providers.refused(provider, f"it sent the browser back with {error if error in ERRORS else 'an unknown error'}")


def identify(provider: str, visit: Visit, code: str | None, issuer: str | None) -> Person:
    """Who came back, as the provider proves. Raises OauthFailed, ProviderUnavailable."""
    if not code:
        raise providers.refused(provider, "the browser came back without a code")
    from services import openid  # noqa: PLC0415

    return openid.person(providers.named(provider), code, issuer, visit.errand)


def sign_in(person: Person, browser: str | None, client: Client) -> Grant | Refusal:
    """Opens a session, or says what is wanted; where there is no page to exchange a code. Raises OauthFailed."""
    account, login = _arrived(person, client)
    if login is None:
        return provider_links.require_proof(account, _login(person), browser, client)
    try:
        return sign_ins.proceed(account, FEDERATED, client, external=login)
    except InvalidCredentials as error:
        raise providers.refused(person.provider, "account or identity were changed meanwhile") from error


def code_for(person: Person, visit: Visit, client: Client) -> str:
    """A code for the page to exchange: for tokens, or for the link."""
    if visit.link:
        identity = {"provider": person.provider, "issuer": person.issuer, "subject": person.subject}
        about: dict[str, Any] = {"link": identity, "session_id": visit.link["session_id"]}
        return tickets.issue(tickets.EXCHANGE, visit.link["user_id"], CODE_SECONDS, about=about)
    if visit.step_up:
        whose = visit.step_up
        about = {"login": _login(person).kept(), "session_id": whose["session_id"], "since": whose["since"]}
        return tickets.issue(tickets.EXCHANGE_STEP_UP, whose["user_id"], CODE_SECONDS, about=about)
    account, login = _arrived(person, client)
    purpose = tickets.EXCHANGE if login else tickets.EXCHANGE_UNPROVED
    return tickets.issue(purpose, account.id, CODE_SECONDS, about={"login": (login or _login(person)).kept()})


def exchange(code: str, signed_in: SignedIn | Refusal | None, browser: str | None, client: Client) -> Grant | Refusal | None:
    """Tokens, or what is still wanted; None where an identity was linked. Raises InvalidToken, ProviderAlreadyLinked.

    `signed_in`: whose token came with the code. What is wrong with that matters to a link only.
    """
    ticket = tickets.spend(code, tickets.EXCHANGE, tickets.EXCHANGE_UNPROVED)
    account = users.get(ticket.user_id)
    if account is None:
        raise InvalidToken
    if identity := ticket.about.get("link"):
        if isinstance(signed_in, Refusal):
            raise signed_in
        # Only the session that began it: else somebody could have a victim link the attacker's identity.
        if signed_in is None or signed_in.session_id != ticket.about["session_id"]:
            raise InvalidToken
        provider_links.link(account, client, **identity)
        return None
    if "login" not in ticket.about:  # of the release before, which did not say whose sign-in it is
        raise InvalidToken
    login = ExternalLogin.of(ticket.about["login"])
    if ticket.purpose == tickets.EXCHANGE_UNPROVED:
        return provider_links.require_proof(account, login, browser, client)
    try:
        return sign_ins.proceed(account, FEDERATED, client, external=login)
    except InvalidCredentials as error:
        raise InvalidToken from error


def _login(person: Person, *, may_link: bool = False) -> ExternalLogin:
    return ExternalLogin(person.provider, person.issuer, person.subject, person.auth_time or UNKNOWN, may_link)


def _arrived(person: Person, client: Client) -> tuple[Account, ExternalLogin | None]:
    """The account of a known identity; else that of its verified address; else a new one.

    None in place of the sign-in: the account is there, and nobody has proved yet that it is the same person's.
    """
    if known := identities.account_of(person.issuer, person.subject):
        return known, _login(person)
    email = _verified_address(person)
    owner = users.owner_of(email)
    if owner is None:
        account = _new(email, person, client)
        provider_links.link(account, client, person.provider, person.issuer, person.subject)
        return account, _login(person)
    if person.provider in identities.of(owner.id):
        raise ProviderAlreadyLinked
    is_trusted = providers.is_trusted_for(person.provider, owner.email)
    return owner, _login(person, may_link=True) if is_trusted else None


def _verified_address(person: Person) -> str:
    if person.email is None:
        why = "The provider does not vouch for your address."
        raise providers.refused(person.provider, "it does not vouch for the person's address", why)
    try:
        return names.address(person.email)
    except names.Malformed as error:
        raise providers.refused(person.provider, "it vouches for an address that is none") from error


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
        raise providers.refused(person.provider, "the person's address belongs, or did until lately, to another account")
    audit.record("signed_up", client, user_id=user_id, provider=person.provider)
    proved = users.get(user_id)
    return proved or account
