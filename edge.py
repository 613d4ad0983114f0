"""What every request meets before its resource, and every answer after it: request id, limits, CORS, headers, the log line."""

import logging
import math
import re
import time
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, redirect, request
from flask_limiter import RequestLimit

import extensions
from config import Settings
from errors import HttpsRequired
from resources import pages
from resources.audience import is_api_client
from resources.contract import Contract
from resources.utils import Resource, asked
from services import clock, metrics, mint

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
NO_DEVICES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
A_YEAR = 31536000
SIGN_INS = {
    "/login": "POST",
    "/verify-otp": "POST",
    "/auth/exchange": "POST",
    "/auth/<string:provider>/callback": "GET",
}
ALLOWED = ["Authorization", "Content-Type", "X-CSRF-TOKEN", "X-Token-Location", "X-Request-ID"]
log = logging.getLogger("latchkey")


def frame(app: Flask, settings: Settings) -> None:
    """What every request begins and every answer ends with."""
    limiter = extensions.limiter

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
        response.headers.pop("Retry-After", None)  # Flask-Limiter sends it with everything, and rounded down
        if wait := g.get("retry_after") or _seconds_left(response, limiter.current_limit):
            response.headers["Retry-After"] = wait
        _harden(response)
        rule = request.url_rule.rule if request.url_rule else "-"
        _tell(rule, response.status_code, time.perf_counter() - g.began)
        return response

    @app.context_processor
    def names() -> dict[str, str]:
        return {
            "service": settings.service_name,
            "style_nonce": g.get("style_nonce", ""),
            "request_id": g.get("request_id", "-"),
        }


def _seconds_left(response: Response, passed: RequestLimit | None) -> str | None:
    """How long a 429 of the limits lasts, rounded up: who comes back a moment too early would be refused again."""
    if response.status_code != 429 or passed is None:
        return None
    return str(max(1, math.ceil(passed.window.reset_time - clock.now().timestamp())))


def _tell(rule: str, status: int, seconds: float) -> None:
    """The log line, and what Prometheus counts. The rule, not the path: a path may hold a link's secret."""
    told = {"method": request.method, "rule": rule, "status": status, "duration_ms": round(seconds * 1000, 1)}
    refusal: str | None = g.get("refusal")
    log.info("%s %s %d in %.0f ms", request.method, rule, status, seconds * 1000, extra=told | {"code": refusal})
    method = request.method if request.method in getattr(asked(), "methods", ()) else "other"
    metrics.add("latchkey_requests_total", method, rule, str(status))
    metrics.observe("latchkey_request_duration_seconds", method, rule, seconds=seconds)
    if refusal:
        metrics.add("latchkey_refusals_total", refusal)
    if rule in SIGN_INS and request.method in SIGN_INS[rule]:
        metrics.add("latchkey_sign_ins_total", rule, refusal or ("success" if status == 200 else "sent_on"))


def _harden(response: Response) -> None:
    """What keeps browsers from guessing, framing, embedding and storing, unless the resource has said otherwise."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Content-Security-Policy", pages.policy())
    response.headers.setdefault("Permissions-Policy", NO_DEVICES)
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")  # all but pictures
    if response.mimetype == "text/html" and not response.location:  # a redirect may pass through a front end's window
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")


def insist_on_https(app: Flask, settings: Settings) -> None:
    """A call that came over http is refused rather than sent on: else its client would send secrets so for ever.

    The scheme is what the nearest trusted proxy says of the caller's connection.
    """
    if not settings.force_https:
        return

    @app.before_request
    def insist() -> Response | None:
        if request.is_secure or getattr(asked(), "over_http", False):
            return None
        if not (_asks_for_a_page() and settings.over_https):
            raise HttpsRequired
        query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
        return app.make_response(redirect(f"{settings.address}{quote(request.path)}{query}", 308))

    @app.after_request
    def remember(response: Response) -> Response:
        if request.is_secure and not getattr(asked(), "over_http", False):
            response.headers["Strict-Transport-Security"] = f"max-age={A_YEAR}"
        return response


def _asks_for_a_page() -> bool:
    """A browser on its way to something that it shows, or that sends it on."""
    declared: Contract | None = getattr(getattr(asked(), "get", None), "contract", None)
    if declared is None or request.method not in ("GET", "HEAD") or is_api_client(request):
        return False
    return "text/html" in declared.media or 302 in (declared.status, *declared.also)


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
