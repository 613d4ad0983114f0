"""`/forgot-password` and `/reset-password/<token>`."""

from typing import ClassVar

from flask import Response, render_template, request

from errors import Busy, InvalidToken, ValidationFailed
from flows import password_reset
from resources import answers, pages
from resources.audience import is_api_client
from resources.contract import Access, Body, Examples, contract
from resources.fields import Address, NewPassword
from resources.utils import Resource

DONE = "Your password is set, and you are signed out everywhere. You can sign in now."


class ForgotPasswordBody(Body):
    email: Address


class ForgotPassword(Resource):
    access = Access.OPEN
    tag = "Passwords"
    sensitive = True

    @contract(body=ForgotPasswordBody, answer=answers.Message, status=202)
    def post(self, body: ForgotPasswordBody) -> answers.Message:
        """Mail a link that sets a new password. Always the same answer."""
        password_reset.ask(body.email)
        return answers.Message(message="If this address has an account, a mail is on its way.")


class ResetPasswordBody(Body):
    examples: ClassVar[Examples] = {"": {"password": "nine-purple-lanterns"}}
    password: NewPassword


class ResetPassword(Resource):
    access = Access.OPEN
    tag = "Passwords"
    sensitive = True
    page = True

    @contract(answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def get(self, token: str) -> answers.Message | Response:
        """Whether the link would be accepted; a browser gets the form. Spends nothing."""
        password_reset.look(token)
        if is_api_client(request):
            return answers.Message(message="This link can be used: send the new password here.")
        return _form(pages.PasswordForm())

    @contract(body=ResetPasswordBody, answer=answers.Message, refuses=(InvalidToken, Busy), media=("text/html",), form=True)
    def post(self, body: ResetPasswordBody | None, token: str) -> answers.Message | Response:
        """Set a new password by the mailed link. Every session ends; a second factor stays on; nobody is signed in."""
        if body is not None:
            password_reset.redeem(token, body.password, self.client)
            return answers.Message(message=DONE)
        return self._submitted(token)

    def _submitted(self, token: str) -> Response:
        form = pages.PasswordForm()
        if not form.validate_on_submit():
            password_reset.look(token)
            return _form(form, 400)
        try:
            password_reset.redeem(token, form.password.data or "", self.client)
        except ValidationFailed as refused:
            form.password.errors = refused.errors["password"]
            return _form(form, 422)
        return pages.answer(render_template("pages/done.html", title="Password set", text=DONE))


def _form(form: pages.PasswordForm, status: int = 200) -> Response:
    return pages.answer(render_template("pages/reset.html", form=form), status)
