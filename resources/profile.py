"""`/profile`."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from errors import ReauthenticationRequired, UsernameTaken
from flows import profile
from resources import answers
from resources.contract import Access, Body, contract
from resources.fields import Address, PersonName, PhoneNumber, Username
from resources.utils import Resource


class ProfileBody(Body):
    username: Username | None = None
    first_name: PersonName | None = None
    last_name: PersonName | None = None
    phone_number: PhoneNumber | None = None
    email: Annotated[Address | None, Field(description="becomes yours by the link that is mailed there")] = None

    @model_validator(mode="after")
    def _keeps_its_names(self) -> "ProfileBody":
        for name in ("username", "email"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be removed")
        return self

    def changes(self) -> dict[str, Any]:
        """Only what was given; null empties a field."""
        return self.model_dump(exclude_unset=True)


class Profile(Resource):
    access = Access.SIGNED_IN

    @contract(answer=answers.Profile)
    def get(self) -> answers.Profile:
        """Your profile."""
        return answers.profile(self.signed_in, profile.providers(self.signed_in))

    @contract(body=ProfileBody, answer=answers.Profile, refuses=(UsernameTaken, ReauthenticationRequired))
    def put(self, body: ProfileBody) -> answers.Profile:
        """Change your profile: any fields, all or nothing; null empties one. A new address wants a recent sign-in."""
        if body.email is not None:
            self.require_fresh()
        changed = profile.change(self.signed_in, body.changes(), self.client)
        return answers.profile(changed, profile.providers(changed))
