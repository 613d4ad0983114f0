"""The certificate that people meet at BASE_URL: trusted, for that name, and not about to expire."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from commands.doctor.findings import SECONDS, Finding, Findings, fault, ok, warning
from extensions import settings
from hosts import origin_of
from services import clock

SOON = timedelta(days=14)
EXPIRED, OF_ANOTHER_NAME, OF_ANOTHER_ADDRESS = 10, 62, 64
"""OpenSSL's X509_V_ERR_…"""
RENEW = "Renew it, and see why that was not done by itself."


def examined() -> Findings:
    """From here, and by this machine's authorities (OpenSSL's SSL_CERT_FILE names others). No answer is no fault."""
    if not settings().over_https:
        return
    address = urlsplit(origin_of(settings().address))
    host, port = address.hostname or "", address.port or 443
    try:
        found = _shown(host, port)
    except ssl.SSLCertVerificationError as error:
        yield _refused(host, error)
    except ssl.SSLError:
        yield fault("certificate", f"{host}:{port} speaks no TLS 1.2 or newer", "Does the proxy end TLS at that port?")
    except OSError as error:
        yield ok("certificate", f"not looked at: {host}:{port} cannot be reached from here ({type(error).__name__})")
    else:
        yield _judged(host, datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC))


def _shown(host: str, port: int) -> dict[str, object]:
    context = ssl.create_default_context()
    with socket.create_connection((host, port), SECONDS) as line, context.wrap_socket(line, server_hostname=host) as spoken:
        return dict(spoken.getpeercert() or {})


def _refused(host: str, error: ssl.SSLCertVerificationError) -> Finding:
    if error.verify_code == EXPIRED:
        return fault("certificate", f"that of {host} has expired", RENEW)
    if error.verify_code in (OF_ANOTHER_NAME, OF_ANOTHER_ADDRESS):
        return fault("certificate", f"the one at {host} is for another name", f"Get one for {host}, or correct BASE_URL.")
    message = f"that of {host} is not trusted by this machine's authorities ({error.verify_message})"
    return warning("certificate", message, "Get one of a public authority, such as Let's Encrypt, with its whole chain.")


def _judged(host: str, ends: datetime) -> Finding:
    if ends - clock.now() < SOON:
        return warning("certificate", f"that of {host} expires on {ends:%Y-%m-%d}", RENEW)
    return ok("certificate", f"that of {host} is trusted, until {ends:%Y-%m-%d}")
