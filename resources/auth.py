"""`/login` and `/logout`."""

from typing import Annotated

from pydantic import Field

from errors import AccountInactive, EmailNotConfirmed, InvalidCredentials
from flows import auth
from resources import answers
from resources.contract import Access, Body, contract
from resources.fields import Password
from resources.utils import Resource


class LoginBody(Body):
    username: Annotated[str, Field(max_length=320, examples=["ada"], description="user name or address")]
    password: Password


class Login(Resource):
    access = Access.OPEN
    sensitive = True

    @contract(body=LoginBody, answer=answers.TokenAnswer, refuses=(InvalidCredentials, EmailNotConfirmed, AccountInactive))
    def post(self, body: LoginBody) -> answers.TokenAnswer:
        """Sign in with a user name or an address, and a password."""
        return answers.token_answer(auth.sign_in(body.username, body.password, self.client), "Signed in.")


class Logout(Resource):
    access = Access.EITHER_TOKEN

    @contract(answer=answers.Message)
    def post(self) -> answers.Message:
        """End the session of the access or refresh token."""
        auth.sign_out(self.claims, self.client)
        return answers.Message(message="Signed out.")
