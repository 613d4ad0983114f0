"""`/mfa` and `/mfa/recovery-codes`."""

from typing import ClassVar

from flask import Response
from pydantic import BaseModel, Field

from errors import InvalidMfaCode, MfaAlreadyEnabled, MfaNotEnabled, Refusal, TooManyAttempts
from flows import mfa
from resources import answers
from resources.contract import Access, Body, Examples, contract
from resources.fields import MfaCode
from resources.utils import Resource

A_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - an example
CHECKED = (MfaNotEnabled, InvalidMfaCode, TooManyAttempts)


class MfaState(BaseModel):
    mfa_enabled: bool = Field(examples=[True])
    methods: list[str] = Field(examples=[["totp", "recovery_code"]])
    recovery_codes_left: int = Field(examples=[10])


class MfaAnswer(BaseModel):
    """A set-up that begins has the first three; one that is verified has the last two."""

    mfa_secret: str | None = Field(None, examples=[A_SECRET], description="to type into the app")
    provisioning_uri: str | None = Field(None, examples=[f"otpauth://totp/Latchkey:ada?secret={A_SECRET}&issuer=Latchkey"])
    qr_code: str | None = Field(None, examples=["data:image/png;base64,…"], description="the same, to scan: a `data:` URI")
    message: str | None = None
    recovery_codes: list[str] | None = Field(None, description="shown once")


class RecoveryCodes(BaseModel):
    recovery_codes: list[str] = Field(examples=[["4t8k-9qzm-x2v7-h0rd-7c3n-w5jy", "…"]], description="ten, shown once")


class SetUpBody(Body):
    examples: ClassVar[Examples] = {"Begin": {}, "Turn it on": {"mfa_code": "123456"}}
    kept_empty = ("mfa_code",)  # a code that was forgotten must not begin another set-up
    mfa_code: MfaCode | None = None


class CodeBody(Body):
    mfa_code: MfaCode


class Mfa(Resource):
    access = Access.SIGNED_IN
    tag = "Second factors"

    @contract(answer=MfaState)
    def get(self) -> MfaState:
        """Which second factors you have."""
        state = mfa.state(self.signed_in)
        return MfaState(mfa_enabled=bool(state.methods), methods=list(state.methods), recovery_codes_left=state.codes_left)

    @contract(body=SetUpBody, answer=MfaAnswer, refuses=(MfaAlreadyEnabled, InvalidMfaCode), fresh=True)
    def post(self, body: SetUpBody) -> Response:
        """Set up an authenticator app. Without a body this begins, or begins anew; with a code of the app it turns it on."""
        if body.mfa_code is not None:
            codes = mfa.enable(self.signed_in, body.mfa_code, self.client)
            return answers.json({"message": "A second factor is on. Keep the recovery codes.", "recovery_codes": codes})
        offer = mfa.begin(self.signed_in)
        return answers.json({"mfa_secret": offer.secret, "provisioning_uri": offer.uri, "qr_code": offer.picture})

    @contract(body=CodeBody, answer=answers.Message, refuses=CHECKED, fresh=True)
    def delete(self, body: CodeBody) -> answers.Message | Refusal:
        """Turn the second factor off, with one of its codes or a recovery code."""
        return mfa.disable(self.signed_in, body.mfa_code, self.client) or answers.Message(message="The second factor is off.")


class RecoveryCodeSet(Resource):
    access = Access.SIGNED_IN
    tag = "Second factors"

    @contract(body=CodeBody, answer=RecoveryCodes, refuses=CHECKED, fresh=True)
    def post(self, body: CodeBody) -> RecoveryCodes | Refusal:
        """Make a new set of recovery codes; the old one is void."""
        codes = mfa.renew_codes(self.signed_in, body.mfa_code, self.client)
        return codes if isinstance(codes, Refusal) else RecoveryCodes(recovery_codes=codes)
