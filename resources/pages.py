"""The hosted pages: forms that work without script, under a strict policy."""

from flask import Response, g, make_response
from flask_wtf import FlaskForm


class ButtonForm(FlaskForm):
    """One button; carries only the CSRF token."""


def answer(html: str, status: int = 200) -> Response:
    return make_response(html, status)


def policy() -> str:
    """No script, no outside assets, no frames; only our own forms and the page's own style."""
    nonce = g.get("style_nonce", "")
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
