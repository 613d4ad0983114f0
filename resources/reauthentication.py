"""`/reauthenticate`."""

from typing import ClassVar

from errors import Busy, InvalidCredentials, InvalidMfaCode, MfaRequired, PasswordNotSet, Refusal, TooManyAttempts
from flows import reauthentication
from resources import answers
from resources.contract import Access, Body, Examples, contract
from resources.fields import MfaCode, Password
from resources.utils import Resource


class ReauthenticateBody(Body):
    examples: ClassVar[Examples] = {
        "Password": {"password": "correct-horse-battery"},
        "Password and second factor": {"password": "correct-horse-battery", "mfa_code": "123456"},
    }
    password: Password
    mfa_code: MfaCode | None = None


class Reauthenticate(Resource):
    access = Access.SIGNED_IN
    tag = "Sign up and sign in"
    sensitive = True

    @contract(
        body=ReauthenticateBody,
        answer=answers.TokenAnswer,
        refuses=(InvalidCredentials, PasswordNotSet, MfaRequired, InvalidMfaCode, TooManyAttempts, Busy),
    )
    def post(self, body: ReauthenticateBody) -> answers.TokenAnswer | Refusal:
        """Prove yourself anew in this session, for the calls that want a recent sign-in."""
        found = reauthentication.by_password(self.signed_in, body.password, self.client, body.mfa_code)
        return answers.outcome(found, "Proved anew.")
