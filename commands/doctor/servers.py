"""The way to the database, Redis and mail: encrypted, verified and guarded by a password where it leaves this machine."""

from commands.doctor.findings import Finding, Findings, ok, warning
from extensions import settings
from transport import Way, ways


def examined() -> Findings:
    """A plain way that is not named in PLAINTEXT_HOSTS refuses the start in production; here is what may be meant."""
    found = [finding for way in ways(settings()) for finding in _judged(way)]
    fine = "the ways to database, Redis and mail stay on this machine, or are encrypted and guarded"
    yield from found or [ok("servers", fine)]


def _judged(way: Way) -> list[Finding]:
    hosts, found = " and ".join(way.hosts), []
    if not way.is_encrypted:
        meant = not set(way.hosts) - set(settings().plaintext_hosts)
        message = f"{hosts} may be asked in plain text ({way.setting})"
        cure = f"{way.cure}, or name it in PLAINTEXT_HOSTS."
        found.append(ok("servers", f"{message}, as PLAINTEXT_HOSTS says") if meant else warning("servers", message, cure))
    elif not way.is_verified:
        message = f"{way.setting}: the certificate of {hosts} is not checked, so anybody between can pose as it"
        found.append(warning("servers", message, f"{way.cure}."))
    if not way.has_password:
        found.append(warning("servers", f"{way.setting} has no password", "Give that user a long random one."))
    return found
