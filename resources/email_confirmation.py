"""`/confirm/<token>` and `/resend-confirmation`."""

from typing import Annotated, ClassVar

from flask import Response, render_template, request
from pydantic import BaseModel, Field, RootModel

from errors import ConfirmationProofRequired, InvalidCredentials, InvalidToken, Refusal
from flows import email_confirmation
from flows.email_confirmation import Confirmed, Proof
from resources import answers, pages
from resources.answers import Message, TokenAnswer
from resources.audience import is_api_client
from resources.auth import SIGN_IN_REFUSALS
from resources.contract import Access, Body, Examples, contract
from resources.fields import Address, Password, Username
from resources.utils import Resource

DONE = {
    True: "Your email address is confirmed. You can sign in now.",
    False: "Your account now uses this email address. Sign in with it from now on.",
}
"""By whether it was a sign-up."""
ACTIONS = {
    True: "Confirm the email address of the new account.",
    False: "Change the email address of the account to this one.",
}
REFUSALS = (InvalidToken, ConfirmationProofRequired, InvalidCredentials, *SIGN_IN_REFUSALS)


class ConfirmBody(Body):
    """Where a link alone does not confirm: the password, or the sign-up's `signup_token`, or an access token as Bearer."""

    examples: ClassVar[Examples] = {
        "The page that signed up": {"signup_token": answers.A_TOKEN},
        "Anybody who knows the password": {"password": "correct-horse-battery"},
        "With an access token, or by the link alone": {},
    }
    password: Annotated[Password | None, Field(description="of the sign-up, or of the account that changes its address")] = None
    signup_token: Annotated[str | None, Field(max_length=200, description="what /signup answered")] = None


class Confirmable(BaseModel):
    action: str = Field(examples=[ACTIONS[True]])
    username: str = Field(examples=["ada"])


class LookAnswer(RootModel[Confirmable | Message]):
    """What the link confirms; a message where the link alone has confirmed."""


class ConfirmAnswer(RootModel[TokenAnswer | Message]):
    """A token answer where the password came with the link."""


class Confirm(Resource):
    access = Access.EITHER_WAY
    tag = "Sign up and sign in"
    page = True

    @contract(answer=LookAnswer, refuses=REFUSALS, media=("text/html",))
    def get(self, token: str) -> Confirmable | TokenAnswer | Message | Refusal | Response:
        """Say what the link confirms. Changes nothing, unless CONFIRM_BY_LINK_ALONE lets an API client's GET confirm."""
        if is_api_client(request) and not email_confirmation.needs_proof():
            return self._answer(self._confirm(token, ConfirmBody()))
        link = email_confirmation.look(token)
        if is_api_client(request):
            return Confirmable(action=ACTIONS[link.is_sign_up], username=link.username)
        return self._page(token)

    @contract(body=ConfirmBody, answer=ConfirmAnswer, refuses=REFUSALS, media=("text/html",), form=True)
    def post(self, body: ConfirmBody | None, token: str) -> TokenAnswer | Message | Refusal | Response:
        """Confirm an address by the link and a proof. That is password, `signup_token`, or an access token of the account."""
        if body is None or not is_api_client(request):
            return self._submitted(token)
        return self._answer(self._confirm(token, body))

    def _confirm(self, token: str, body: ConfirmBody) -> Confirmed:
        proof = Proof(body.password, body.signup_token, self.signed_in if self.is_signed_in else None)
        return email_confirmation.confirm(token, proof, self.client)

    def _answer(self, confirmed: Confirmed) -> TokenAnswer | Message | Refusal:
        message = DONE[confirmed.is_sign_up]
        if confirmed.outcome is None:
            return Message(message=message)
        return answers.outcome(confirmed.outcome, message)

    def _page(self, token: str, form: pages.ConfirmForm | None = None, status: int = 200) -> Response:
        link, needed = email_confirmation.look(token), email_confirmation.needs_proof()
        shown = form or pages.ConfirmForm()
        return pages.answer(render_template("pages/confirm.html", form=shown, link=link, needed=needed), status)

    def _submitted(self, token: str) -> Response:
        """The page signs nobody in: a stranger's link, sent by a stranger's page, would sign them in as the stranger."""
        form = pages.ConfirmForm()
        if not form.validate_on_submit():
            return self._page(token, form, 400)
        password = (form.password.data or "") if email_confirmation.needs_proof() else None
        try:
            confirmed = email_confirmation.confirm(token, Proof(password), self.client, sign_in=False)
        except InvalidCredentials as refused:
            form.password.errors = [refused.detail]
            return self._page(token, form, 401)
        return pages.answer(render_template("pages/done.html", title="Confirmed", text=DONE[confirmed.is_sign_up]))


class ResendBody(Body):
    email: Address
    username: Annotated[Username | None, Field(description="of the sign-up to confirm; else the newest three")] = None


class ResendConfirmation(Resource):
    access = Access.OPEN
    tag = "Sign up and sign in"
    sensitive = True

    @contract(body=ResendBody, answer=Message, status=202)
    def post(self, body: ResendBody) -> Message:
        """Mail the confirmation link again. Always the same answer."""
        email_confirmation.resend(body.email, body.username)
        return Message(message="If this address waits for confirmation, an email is on its way.")
