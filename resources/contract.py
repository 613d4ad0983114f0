"""What a call takes and gives, said once beside its method: it checks the request and makes the OpenAPI document."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from errors import Refusal

Examples = dict[str, dict[str, Any]]
Method = TypeVar("Method", bound=Callable[..., Any])


class Access(Enum):
    """Who may enter."""

    OPEN = "anybody"
    SIGNED_IN = "an access token of a live session"
    EITHER_WAY = "anybody, or an access token of a live session"
    IF_GOOD = "anybody; an access token that is not good is not looked at"
    REFRESH = "a refresh token"
    EITHER_TOKEN = "an access or refresh token of a live session"  # noqa: S105 - not a password
    DEVELOPMENT = "anybody on this machine, in development only"


class Body(BaseModel):
    """A request body: strict types, and no field that the call does not know.

    `examples`: whole bodies by what they are for; without any, one is made of the examples of the fields that are needed.
    An empty text in an optional field counts as null, since forms send what a person left empty; `kept_empty` names exceptions.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)
    examples: ClassVar[Examples] = {}
    kept_empty: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_empty_texts(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not any(isinstance(value, str) and not value for value in given.values()):
            return given
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()} - set(cls.kept_empty)
        return {name: None if value == "" and name in optional else value for name, value in given.items()}

    @classmethod
    def worked_examples(cls) -> dict[str, dict[str, Any]]:
        """Bodies that the call takes, by what they are for."""
        needed = {name: field.examples for name, field in cls.model_fields.items() if field.is_required()}
        return cls.examples or {"": {name: (examples or [""])[0] for name, examples in needed.items()}}


class Nothing(Body):
    """No fields."""


class Query(Body):
    """The parameters behind `?` of a GET: text, so numbers are read from it; none that the call does not know."""

    model_config = ConfigDict(strict=False)


@dataclass(frozen=True)
class Contract:
    """`body` None: the method reads the request itself. `answer` None: not JSON. `media`: what else it may answer.

    `also`: what else it may answer that is no refusal, by status, without a body of its own.
    `upload`: the field that may be a file, of a multipart body.
    `fresh`: the token must tell of a recent sign-in. `form`: a browser may send the hosted page's form instead of JSON.
    `query`: what a GET takes behind `?`; None: whatever stands there is not looked at.
    """

    body: type[Body] | None
    answer: type[BaseModel] | None
    status: int
    refuses: tuple[type[Refusal], ...]
    media: tuple[str, ...]
    also: dict[int, str]
    upload: str | None
    fresh: bool
    form: bool
    query: type[Query] | None = None


def contract(  # noqa: PLR0913 - one declaration, all by name
    *,
    body: type[Body] | None = Nothing,
    answer: type[BaseModel] | None = None,
    status: int = 200,
    refuses: tuple[type[Refusal], ...] = (),
    media: tuple[str, ...] = (),
    also: dict[int, str] | None = None,
    upload: str | None = None,
    fresh: bool = False,
    form: bool = False,
    query: type[Query] | None = None,
) -> Callable[[Method], Method]:
    """Declares a resource's method."""

    def declare(method: Method) -> Method:
        method.contract = Contract(body, answer, status, refuses, media, also or {}, upload, fresh, form, query)  # type: ignore[attr-defined]
        return method

    return declare
