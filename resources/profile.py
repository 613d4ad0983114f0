"""`/profile`."""

from typing import Any

from pydantic import model_validator

from errors import UsernameTaken
from flows import profile
from resources import answers
from resources.contract import Access, Body, contract
from resources.fields import PersonName, PhoneNumber, Username
from resources.utils import Resource


class ProfileBody(Body):
    username: Username | None = None
    first_name: PersonName | None = None
    last_name: PersonName | None = None
    phone_number: PhoneNumber | None = None

    @model_validator(mode="after")
    def _keeps_its_username(self) -> "ProfileBody":
        if "username" in self.model_fields_set and self.username is None:
            raise ValueError("username cannot be removed")
        return self

    def changes(self) -> dict[str, Any]:
        """Only what was given; null empties a field."""
        return self.model_dump(exclude_unset=True)


class Profile(Resource):
    access = Access.SIGNED_IN

    @contract(answer=answers.Profile)
    def get(self) -> answers.Profile:
        """Your profile."""
        return answers.profile(self.signed_in)

    @contract(body=ProfileBody, answer=answers.Profile, refuses=(UsernameTaken,))
    def put(self, body: ProfileBody) -> answers.Profile:
        """Change your profile: any of the fields, all or nothing; null empties a field."""
        return answers.profile(profile.change(self.signed_in, body.changes(), self.client))
