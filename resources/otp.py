"""`/send-otp` and `/verify-otp`."""

from typing import Any, ClassVar

from errors import InvalidOtp, Refusal, ValidationFailed
from extensions import settings
from flows import otp
from resources import answers
from resources.auth import SIGN_IN_REFUSALS
from resources.contract import Access, Body, Examples, contract
from resources.fields import NEEDED, Address, MfaCode, OneTimeCode, Password
from resources.utils import Resource

NOT_HERE = "This call does not know this field when it is sent with a token."


class SendOtpBody(Body):
    examples: ClassVar[Examples] = {"To sign in": {"email": "ada@example.org"}, "With a token, to oneself": {}}
    email: Address | None = None


class SendOtp(Resource):
    access = Access.EITHER_WAY
    tag = "Second factors"
    sensitive = True

    @contract(body=SendOtpBody, answer=answers.Message, status=202)
    def post(self, body: SendOtpBody) -> answers.Message:
        """Mail a code to sign in with; with an access token, one to prove yourself anew. Always the same answer."""
        if self.is_signed_in:
            _refuse(email=body.email)
            otp.send_own(self.signed_in)
        elif body.email is None:
            raise ValidationFailed({"email": [NEEDED]})
        else:
            otp.send(body.email)
        return answers.Message(message="If this address has an account, a code is on its way.")


class VerifyOtpBody(Body):
    examples: ClassVar[Examples] = {
        "Sign in": {"email": "ada@example.org", "otp_code": "123456", "password": "correct-horse-battery"},
        "Sign in, with a second factor": {
            "email": "ada@example.org",
            "otp_code": "123456",
            "password": "correct-horse-battery",
            "mfa_code": "4t8k-9qzm-x2v7-h0rd-7c3n-w5jy",
        },
        "With a token, to prove oneself anew": {"otp_code": "123456"},
    }
    email: Address | None = None
    otp_code: OneTimeCode
    password: Password | None = None
    mfa_code: MfaCode | None = None


class VerifyOtp(Resource):
    access = Access.EITHER_WAY
    tag = "Second factors"
    sensitive = True

    @contract(body=VerifyOtpBody, answer=answers.TokenAnswer, refuses=(InvalidOtp, *SIGN_IN_REFUSALS))
    def post(self, body: VerifyOtpBody) -> answers.TokenAnswer | Refusal:
        """Sign in with a mailed code and the password; with an access token, prove yourself anew by the code."""
        if self.is_signed_in:
            _refuse(email=body.email, password=body.password)
            return answers.outcome(otp.step_up(self.signed_in, body.otp_code, self.client, body.mfa_code), "Proved anew.")
        if body.email is None:
            raise ValidationFailed({"email": [NEEDED]})
        if body.password is None and not settings().otp_passwordless_login:
            raise ValidationFailed({"password": [NEEDED]})
        return answers.outcome(otp.sign_in(body.email, body.otp_code, body.password, self.client, body.mfa_code), "Signed in.")


def _refuse(**fields: Any) -> None:
    """Raises ValidationFailed where one of these was given."""
    if given := {name: [NOT_HERE] for name, value in fields.items() if value is not None}:
        raise ValidationFailed(given)
