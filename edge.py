"""What every request meets before its resource, and every answer after it: request id, limits, CORS, headers, the log line."""

import logging
import re
import time
from typing import Any

from flask import Flask, Response, g, request

import extensions
from config import Settings
from resources import pages
from resources.utils import Resource
from services import mint

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
EXPOSED = [
    "Session-Idle-Expires",
    "Retry-After",
    "X-Request-ID",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "WWW-Authenticate",
]
ALLOWED = ["Authorization", "Content-Type", "X-CSRF-TOKEN", "X-Token-Location", "X-Request-ID"]
log = logging.getLogger("latchkey")


def frame(app: Flask, settings: Settings) -> None:
    """What every request begins and every answer ends with."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else mint.identifier()
        g.style_nonce = mint.secret()
        g.began = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        response.vary.add("Origin")
        if expires := g.get("idle_expires"):
            response.headers["Session-Idle-Expires"] = expires.isoformat(timespec="seconds").replace("+00:00", "Z")
        if own := g.get("retry_after"):
            response.headers["Retry-After"] = own  # Flask-Limiter puts its own window there, a day
        elif response.status_code not in (429, 503):
            response.headers.pop("Retry-After", None)  # Flask-Limiter sends it with everything
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Content-Security-Policy", pages.policy())
        response.headers.setdefault("Cache-Control", "no-store")
        # The rule, not the path: a path may hold a link's secret.
        rule = request.url_rule.rule if request.url_rule else "-"
        taken = (time.perf_counter() - g.began) * 1000
        log.info("%s %s %d in %.0f ms", request.method, rule, response.status_code, taken)
        return response

    @app.context_processor
    def names() -> dict[str, str]:
        return {
            "service": settings.service_name,
            "style_nonce": g.get("style_nonce", ""),
            "request_id": g.get("request_id", "-"),
        }


def limit(app: Flask, settings: Settings) -> None:
    """A route's own limit replaces the defaults, so sensitive routes state both. Preflights and the service are free."""
    both = ";".join(filter(None, (settings.ratelimit_default, settings.ratelimit_sensitive)))
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        resource: type[Resource] | None = getattr(view, "view_class", None)
        if resource is None or not resource.limited:
            extensions.limiter.exempt(view)
        elif resource.sensitive and both:
            app.view_functions[rule.endpoint] = _limited(view, both)
    extensions.limiter.request_filter(lambda: request.method == "OPTIONS")


def _limited(view: Any, limits: str) -> Any:
    limited: Any = extensions.limiter.limit(limits)(view)
    limited.view_class = view.view_class
    return limited


def allow_origins(app: Flask, settings: Settings) -> None:
    """CORS for exact origins; the front end's is always one."""
    origins = list(settings.cors_origins) + [settings.frontend_url] * bool(settings.frontend_url)
    extensions.cors.init_app(
        app,
        origins="*" if "*" in origins else [_exactly(origin) for origin in origins if origin],
        send_wildcard="*" in origins,
        supports_credentials=settings.takes_cookies and "*" not in origins,
        vary_header=True,
        allow_headers=ALLOWED,
        expose_headers=EXPOSED,
        max_age=600,
    )


def _exactly(address: str) -> re.Pattern[str]:
    """The address's origin and nothing else; Flask-CORS guesses from a plain string whether it is a pattern."""
    return re.compile(re.escape("/".join(address.split("/")[:3])) + r"\Z")
