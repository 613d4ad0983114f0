"""Settings that are valid and still not good: https, cookies, origins, proxies."""

from urllib.parse import urlsplit

from commands.doctor.findings import Finding, Findings, fault, ok, warning
from config import Settings
from extensions import settings
from transport import is_this_machine


def refused(faults: list[str]) -> Findings:
    """The faults of settings that do not even start the service."""
    for line in faults:
        message, _, cure = line.partition(". ")
        yield fault("settings", message, cure)


def examined() -> Findings:
    """Without any finding the settings are ok."""
    chosen = settings()
    found = [*_https(chosen), *_proxies(chosen), *_origins(chosen), *_workers(chosen)]
    yield from found or [ok("settings", "the secrets are set, and all fits together")]


def _https(chosen: Settings) -> list[Finding]:
    if chosen.over_https:
        if (chosen.frontend_url or "").startswith("http://") and not is_here(chosen.frontend_url):
            return [warning("https", "FRONTEND_URL is plain http: mailed links open in the clear", "Serve the app over https.")]
        if not (chosen.development or chosen.force_https):
            return [warning("https", "calls over plain http are answered like others", "Set FORCE_HTTPS=true.")]
        return []
    return []


def _proxies(chosen: Settings) -> list[Finding]:
    """Without a certificate of its own the service speaks no TLS."""
    if chosen.development or not chosen.over_https or chosen.trusted_proxies or chosen.tls_cert_file:
        return []
    message = "BASE_URL is https, so a proxy is in front, but TRUSTED_PROXIES is 0: all clients count as one"
    return [fault("proxies", message, "Set TRUSTED_PROXIES to the number of proxies that append to X-Forwarded-For.")]


def _origins(chosen: Settings) -> list[Finding]:
    if "*" in chosen.cors_origins:
        return [warning("cors", "CORS_ORIGINS is *: every page in every browser may call", "Name the origins that need to.")]
    plain = [origin for origin in chosen.cors_origins if origin.startswith("http://") and not is_here(origin)]
    if chosen.over_https and plain:
        return [warning("cors", f"{plain[0]} is plain http and may call", "Serve that page over https, or take it out.")]
    return []


def _workers(chosen: Settings) -> list[Finding]:
    if chosen.scheduler_enabled:
        return []
    message = "SCHEDULER_ENABLED is false here: this process sends no mail and clears nothing out"
    return [warning("jobs", message, "Let one process run with SCHEDULER_ENABLED=true.")]


def is_here(address: str | None) -> bool:
    """Whether an address is this machine's loopback."""
    host = urlsplit(address or "").hostname
    return host is not None and is_this_machine(host)
