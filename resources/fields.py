"""Field types that several bodies share: shape at the door, by the rules of `services.names`."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema

from services import codes, names, password_policy

NEEDED = "This field is needed."
Username = Annotated[
    str,
    AfterValidator(names.username),
    Field(
        json_schema_extra={
            "pattern": f"^{names.USERNAME.pattern}$",
            "minLength": names.SHORTEST_USERNAME,
            "maxLength": names.LONGEST_USERNAME,
        },
        examples=["ada"],
        description="kept as written, compared without case",
    ),
]
Address = Annotated[
    str,
    Field(
        max_length=names.LONGEST_ADDRESS,
        json_schema_extra={"format": "email", "pattern": f"^{names.ADDRESS.pattern}$"},
        examples=["ada@example.org"],
        description="An ASCII local part without quotes; the domain may be in Unicode (IDNA 2008). Trimmed.",
    ),
    AfterValidator(names.address),
]
PhoneNumber = Annotated[
    str,
    Field(
        max_length=40,
        json_schema_extra={"pattern": f"^{names.PHONE_NUMBER.pattern}$"},
        examples=["+441632960961"],
        description="International form with a country code; kept as E.164, without spaces and signs.",
    ),
    AfterValidator(names.phone_number),
]
PersonName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=names.LONGEST_PERSON_NAME),
    AfterValidator(names.person_name),
]


def _code(text: str) -> str:
    code = codes.normalized(text)
    if not code:
        raise ValueError("This is not a code.")
    return code


MfaCode = Annotated[
    str,
    Field(min_length=1, max_length=64, examples=["123456"], description="code of the authenticator app, or a recovery code"),
    AfterValidator(_code),
]
OneTimeCode = Annotated[
    str,
    Field(min_length=1, max_length=64, examples=["123456"], description="the code that was mailed"),
    AfterValidator(_code),
]
Password = Annotated[
    str,
    Field(max_length=4096, json_schema_extra={"format": "password"}, examples=["correct-horse-battery"]),
]
"""A password that an account has, whatever the policy was when it was set: the door only bounds it."""


class _Policy:
    """The lengths of `password_policy`, which the settings decide, in the document; the policy itself refuses the rest."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        least, most = password_policy.lengths()
        return handler(schema) | {"minLength": least, "maxLength": most, "description": POLICY}


POLICY = (
    "Any characters; the length is counted in code points after Unicode normalization (NFC). Rejected with 422 if it is "
    "common, leaked, easy to guess, or made of the user's own names and address or the service's name and host."
)
NewPassword = Annotated[Password, _Policy()]
"""A password that is being set."""
