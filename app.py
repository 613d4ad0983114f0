"""The app: extensions, routes, error rendering. The only file that knows everyone. `python app.py` serves."""

if __name__ == "__main__":
    # Before the rest of this file: the master of the workers stays without it, so that they load what is there then.
    import sys

    import serve

    sys.exit(serve.main(sys.argv[1:]))

import logging
import sys
from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import UnicodeConverter

import commands
import edge
import errors
import extensions
import logs
import sqlite
import telemetry
from config import ROOT, Settings
from database import db, was_lost
from engines import engine_options, reader_options
from environment import SettingsRefused, environment, leave, load
from resources import problems, routes
from resources.json_gate import MOST_BYTES
from resources.utils import Api, has_page
from services import own_counts, signing, vault

BY_STATUS: dict[int, type[errors.Refusal]] = {
    400: errors.MalformedJson,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMediaType,
    429: errors.RateLimited,
}
log = logging.getLogger("latchkey")


class _App(Flask):
    """Nothing of ours is asynchronous, which Flask would find out anew, eight times a call."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class _Text(UnicodeConverter):
    """A part of a path. With NUL in it none matches: PostgreSQL's text and the file system cannot hold that."""

    def __init__(self, *given: Any, **bounds: Any) -> None:
        super().__init__(*given, **bounds)
        self.regex = self.regex.replace("[^/]", r"[^/\x00]")


class _NoSessions(SecureCookieSessionInterface):
    """Nothing is kept in Flask's own cookie: hosted forms work without any."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        return self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        pass


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI app. Without settings, those of the environment; faulty ones end the process. Jobs are started by the server."""
    if settings is None and commands.needs_no_settings(sys.argv):
        return commands.bare_app()
    try:
        return _made(settings or load(environment()))
    except SettingsRefused as refused:
        if settings is None and commands.tells_of_settings(sys.argv):
            return commands.bare_app(refused.faults)
        leave(refused.faults)


def _made(settings: Settings) -> Flask:
    logs.set_up(settings)
    _load_what_is_used(settings)
    app = _App("latchkey", root_path=str(ROOT), instance_path=str(ROOT / "instance"), static_folder=None)
    app.extensions["settings"] = settings
    app.config.from_mapping(_flask_config(settings))
    app.session_interface = _NoSessions()
    app.url_map.converters["string"] = _Text
    if settings.trusted_proxies:
        # No x_host: a forwarded host would end in mailed links. Proxies append addresses, but set the scheme.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=1, x_host=0)  # type: ignore[method-assign]
    edge.frame(app, settings)  # first: what the extensions refuse has a request id too, and what they add is seen last
    edge.insist_on_https(app, settings)
    _bind_extensions(app, settings)
    edge.allow_origins(app, settings)
    routes.register(Api(app, catch_all_404s=False), documented=settings.api_docs)
    edge.limit(app, settings)
    _render_errors(app)
    commands.register(app)
    _check_keys(app, settings)
    with app.app_context():
        telemetry.trace(app, list(db.engines.values()), settings.service_name)
    return app


def _flask_config(settings: Settings) -> dict[str, Any]:
    return {
        "SECRET_KEY": settings.secret_key[0],
        "SECRET_KEY_FALLBACKS": list(settings.secret_key[1:]),
        "WTF_CSRF_SECRET_KEY": settings.wtf_csrf_secret_key[0],
        "MAX_CONTENT_LENGTH": MOST_BYTES,
        "MAX_FORM_PARTS": 20,
        "SQLALCHEMY_DATABASE_URI": settings.sqlalchemy_database_uri,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings),
        "SQLALCHEMY_BINDS": {"reader": {"url": settings.sqlalchemy_database_uri, **reader_options(settings)}},
        "JWT_SECRET_KEY": settings.jwt_secret_key[0],
        "JWT_ALGORITHM": settings.jwt_algorithm,
        "JWT_DECODE_ALGORITHMS": None if settings.jwt_algorithm == "HS256" else list(signing.OF_KEY_FILES),
        "JWT_ENCODE_ISSUER": settings.issuer,
        "JWT_DECODE_ISSUER": settings.issuer,
        "JWT_ENCODE_AUDIENCE": settings.jwt_audience,
        "JWT_DECODE_AUDIENCE": [settings.jwt_audience, f"{settings.jwt_audience}/refresh"],
        "JWT_DECODE_LEEWAY": 5,
        "BCRYPT_HANDLE_LONG_PASSWORDS": False,
        "MAIL_SUPPRESS_SEND": False,
        "RATELIMIT_ENABLED": settings.ratelimit_enabled,
        "RATELIMIT_STORAGE_URI": f"{own_counts.SCHEME}{settings.ratelimit_storage_uri}",
    }


def _load_what_is_used(settings: Settings) -> None:
    """Now, and not when it is first needed: by then the next release may lie there."""
    if not settings.counts_limits_in_memory:
        from services import shared_counts  # noqa: F401, PLC0415 - found by its scheme; Redis's client takes 7 MiB
    if settings.oidc:
        from services import openid  # noqa: F401, PLC0415 - with Authlib 8 MiB


def _bind_extensions(app: Flask, settings: Settings) -> None:
    db.init_app(app)
    for extension in (extensions.jwt, extensions.bcrypt, extensions.mail, extensions.limiter):
        extension.init_app(app)
    if settings.sqlalchemy_database_uri.startswith("sqlite"):
        with app.app_context():
            sqlite.prepare(db.engines[None], db.engines["reader"], settings.sqlite_synchronous)


def _render_errors(app: Flask) -> None:
    """Every error becomes a refusal, and every refusal is rendered in one place."""

    @app.errorhandler(errors.Refusal)
    def refusal(error: errors.Refusal) -> Response:
        return problems.render(error, page=has_page())

    @app.errorhandler(HTTPException)
    def framework(error: HTTPException) -> Response:
        if error.code is None or error.code < 400:
            return Response(status=error.code, headers=error.get_headers())
        kind = BY_STATUS.get(error.code, errors.InternalError if error.code >= 500 else errors.MalformedJson)
        headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
        return problems.render(kind(headers=headers), page=has_page())

    @app.errorhandler(vault.VaultRefused)
    def undecryptable(error: vault.VaultRefused) -> Response:
        """A secret of a key that is not here: nothing the caller sent is wrong, and the key may be put back."""
        return problems.render(errors.Unavailable(), page=has_page())

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response:
        if was_lost(error):
            log.warning("the database does not answer", exc_info=error)
            return problems.render(errors.Unavailable(), page=has_page())
        log.error("unexpected fault", exc_info=error)
        return problems.render(errors.InternalError(), page=has_page())


def _check_keys(app: Flask, settings: Settings) -> None:
    """A file that holds no fitting key is a fault of the settings, not of the first person who signs in.

    Raises SettingsRefused.
    """
    try:
        with app.app_context():
            signing.ring()
    except signing.KeyRefused as refused:
        cure = f"Make one with `flask keys new --algorithm {settings.jwt_algorithm}`, and name its file first."
        raise SettingsRefused([f"JWT_PRIVATE_KEYS: {refused}. {cure}"]) from refused
