"""The hosted pages: forms that work without script and without cookies, under a strict policy.

A form is protected by the link that it stands behind: nobody else can make a browser send it. So its CSRF token is made from
the link, and not from a cookie, which many browsers block where a mail program has opened the page.
"""

import hmac
from typing import Any

from flask import Response, make_response, request
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.csrf.core import CSRF
from wtforms.validators import ValidationError

from extensions import settings


class _LinkCsrf(CSRF):
    """The token is a keyed digest of the page's path: whoever sends the form has opened that page."""

    def generate_csrf_token(self, csrf_token_field: Any) -> str:
        return _digest(settings().wtf_csrf_secret_key[0])

    def validate_csrf_token(self, form: Any, field: Any) -> None:
        sent = str(field.data or "").encode()
        if not any(hmac.compare_digest(sent, _digest(key).encode()) for key in settings().wtf_csrf_secret_key):
            raise ValidationError("This page expired.")


def _digest(key: str) -> str:
    return hmac.digest(key.encode(), request.path.encode(), "sha256").hex()


class _LinkForm(FlaskForm):
    class Meta(FlaskForm.Meta):
        csrf = True
        csrf_class = _LinkCsrf


class ButtonForm(_LinkForm):
    """One button; carries only the CSRF token."""


class ConfirmForm(_LinkForm):
    """The password of the account, where the link alone does not confirm."""

    password = PasswordField("Password", render_kw={"autocomplete": "current-password", "required": True})


class PasswordForm(_LinkForm):
    """A new password; its policy is `services.passwords`'."""

    password = PasswordField("New password", render_kw={"autocomplete": "new-password", "required": True})


def answer(html: str, status: int = 200) -> Response:
    return make_response(html, status)


def policy(nonce: str) -> str:
    """No script, no outside assets, no frames; only our own forms and the page's own style, which has this nonce."""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
