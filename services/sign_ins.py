"""What is proved so far and what is still wanted: the only way a session is opened.

What is wanted: a confirmed address, an active account, and a second factor where one is on. Refusals are returned: they
are outcomes, and what was written beside them is kept.
"""

from errors import (
    AccountInactive,
    EmailNotConfirmed,
    InvalidCredentials,
    InvalidMfaCode,
    InvalidToken,
    MfaRequired,
    ProviderAlreadyLinked,
    Refusal,
    TokenInvalid,
)
from services import (
    audit,
    devices,
    factors,
    failed_sign_ins,
    known_devices,
    letters,
    notice_texts,
    notices,
    provider_links,
    sessions,
    tickets,
    users,
)
from services.client import Client
from services.provider_links import ExternalLogin
from services.sessions import SignedIn
from services.tickets import Found
from services.tokens import Grant
from services.users import Account

PENDING_SECONDS = 300
FINISHED = "This sign-in was finished, or took too long. Sign in again."


def proceed(
    account: Account,
    amr: tuple[str, ...],
    client: Client,
    mfa_code: str | None = None,
    external: ExternalLogin | None = None,
) -> Grant | Refusal:
    """Opens a session for somebody who has proved `amr` (RFC 8176), or says what is wanted.

    `external`: the sign-in at a provider that this one rests on. Raises InvalidCredentials, ProviderAlreadyLinked.
    """
    if refusal := _closed(account):
        audit.record("sign_in_refused", client, user_id=account.id, method=audit.methods(amr), reason=refusal.code)
        return refusal
    if account.mfa_enabled_at is None:
        return _open(account, amr, client, external)
    if mfa_code is None:
        _require_unchanged(account)  # else its ticket would outlive a change that makes all others void
        audit.record("sign_in_wants_factor", client, user_id=account.id, method=audit.methods(amr))
        _tell_if_unfinished(account, _proof(amr, external), client)
        return MfaRequired(factors.of(account), _half_finished(account, amr, external))
    more = factors.check(account, mfa_code, client)
    if isinstance(more, InvalidMfaCode):
        _tell_of_wrong_codes(account, _proof(amr, external), client)
    return more if isinstance(more, Refusal) else _open(account, _together(amr, more), client, external)


def _proof(amr: tuple[str, ...], external: ExternalLogin | None) -> str:
    """What the first step was done with, as a notice says it."""
    provider = notice_texts.listed([external.provider]) if external else ""
    return " and ".join(notice_texts.PROOFS[method] for method in amr).format(provider=provider)


def _tell_if_unfinished(account: Account, proof: str, client: Client) -> None:
    """The owner hears of a first step by a new kind of device, if by then it has not become a sign-in (ASVS 6.3.5)."""
    if not known_devices.is_known(account.id, devices.kind(client.user_agent)):
        notices.tell(letters.SECOND_FACTOR_MISSING, account, client, 2 * PENDING_SECONDS, proof=proof, unfinished="yes")


def _tell_of_wrong_codes(account: Account, proof: str, client: Client) -> None:
    """Whoever came so far has the first factor. The code that was just wrong is not on the record yet."""
    if failed_sign_ins.wrong_codes(account.id) + 1 == failed_sign_ins.WRONG_CODES:
        notices.tell(letters.SECOND_FACTOR_MISSING, account, client, proof=proof)


def resume(mfa_token: str, mfa_code: str, client: Client) -> Grant | Refusal:
    """The second step of a sign-in that wanted a factor; a wrong code does not spend its token. Raises TokenInvalid."""
    try:
        pending = tickets.find(mfa_token, tickets.SIGN_IN, tickets.EXTERNAL_SIGN_IN)
    except InvalidToken as error:
        raise TokenInvalid(FINISHED) from error
    account = users.get(pending.user_id)
    if account is None or account.mfa_enabled_at is None:  # nothing would be left to be proved
        raise TokenInvalid(FINISHED)
    amr, external = _proved(pending)
    try:
        outcome = proceed(account, amr, client, mfa_code, external)
    except ProviderAlreadyLinked as error:
        raise TokenInvalid(FINISHED) from error
    if isinstance(outcome, Grant) and not tickets.use_up(pending.id):
        raise TokenInvalid(FINISHED)
    return outcome


def _half_finished(account: Account, amr: tuple[str, ...], external: ExternalLogin | None) -> str:
    if external is None:
        return tickets.issue(tickets.SIGN_IN, account.id, PENDING_SECONDS, about=list(amr))
    about = {"amr": list(amr), "external": external.kept()}
    return tickets.issue(tickets.EXTERNAL_SIGN_IN, account.id, PENDING_SECONDS, about=about)


def _proved(pending: Found) -> tuple[tuple[str, ...], ExternalLogin | None]:
    """What the first step of a half-finished sign-in has proved."""
    if pending.purpose == tickets.SIGN_IN:
        return tuple(pending.about), None
    return tuple(pending.about["amr"]), ExternalLogin.of(pending.about["external"])


def step_up(signed_in: SignedIn, amr: tuple[str, ...], client: Client, mfa_code: str | None = None) -> Grant | Refusal:
    """The live session of somebody who has proved `amr` anew; where a second factor is on, that is wanted too.

    Returns MfaRequired, InvalidMfaCode, TooManyAttempts; raises SessionEnded, and InvalidCredentials where password, factor or
    account were changed while this was judged.
    """
    account = signed_in.account
    if account.mfa_enabled_at is None:
        _require_unchanged(account)
        return sessions.step_up(signed_in, amr, client)
    if mfa_code is None:
        return MfaRequired(factors.of(account))
    more = factors.check(account, mfa_code, client, signed_in.session_id)
    if isinstance(more, Refusal):
        return more
    _require_unchanged(account)
    return sessions.step_up(signed_in, _together(amr, more), client)


def _together(amr: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Each method once."""
    return tuple(dict.fromkeys(amr + more))


def _closed(account: Account) -> Refusal | None:
    if account.email_confirmed_at is None:
        return EmailNotConfirmed()
    return None if account.is_open else AccountInactive()


def _open(account: Account, amr: tuple[str, ...], client: Client, external: ExternalLogin | None) -> Grant:
    """Raises InvalidCredentials where password, factor, account or identity were changed while this sign-in was judged."""
    _require_unchanged(account)
    if external and not provider_links.admit(account, external, client):
        raise InvalidCredentials
    grant = sessions.open_for(account, amr, client, external.auth_time if external else None)
    sessions.end_presented(client)  # ASVS 7.2.4
    notices.tell("new_device", account, client)
    return grant


def _require_unchanged(account: Account) -> None:
    """Locks the account. What was judged by it while it was another one proves nothing."""
    if not users.is_unchanged(account):
        raise InvalidCredentials
