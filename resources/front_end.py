"""`/app`: the example front end of `examples/spa`, so that a newcomer sees everything work before writing any."""

from flask import Response, request, send_from_directory

from config import ROOT, Settings
from errors import NotFound
from extensions import settings
from resources import answers
from resources.contract import Access, contract
from resources.utils import Resource

FOLDER = ROOT / "examples" / "spa"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
MEDIA = (*TYPES.values(), "application/json")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'none'; base-uri 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class FrontEnd(Resource):
    access = Access.DEVELOPMENT
    limited = False

    @contract(refuses=(NotFound,), media=("text/html",))
    def get(self) -> Response:
        """The example front end."""
        return _file("index.html")


class FrontEndFile(Resource):
    access = Access.DEVELOPMENT
    limited = False

    @contract(refuses=(NotFound,), media=MEDIA)
    def get(self, name: str) -> Response:
        """A file of the example front end. Also what it is told of this service, and its screens."""
        return answers.json(_told(settings())) if name == "config.json" else _file(name)


class FrontEndScreen(Resource):
    access = Access.DEVELOPMENT
    limited = False

    @contract(refuses=(NotFound,), media=MEDIA)
    def get(self, folder: str, name: str) -> Response:
        """A file in a folder of the example front end. Also a screen that has such a path, as mailed links do."""
        return _file(f"{folder}/{name}")


def _file(name: str) -> Response:
    """A file where the name is one's; else the page, whose script reads the path. Raises NotFound for a lost file."""
    kind = TYPES.get(f".{name.rpartition('.')[2]}")
    answer = send_from_directory(FOLDER, name if kind else "index.html", mimetype=kind or "text/html", conditional=False)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def _told(known: Settings) -> dict[str, object]:
    """As `examples/spa/config.json`. The address is the one that was asked for: the page may call no other origin."""
    # Without FRONTEND_URL a provider's callback answers with JSON, which would leave the person there.
    providers = list(known.oidc) if known.frontend_url else []
    return {
        "api": request.host_url.rstrip("/"),
        "service": known.service_name,
        "cookies": known.takes_cookies,
        "providers": providers,
        "passwordless": known.otp_passwordless_login,
        "signup": known.signup_enabled,
        "passwordLength": known.password_min_length,
        "pictureBytes": known.max_upload_bytes,
        "mailbox": "/dev/mailbox" if known.uses_mailbox else None,
    }
