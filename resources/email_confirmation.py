"""`/confirm/<token>` and `/resend-confirmation`."""

from flask import Response, render_template, request

from errors import InvalidToken
from flows import email_confirmation
from resources import answers, pages
from resources.audience import is_api_client
from resources.contract import Access, Body, contract
from resources.fields import Address
from resources.utils import Resource

CONFIRMED = "Your address is confirmed. You can sign in now."


class Confirm(Resource):
    access = Access.OPEN
    tag = "Sign up and sign in"
    page = True

    @contract(body=None, answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def get(self, token: str) -> answers.Message | Response:
        """Confirm an address. An API client's GET confirms; a browser gets a page with one button and nothing changes."""
        if is_api_client(request):
            return self._confirm(token)
        return pages.answer(render_template("pages/confirm.html", form=pages.ButtonForm()))

    @contract(body=None, answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def post(self, token: str) -> answers.Message | Response:
        """Confirm an address."""
        if is_api_client(request):
            return self._confirm(token)
        if not pages.ButtonForm().validate_on_submit():
            return pages.answer(render_template("pages/confirm.html", form=pages.ButtonForm(), again=True), 400)
        return pages.answer(render_template("pages/done.html", title="Confirmed", text=self._confirm(token).message))

    def _confirm(self, token: str) -> answers.Message:
        email_confirmation.confirm(token, self.client)
        return answers.Message(message=CONFIRMED)


class ResendBody(Body):
    email: Address


class ResendConfirmation(Resource):
    access = Access.OPEN
    tag = "Sign up and sign in"
    sensitive = True

    @contract(body=ResendBody, answer=answers.Message, status=202)
    def post(self, body: ResendBody) -> answers.Message:
        """Mail the confirmation link again. Always the same answer."""
        email_confirmation.resend(body.email)
        return answers.Message(message="If this address waits for confirmation, a mail is on its way.")
