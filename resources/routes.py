"""Every URL with its resource, on one page."""

from flask import Flask, request
from werkzeug.exceptions import MethodNotAllowed

from resources.auth import Login, Logout
from resources.email_confirmation import Confirm, ResendConfirmation
from resources.front_end import FrontEnd, FrontEndFile, FrontEndScreen
from resources.link_proof import LinkCode, LinkProof
from resources.mailbox import Mailbox
from resources.metrics import Metrics
from resources.mfa import Mfa, RecoveryCodeSet
from resources.notice_links import NotMe, Undo
from resources.otp import SendOtp, VerifyOtp
from resources.password_change import ChangePassword
from resources.password_reset import ForgotPassword, ResetPassword
from resources.profile import Profile, ProfileExport, ProfilePicture
from resources.provider_auth import Exchange, ProviderArrival, ProviderDeparture, ProviderLink, ProviderStepUp
from resources.readiness import Readyz
from resources.reauthentication import Reauthenticate
from resources.security_events import SecurityEvents
from resources.service import Docs, DocsFile, Healthz, Index, Jwks, OpenApi, ProblemPage
from resources.sessions import OneSession, Sessions
from resources.signup import SignUp
from resources.token_refresh import Refresh
from resources.uploads import Upload
from resources.utils import Api, Resource

ROUTES: dict[str, type[Resource]] = {
    # Accounts
    "/signup": SignUp,
    "/confirm/<string:token>": Confirm,
    "/resend-confirmation": ResendConfirmation,
    "/login": Login,
    "/refresh": Refresh,
    "/logout": Logout,
    "/forgot-password": ForgotPassword,
    "/reset-password/<string:token>": ResetPassword,
    "/change-password": ChangePassword,
    "/reauthenticate": Reauthenticate,
    "/undo/<string:token>": Undo,
    "/not-me/<string:token>": NotMe,
    # Second factors
    "/mfa": Mfa,
    "/mfa/recovery-codes": RecoveryCodeSet,
    "/send-otp": SendOtp,
    "/verify-otp": VerifyOtp,
    # Profile and sessions
    "/profile": Profile,
    "/profile/picture": ProfilePicture,
    "/profile/export": ProfileExport,
    "/uploads/profile_pictures/<string:name>": Upload,
    "/security-events": SecurityEvents,
    "/sessions": Sessions,
    "/sessions/<string:session_id>": OneSession,
    # Providers
    "/auth/exchange": Exchange,
    "/auth/link": LinkProof,
    "/auth/link/code": LinkCode,
    "/auth/<string:provider>": ProviderDeparture,
    "/auth/<string:provider>/callback": ProviderArrival,
    "/auth/<string:provider>/link": ProviderLink,
    "/auth/<string:provider>/reauthenticate": ProviderStepUp,
    # Service
    "/": Index,
    "/healthz": Healthz,
    "/readyz": Readyz,
    "/metrics": Metrics,
    "/openapi.json": OpenApi,
    "/.well-known/jwks.json": Jwks,
    "/docs": Docs,
    "/docs/<string:name>": DocsFile,
    "/problems/<string:code>": ProblemPage,
    # Development only
    "/dev/mailbox": Mailbox,
    "/app": FrontEnd,
    "/app/<string:name>": FrontEndFile,
    "/app/<string:folder>/<string:name>": FrontEndScreen,
}


DOCUMENTATION = {"/openapi.json", "/docs", "/docs/<string:name>"}


def register(api: Api, *, documented: bool) -> None:
    """Adds every route to the app; the API's documentation only where it is wanted."""
    served = {path: resource for path, resource in ROUTES.items() if documented or path not in DOCUMENTATION}
    for path, resource in served.items():
        api.add_resource(resource, path, endpoint=path)
    fixed = {path: _with_implied(set(resource.methods)) for path, resource in served.items() if "<" not in path}

    app: Flask = api.app

    @app.before_request
    def refuse_wrong_method() -> None:
        """Without this, `GET /auth/exchange` would be a sign-in with a provider of that name."""
        if request.method not in fixed.get(request.path, (request.method,)):
            raise MethodNotAllowed(valid_methods=sorted(fixed[request.path]))


def _with_implied(methods: set[str]) -> set[str]:
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
