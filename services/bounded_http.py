"""The way to other services by HTTP: bounded in time and size, without redirects, whatever the other side does."""

import time
from typing import Any, TypeVar

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.exceptions import DecodeError, HTTPError

from services import provider_connections

SILENCE_SECONDS = 5
"""How long each step may take: connecting, and every read."""
WHOLE_SECONDS = 10.0
"""How long one answer may take, and all that one sign-in asks for."""
MOST_BYTES = 256 * 1024
Client = TypeVar("Client", bound=Session)


class Excess(RequestException):
    """More than the other side has to say, or not as it was asked for."""


class _Bounded(HTTPAdapter):
    """Reads the whole answer itself, up to the bounds, so that what is built on it never waits or grows."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": provider_connections.PlainPool,
            "https": provider_connections.SecurePool,
        }

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        with provider_connections.cut_off_after(WHOLE_SECONDS) as until:
            options |= {"stream": True, "timeout": min(SILENCE_SECONDS, until - time.monotonic())}
            response = super().send(request, *args, **options)
            try:
                if response.is_redirect:
                    raise Excess("a redirect")
                response._content = _content(response.raw, until)
            except DecodeError as error:
                raise Excess("an encoding that is none") from error
            except HTTPError as error:
                raise RequestException from error
            finally:
                response.close()
        return response


def _content(raw: Any, until: float) -> bytes:
    body = bytearray()
    while part := raw.read1(64 * 1024, decode_content=True):
        body += part
        if len(body) > MOST_BYTES:
            raise Excess("a body above the bound")
    if time.monotonic() >= until:  # it may have been cut off, which looks like its end
        raise RequestException("a body that does not end")
    return bytes(body)


def bound(client: Client) -> Client:
    """The same client, over such connections only, and by no proxy that the environment names."""
    client.trust_env = False
    for scheme in ("https://", "http://"):
        client.mount(scheme, _Bounded())
    return client
