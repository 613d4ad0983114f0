"""What an OpenID provider is asked, by Authlib over bounded connections; whatever it does, one of two refusals."""

import logging
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from threading import BoundedSemaphore
from typing import Any, TypeVar
from urllib.parse import quote_plus

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.integrations.requests_client.oauth2_session import OAuth2ClientAuth
from requests import Response
from requests.exceptions import JSONDecodeError, RequestException

from config import Provider
from errors import OauthFailed, ProviderUnavailable
from services import bounded_http, provider_connections

AT_ONCE = 4
"""How many of this process may wait for one provider, so that one that hangs never takes every thread."""
WAIT_SECONDS = 1.0
NONSENSE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What the libraries raise over an answer that means nothing: `"expires_in": 1e999` is an OverflowError."""
BASIC, POST = "client_secret_basic", "client_secret_post"
Found = TypeVar("Found")
log = logging.getLogger(__name__)
_askers: dict[str, BoundedSemaphore] = {}


def session(provider: Provider, redirect_uri: str) -> OAuth2Session:
    """Authlib's client, over bounded connections."""
    client = OAuth2Session(
        provider.client_id,
        provider.client_secret,
        scope="openid email profile",
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    return bounded_http.bound(client)


def fetched(provider: Provider, url: str, bearer: str | None = None) -> dict[str, Any]:
    """A JSON object; raises ProviderUnavailable, or OauthFailed where the answer is none."""
    with session(provider, "") as client:
        return _asked(provider, lambda: _object(client.get(url, withhold_token=True, headers=_bearer(bearer))))


def date_of(provider: Provider) -> datetime | None:
    """The moment that the provider's answer is dated with (RFC 9110 §6.6.1), where it is. Raises as `fetched` does."""

    def ask() -> datetime | None:
        date: str | None = client.get(provider.discovery_url, withhold_token=True).headers.get("Date")
        return parsedate_to_datetime(date) if date else None

    with session(provider, "") as client:
        return _asked(provider, ask)


def exchanged(provider: Provider, endpoint: str, redirect_uri: str, method: str, **given: str) -> dict[str, Any]:
    """The token endpoint's answer for a code (RFC 6749 §4.1.3, RFC 7636 §4.5). Raises as `fetched` does.

    `method`: BASIC or POST. By Basic, id and secret are form-encoded first (RFC 6749 §2.3.1), which Authlib leaves out.
    """
    pair = (provider.client_id, provider.client_secret)
    auth = OAuth2ClientAuth(*(map(quote_plus, pair) if method == BASIC else pair), method)
    with session(provider, redirect_uri) as client:
        return _asked(provider, lambda: dict(client.fetch_token(endpoint, grant_type="authorization_code", auth=auth, **given)))


def _bearer(token: str | None) -> dict[str, str]:
    return {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})


def _object(response: Response) -> dict[str, Any]:
    if response.status_code >= 500:
        raise RequestException(f"status {response.status_code}")
    found = response.json() if response.status_code == 200 else None
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _asked(provider: Provider, ask: Callable[[], Found]) -> Found:
    """Every way in which a provider can fail is one of two answers to our caller; the log has the kind of fault."""
    askers = _askers_of(provider.name)
    if not askers.acquire(timeout=WAIT_SECONDS):
        log.warning("provider %s is not asked: %d wait for it already", provider.name, AT_ONCE)
        raise ProviderUnavailable
    try:
        return ask()
    except (OAuthError, bounded_http.Excess, JSONDecodeError, *NONSENSE) as error:
        log.warning("provider %s answered wrongly: %s", provider.name, type(error).__name__)
        raise OauthFailed from error
    except provider_connections.Unlisted as error:
        log.warning("provider %s is not asked: %s", provider.name, error)
        raise OauthFailed from error
    except RequestException as error:
        log.warning("provider %s cannot be reached: %s", provider.name, type(error).__name__)
        raise ProviderUnavailable from error
    finally:
        askers.release()


def _askers_of(name: str) -> BoundedSemaphore:
    """One for all threads: `setdefault` is one step, in which the first caller's stays."""
    return _askers.setdefault(name, BoundedSemaphore(AT_ONCE))
