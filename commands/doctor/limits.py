"""Where limits are counted."""

from commands.doctor.findings import Findings, ok, warning
from extensions import settings


def examined() -> Findings:
    chosen = settings()
    if not chosen.ratelimit_enabled:
        yield warning("limits", "RATELIMIT_ENABLED is false: nobody is limited", "Set it to true.")
    elif chosen.web_concurrency > 1:
        message = f"each of {chosen.web_concurrency} workers counts for itself"
        yield warning("limits", message, "Set WEB_CONCURRENCY=1.")
    else:
        yield ok("limits", "counted in memory, by the one worker")
