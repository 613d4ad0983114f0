"""`/login` and `/logout`."""

from typing import Annotated, ClassVar

from flask import Response
from pydantic import Field

from errors import (
    AccountInactive,
    Busy,
    EmailNotConfirmed,
    InvalidCredentials,
    InvalidMfaCode,
    MfaRequired,
    Refusal,
    TokenInvalid,
    TooManyAttempts,
    ValidationFailed,
)
from flows import auth
from resources import answers, carriage
from resources.contract import Access, Body, Examples, contract
from resources.fields import NEEDED, MfaCode, Password
from resources.problem_guide import AN_MFA_TOKEN
from resources.utils import Resource

NOT_HERE = "The second step takes only mfa_token and mfa_code."
SIGN_IN_REFUSALS = (EmailNotConfirmed, AccountInactive, MfaRequired, InvalidMfaCode, TooManyAttempts, Busy)

NAME_AND_PASSWORD = {"username": "ada", "password": "correct-horse-battery"}


class LoginBody(Body):
    """The first step has `username` and `password`, and may have `mfa_code`; the second has `mfa_token` and `mfa_code`."""

    examples: ClassVar[Examples] = {
        "Name and password": NAME_AND_PASSWORD,
        "Both factors at once": NAME_AND_PASSWORD | {"mfa_code": "123456"},
        "The second step": {"mfa_token": AN_MFA_TOKEN, "mfa_code": "123456"},
    }
    kept_empty = ("mfa_token",)
    alternatives = (("username", "password", "mfa_code?"), ("mfa_token", "mfa_code"))
    username: Annotated[str, Field(max_length=320, examples=["ada"], description="user name or address")] | None = None
    password: Password | None = None
    mfa_token: Annotated[str, Field(max_length=200, description="what `mfa_required` gave")] | None = None
    mfa_code: MfaCode | None = None

    def check_step(self) -> None:
        """Raises ValidationFailed where a field of the step is missing, or one of the other step came with it."""
        second = self.mfa_token is not None
        wanted, foreign = (("mfa_code",), ("username", "password")) if second else (("username", "password"), ())
        faults = {name: [NEEDED] for name in wanted if getattr(self, name) is None}
        faults |= {name: [NOT_HERE] for name in foreign if getattr(self, name) is not None}
        if faults:
            raise ValidationFailed(faults)


class Login(Resource):
    access = Access.OPEN
    tag = "Sign up and sign in"
    sensitive = True

    @contract(body=LoginBody, answer=answers.TokenAnswer, refuses=(InvalidCredentials, TokenInvalid, *SIGN_IN_REFUSALS))
    def post(self, body: LoginBody) -> answers.TokenAnswer | Refusal:
        """Sign in with a user name or an address, and a password; or send the second factor that this asked for."""
        body.check_step()
        if body.mfa_token is not None:
            found = auth.second_step(body.mfa_token, body.mfa_code or "", self.client)
        else:
            found = auth.sign_in(body.username or "", body.password or "", self.client, body.mfa_code)
        return answers.outcome(found, "Signed in.")


class Logout(Resource):
    access = Access.EITHER_TOKEN
    tag = "Sign up and sign in"

    @contract(answer=answers.Message)
    def post(self) -> Response:
        """End the session of the access or refresh token."""
        auth.sign_out(self.claims, self.client)
        answer = answers.json(answers.Message(message="Signed out."))
        if carriage.came_by_cookie():  # a browser that sends no cookies heeds this header with an error in its console
            # Not "cookies" or "storage": they reach other services of the domain, and the front end's own origin.
            answer.headers["Clear-Site-Data"] = '"cache"'
        return carriage.cleared(answer)
