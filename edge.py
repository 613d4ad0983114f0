"""What every request meets before its resource, and every answer after it: request id, limits, CORS, headers, the log line."""

import logging
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Request, Response, g, redirect, request

import extensions
from config import Settings
from errors import HttpsRequired, RateLimited
from resources import pages
from resources.audience import is_api_client
from resources.contract import Contract
from resources.utils import Resource, asked, caller_id, calling_session
from services import metrics, mint, names
from services.rate_limits import RouteLimits

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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
TOLD = "latchkey.told"
"""Where the hooks leave the headers that `Frame` adds."""
CAUTIONS = [
    (name.lower(), (name, value))
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Resource-Policy": "same-origin",  # all but pictures
        "Cache-Control": "no-store",
    }.items()
]
A_YEAR = 31536000
UNMATCHED = "(unmatched)"
"""Stands for a path that is none of ours; such a path may hold a secret too, behind a mistyped word."""
SIGN_INS = {
    "/login": "POST",
    "/verify-otp": "POST",
    "/auth/exchange": "POST",
    "/auth/<string:provider>/callback": "GET",
}
ALLOWED = ["Authorization", "Content-Type", "X-CSRF-TOKEN", "X-Token-Location", "X-Request-ID", "traceparent"]
log = logging.getLogger("latchkey")


def frame(app: Flask, settings: Settings) -> None:
    """What every request begins and every answer ends with."""
    app.wsgi_app = Frame(app.wsgi_app)  # type: ignore[method-assign]

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        here: Any = g._get_current_object()
        here.request_id = given if REQUEST_ID.fullmatch(given) else mint.identifier()
        here.began = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        here: Any = g._get_current_object()
        asked_for: Request = request._get_current_object()  # type: ignore[attr-defined]
        told = asked_for.environ[TOLD]
        told.append(("X-Request-ID", here.request_id))
        if expires := here.get("idle_expires"):
            told.append(("Session-Idle-Expires", expires.isoformat(timespec="seconds").replace("+00:00", "Z")))
        if standing := here.get("standing"):
            told += standing.headers
        if "style_nonce" in here:
            response.headers.setdefault("Content-Security-Policy", pages.policy(here.style_nonce))
        _tell(asked_for, response.status_code, time.perf_counter() - here.began, here.get("refusal"))
        return response

    @app.context_processor
    def names() -> dict[str, str]:
        g.style_nonce = g.get("style_nonce") or mint.secret()
        told = {"service": settings.service_name, "base_path": settings.base_path}
        return told | {"style_nonce": g.style_nonce, "request_id": g.get("request_id", "-")}


def _tell(asked_for: Request, status: int, seconds: float, refusal: str | None) -> None:
    """The log line, and what Prometheus counts. The rule, not the path: a path may hold a link's secret."""
    method, rule = asked_for.method, asked_for.url_rule.rule if asked_for.url_rule else UNMATCHED
    told = {"method": method, "rule": rule, "status": status, "duration_ms": round(seconds * 1000, 1), "code": refusal}
    told |= {"network": _network() if refusal else None, "user_id": caller_id() if refusal else None}
    whose = f" by {told['user_id']}" if told["user_id"] else ""
    why = f": {refusal} from {told['network']}{whose}" if refusal else ""
    log.info("%s %s %d in %.0f ms%s", method, rule, status, seconds * 1000, why, extra=told)
    known = method if method in getattr(asked(), "methods", ()) else "other"
    metrics.add("latchkey_requests_total", known, rule, str(status))
    metrics.observe("latchkey_request_duration_seconds", known, rule, seconds=seconds)
    if refusal:
        metrics.add("latchkey_refusals_total", refusal)
    if SIGN_INS.get(rule) == method:
        metrics.add("latchkey_sign_ins_total", rule, refusal or ("success" if status == 200 else "sent_on"))


def _network() -> str:
    """Where a refused call came from, as the log says it: a network, since the log outlives what is kept of addresses."""
    return names.network(extensions.client_address()) or "unknown"


class Frame:
    """Around Flask, where headers are a plain list: Werkzeug's are searched for each one that is set.

    Adds what the hooks have told, and what keeps browsers from guessing, framing, embedding and storing, unless the
    resource has said otherwise.
    """

    def __init__(self, inner: "WSGIApplication") -> None:
        self.inner = inner

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        told: list[tuple[str, str]] = []
        environ[TOLD] = told

        def start(status: str, headers: list[tuple[str, str]], fault: "OptExcInfo | None" = None) -> Any:
            said = {name.lower(): value for name, value in headers}
            told.extend(pair for name, pair in CAUTIONS if name not in said)
            if "origin" not in said.get("vary", "").lower():
                told.append(("Vary", "Origin"))
            # A redirect may pass through a front end's window.
            if said.get("content-type", "").startswith("text/html") and "location" not in said:
                told.append(("Cross-Origin-Opener-Policy", "same-origin"))
            return start_response(status, headers + told, fault)

        return self.inner(environ, start)


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
            response.headers["Strict-Transport-Security"] = f"max-age={A_YEAR}; includeSubDomains"
        return response


def _asks_for_a_page() -> bool:
    """A browser on its way to something that it shows, or that sends it on."""
    declared: Contract | None = getattr(getattr(asked(), "get", None), "contract", None)
    if declared is None or request.method not in ("GET", "HEAD") or is_api_client(request):
        return False
    return "text/html" in declared.media or 302 in (declared.status, *declared.also)


def limit(app: Flask, settings: Settings) -> None:
    """Each route counts for itself, a live session over all of them; sensitive routes have a further limit.

    Preflights and the service are free. What the token is worth is judged before, so that a bad one counts by address.
    """
    if not settings.ratelimit_enabled:
        return
    limits = {}
    for rule in app.url_map.iter_rules():
        resource: type[Resource] | None = getattr(app.view_functions[rule.endpoint], "view_class", None)
        if resource is not None and resource.limited:
            limits[rule.endpoint] = RouteLimits(
                extensions.limiter.storage,
                rule.endpoint,
                always=settings.ratelimit_sensitive if resource.sensitive else "",
                default=settings.ratelimit_default,
                signed_in=settings.ratelimit_signed_in,
            )

    @app.before_request
    def count() -> None:
        asked_for: Request = request._get_current_object()  # type: ignore[attr-defined]
        found = limits.get(asked_for.endpoint or "")
        if found is None or asked_for.method == "OPTIONS":
            return
        g.standing = standing = found.count(extensions.client_network(), calling_session())
        if standing and standing.is_exceeded:
            raise RateLimited(headers={"Retry-After": str(standing.seconds_left)})


def allow_origins(app: Flask, settings: Settings) -> None:
    """CORS for exact origins; the front end's is always one."""
    origins = list(settings.cors_origins) + [settings.frontend_url] * bool(settings.frontend_url)
    extensions.cors.init_app(
        app,
        origins="*" if "*" in origins else [_exactly(origin) for origin in origins if origin],
        send_wildcard="*" in origins,
        supports_credentials=settings.takes_cookies and "*" not in origins,
        vary_header=True,
        allow_headers=[*ALLOWED, *settings.cors_headers],
        expose_headers=EXPOSED,
        max_age=600,
    )
    share = app.after_request_funcs[None].pop()

    @app.after_request
    def share_with_others(response: Response) -> Response:
        return share(response) if "Origin" in request.headers else response  # type: ignore[return-value]


def _exactly(address: str) -> re.Pattern[str]:
    """The address's origin and nothing else; Flask-CORS guesses from a plain string whether it is a pattern."""
    return re.compile(re.escape("/".join(address.split("/")[:3])) + r"\Z")
