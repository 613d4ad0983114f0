"""Field types that several bodies share: shape at the door, by the rules of `services.names`."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from services import codes, names

NEEDED = "This field is needed."
Username = Annotated[
    str,
    AfterValidator(names.username),
    Field(json_schema_extra={"pattern": f"^{names.USERNAME.pattern}$"}, examples=["ada"]),
]
Address = Annotated[
    str,
    Field(max_length=320, examples=["ada@example.org"]),
    AfterValidator(names.address),
]
PhoneNumber = Annotated[
    str,
    Field(max_length=40, examples=["+441632960961"]),
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
Password = Annotated[str, Field(max_length=4096, examples=["correct-horse-battery"])]
"""The door only bounds it; the policy is `services.passwords`'."""
