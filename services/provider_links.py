"""Whether an identity at a provider opens an account: linked, linked by a sign-in, or waiting for proof of the account."""

import hmac
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from errors import InvalidToken, LinkProofRequired, ProviderAlreadyLinked
from services import audit, factors, identities, keys, notices, tickets
from services.client import Client
from services.users import Account

PROOF_SECONDS = 600


@dataclass(frozen=True, slots=True)
class ExternalLogin:
    """A sign-in at a provider.

    `auth_time`: when the person proved there who they are; None: the account was proved here, a moment ago.
    `may_link`: the identity is not linked yet, and is by this sign-in once it is complete.
    """

    provider: str
    issuer: str
    subject: str
    auth_time: datetime | None
    may_link: bool = False

    def kept(self) -> dict[str, Any]:
        """As a ticket holds it."""
        return asdict(self) | {"auth_time": self.auth_time and self.auth_time.isoformat()}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Self:
        moment = kept["auth_time"]
        return cls(**kept | {"auth_time": moment and datetime.fromisoformat(moment)})


@dataclass(frozen=True, slots=True)
class WaitingLink:
    """A link that waits for proof of its account. `id`: of its ticket; a mailed code is good for this one only."""

    id: str
    user_id: str
    login: ExternalLogin


def admit(account: Account, login: ExternalLogin, client: Client) -> bool:
    """Whether the identity opens the account at this moment; links it where the sign-in may do that.

    The account is locked by the caller: a recovery that takes the identity away comes before or after, never between.
    Raises ProviderAlreadyLinked.
    """
    owner = identities.account_id_of(login.issuer, login.subject)
    if owner is None and login.may_link:
        link(account, client, login.provider, login.issuer, login.subject)
        return True
    if owner != account.id and login.may_link:
        raise ProviderAlreadyLinked
    return owner == account.id


def link(account: Account, client: Client, provider: str, issuer: str, subject: str) -> None:
    """Links the identity; the owner is told. Raises ProviderAlreadyLinked."""
    identities.link(account.id, provider, issuer, subject)
    audit.record("provider_linked", client, user_id=account.id, provider=provider)
    notices.tell("provider_linked", account, client, provider=provider)


def require_proof(account: Account, login: ExternalLogin, browser: str | None, client: Client) -> LinkProofRequired:
    """The refusal that says how to prove that the account is one's own, with the secret that carries the link on.

    `browser`: the secret of the visit's cookie, where it came with this call; the proof must then come with it too.
    """
    about = {
        "login": replace(login, auth_time=None, may_link=True).kept(),
        "browser": browser and keys.fingerprint(browser),
    }
    token = tickets.issue(tickets.LINK_PROOF, account.id, PROOF_SECONDS, about=about)
    audit.record("sign_in_refused", client, user_id=account.id, method="fed", reason=LinkProofRequired.code)
    return LinkProofRequired(factors.first(account), token)


def waiting(link_token: str, browser: str | None) -> WaitingLink:
    """The link that waits under this secret, in this browser. Raises InvalidToken."""
    ticket = tickets.find(link_token, tickets.LINK_PROOF)
    if ticket.about["browser"] and (
        browser is None or not hmac.compare_digest(keys.fingerprint(browser), ticket.about["browser"])
    ):
        raise InvalidToken
    return WaitingLink(ticket.id, ticket.user_id, ExternalLogin.of(ticket.about["login"]))
