"""`/signup`."""

from typing import ClassVar

from errors import Busy, SignupClosed, UsernameTaken
from flows import signup
from resources import answers
from resources.contract import Access, Body, Examples, contract
from resources.fields import Address, NewPassword, PersonName, PhoneNumber, Username
from resources.utils import Resource

ADA = {"username": "ada", "email": "ada@example.org", "password": "correct-horse-battery"}


class SignUpBody(Body):
    examples: ClassVar[Examples] = {
        "What is needed": ADA,
        "With a name and a telephone": ADA | {"first_name": "Ada", "last_name": "Lovelace", "phone_number": "+441632960961"},
    }
    username: Username
    email: Address
    password: NewPassword
    first_name: PersonName | None = None
    last_name: PersonName | None = None
    phone_number: PhoneNumber | None = None


class SignUp(Resource):
    access = Access.OPEN
    tag = "Sign up and sign in"

    @contract(body=SignUpBody, answer=answers.SignedUp, status=201, refuses=(UsernameTaken, SignupClosed, Busy))
    def post(self, body: SignUpBody) -> answers.SignedUp:
        """Sign up. The answer is the same whether or not the address has an account; the rest is in the mail."""
        details = body.model_dump(include={"first_name", "last_name", "phone_number"})
        token = signup.begin(body.username, body.email, body.password, self.client, **details)
        said = "Check your email for what to do next."
        return answers.SignedUp(username=body.username, email=body.email, message=said, signup_token=token)
