"""`/change-password`."""

from typing import ClassVar

from errors import Busy, InvalidCredentials, PasswordNotSet, ReauthenticationRequired, TooManyAttempts
from flows import password_change
from resources import answers
from resources.contract import Access, Body, Examples, contract
from resources.fields import NewPassword, Password
from resources.utils import Resource


class ChangePasswordBody(Body):
    examples: ClassVar[Examples] = {"": {"current_password": "correct-horse-battery", "new_password": "nine-purple-lanterns"}}
    current_password: Password
    new_password: NewPassword


class ChangePassword(Resource):
    access = Access.SIGNED_IN
    tag = "Passwords"

    @contract(
        body=ChangePasswordBody,
        answer=answers.Message,
        refuses=(InvalidCredentials, PasswordNotSet, ReauthenticationRequired, TooManyAttempts, Busy),
    )
    def post(self, body: ChangePasswordBody) -> answers.Message:
        """Change your password; your other sessions end, and a change of address that waits for its link is cancelled.

        Where a second factor is on, this wants a recent sign-in.
        """
        if self.signed_in.account.mfa_enabled_at:
            self.require_fresh()
        password_change.change(self.signed_in, body.current_password, body.new_password, self.client)
        return answers.Message(message="Your password is changed. You are signed out everywhere else.")
