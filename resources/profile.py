"""`/profile`."""

from typing import Annotated, Any, ClassVar

from flask import Response
from pydantic import Field, model_validator

from errors import Busy, InvalidCredentials, InvalidImage, ReauthenticationRequired, TooManyAttempts, UsernameTaken
from flows import deletion, export, profile
from resources import answers
from resources.contract import Access, Body, Examples, contract
from resources.fields import Address, Password, PersonName, PhoneNumber, Username
from resources.utils import Resource

PICTURE = "a base64 `data:` URI of a PNG, JPEG or GIF; in a multipart body, the file"
FRESH_FIELDS = {"username", "email", "phone_number"}
"""By these a person is found, or found again."""
A_PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
"""One grey pixel."""


class ProfileBody(Body):
    examples: ClassVar[Examples] = {
        "Names": {"first_name": "Ada", "last_name": "Lovelace"},
        "Nothing in a field": {"phone_number": None},
        "Another address": {"email": "ada@new.example.org"},
        "A picture": {"profile_picture": A_PICTURE},
    }
    kept_empty = ("profile_picture",)
    username: Username | None = None
    first_name: PersonName | None = None
    last_name: PersonName | None = None
    phone_number: PhoneNumber | None = None
    profile_picture: Annotated[str | bytes | None, Field(description=PICTURE)] = None
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


class DeleteProfileBody(Body):
    examples: ClassVar[Examples] = {"": {"password": "correct-horse-battery"}}
    password: Annotated[Password | None, Field(description="wanted of accounts that have one")] = None


class Profile(Resource):
    access = Access.SIGNED_IN
    tag = "Profile"

    @contract(answer=answers.Profile)
    def get(self) -> answers.Profile:
        """Your profile."""
        return answers.profile(self.signed_in, profile.providers(self.signed_in))

    @contract(
        body=ProfileBody,
        answer=answers.Profile,
        refuses=(UsernameTaken, ReauthenticationRequired, InvalidImage, TooManyAttempts, Busy),
        upload="profile_picture",
    )
    def put(self, body: ProfileBody) -> answers.Profile:
        """Change your profile: any fields, all or nothing; null empties one.

        User name, address and phone number require a recent sign-in.
        """
        if FRESH_FIELDS & body.model_fields_set:
            self.require_fresh()
        changed = profile.change(self.signed_in, body.changes(), self.client)
        return answers.profile(changed, profile.providers(changed))

    @contract(
        body=DeleteProfileBody,
        status=204,
        refuses=(InvalidCredentials, TooManyAttempts, Busy),
        fresh=True,
    )
    def delete(self, body: DeleteProfileBody) -> Response:
        """Delete your account: closed at once, and erased later; until then a mailed link brings it back."""
        deletion.begin(self.signed_in, body.password, self.client)
        return answers.empty()


class ProfilePicture(Resource):
    access = Access.SIGNED_IN
    tag = "Profile"

    @contract(status=204)
    def delete(self) -> Response:
        """Remove your picture."""
        profile.change(self.signed_in, {"profile_picture": None}, self.client)
        return answers.empty()


class ProfileExport(Resource):
    access = Access.SIGNED_IN
    tag = "Profile"

    @contract(media=("application/json",), refuses=(Busy,), fresh=True)
    def get(self) -> Response:
        """All that the service holds about you; no secrets."""
        return answers.file(export.of(self.signed_in))
