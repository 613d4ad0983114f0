"""Where limits are counted, and whether that answers."""

from urllib.parse import urlsplit

from flask import current_app

from commands.doctor.findings import Findings, fault, ok, warning
from extensions import settings


def examined() -> Findings:
    chosen = settings()
    if not chosen.ratelimit_enabled:
        yield warning("limits", "RATELIMIT_ENABLED is false: nobody is limited", "Set it to true.")
    elif not chosen.counts_limits_in_memory:
        yield from _shared()
    elif chosen.workers > 1:
        message = f"each of {chosen.workers} workers counts for itself"
        yield warning("limits", message, "Name a Redis in RATELIMIT_STORAGE_URI, or set WEB_CONCURRENCY=1.")
    else:
        yield ok("limits", "counted in memory, by the one worker")


def _shared() -> Findings:
    """By one count of a key of its own, within the time that a request gives it."""
    place = urlsplit(settings().ratelimit_storage_uri)
    where = f"Redis at {place.hostname}:{place.port or 6379}"
    if next(iter(current_app.extensions["limiter"])).storage.check():
        yield ok("limits", f"counted once for all workers, in {where}")
    else:
        cure = "Is it running, with room to write, and are host and password in RATELIMIT_STORAGE_URI right?"
        yield fault("limits", f"{where} does not count: each worker counts for itself", cure)
