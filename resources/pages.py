"""The hosted pages: forms that work without script, under a strict policy."""

from flask import Response, make_response
from flask_wtf import FlaskForm
from wtforms import PasswordField


class ButtonForm(FlaskForm):
    """One button; carries only the CSRF token."""


class PasswordForm(FlaskForm):
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
