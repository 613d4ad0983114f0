"""`/auth/link` and `/auth/link/code`: proof of the account that a provider's sign-in is to be linked to."""

from typing import Annotated, ClassVar

from pydantic import Field

from errors import InvalidCredentials, InvalidOtp, InvalidToken, ProviderAlreadyLinked, Refusal, ValidationFailed
from flows import link_proof
from resources import answers, provider_auth
from resources.auth import SIGN_IN_REFUSALS
from resources.contract import Access, Body, Examples, contract
from resources.fields import OneTimeCode, Password
from resources.problem_guide import A_LINK_TOKEN
from resources.utils import Resource

ONE_PROOF = "Send either password or otp_code."
LinkToken = Annotated[
    str, Field(min_length=1, max_length=200, examples=[A_LINK_TOKEN], description="what `link_proof_required` gave")
]


class LinkProofBody(Body):
    examples: ClassVar[Examples] = {
        "Password": {"link_token": A_LINK_TOKEN, "password": "correct-horse-battery"},
        "Mailed code": {"link_token": A_LINK_TOKEN, "otp_code": "123456"},
    }
    link_token: LinkToken
    password: Password | None = None
    otp_code: OneTimeCode | None = None


class LinkProof(Resource):
    access = Access.OPEN
    tag = "Providers"
    sensitive = True

    @contract(
        body=LinkProofBody,
        answer=answers.TokenAnswer,
        refuses=(InvalidToken, InvalidCredentials, InvalidOtp, ProviderAlreadyLinked, *SIGN_IN_REFUSALS),
    )
    def post(self, body: LinkProofBody) -> answers.TokenAnswer | Refusal:
        """Prove that the account is yours, by its password or a mailed code; links the provider and signs in."""
        token, browser = body.link_token, provider_auth.browser()
        if body.password is not None and body.otp_code is None:
            return answers.outcome(link_proof.by_password(token, body.password, browser, self.client), "Signed in.")
        if body.otp_code is not None and body.password is None:
            return answers.outcome(link_proof.by_code(token, body.otp_code, browser, self.client), "Signed in.")
        raise ValidationFailed({"password": [ONE_PROOF], "otp_code": [ONE_PROOF]})


class LinkCodeBody(Body):
    link_token: LinkToken


class LinkCode(Resource):
    access = Access.OPEN
    tag = "Providers"
    sensitive = True

    @contract(body=LinkCodeBody, answer=answers.Message, status=202, refuses=(InvalidToken,))
    def post(self, body: LinkCodeBody) -> answers.Message:
        """Mail a code for `/auth/link` to the address of the account."""
        link_proof.send_code(body.link_token, provider_auth.browser())
        return answers.Message(message="A code is on its way to the address of the account.")
