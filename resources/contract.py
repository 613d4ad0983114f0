"""What a call takes and gives, said once beside its method: it checks the request and makes the OpenAPI document."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

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
    `alternatives`: bodies of which one is to be sent, where the fields alone do not say it; a field with `?` is optional.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)
    examples: ClassVar[Examples] = {}
    kept_empty: ClassVar[tuple[str, ...]] = ()
    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_empty_texts(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not any(isinstance(value, str) and not value for value in given.values()):
            return given
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()} - set(cls.kept_empty)
        return {name: None if value == "" and name in optional else value for name, value in given.items()}

    @classmethod
    def is_needed(cls) -> bool:
        """Whether a call without a body, which counts as `{}`, lacks something."""
        return bool(cls.alternatives) or any(field.is_required() for field in cls.model_fields.values())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        told = handler(schema)
        if cls.alternatives:
            whole = handler.resolve_ref_schema(told)
            fields, closed = whole.pop("properties"), whole.pop("additionalProperties")
            whole["oneOf"] = [_alternative(fields, needed, closed) for needed in cls.alternatives]
        return told

    @classmethod
    def worked_examples(cls) -> dict[str, dict[str, Any]]:
        """Bodies that the call takes, by what they are for."""
        needed = {name: field.examples for name, field in cls.model_fields.items() if field.is_required()}
        return cls.examples or {"": {name: (examples or [""])[0] for name, examples in needed.items()}}


def _alternative(fields: dict[str, Any], names: tuple[str, ...], closed: bool) -> dict[str, Any]:
    """A whole object; what it needs cannot be null. Types made of a mere `required` would take anything."""
    kept: dict[str, Any] = {name.rstrip("?"): fields[name.rstrip("?")] for name in names}
    needed = [name for name in names if not name.endswith("?")]
    for name in needed:
        kept[name] = without_null(kept[name])
    return {"type": "object", "properties": kept, "required": needed, "additionalProperties": closed}


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value that is left out or given, never null."""
    kept = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    if "anyOf" in kept:
        kept |= next(kind for kind in kept.pop("anyOf") if kind != {"type": "null"})
    return kept


class Nothing(Body):
    """No fields."""


class Query(Body):
    """The parameters behind `?` of a GET: text, so numbers are read from it; none that the call does not know."""

    model_config = ConfigDict(strict=False)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_texts(cls, given: Any) -> Any:
        """No form sends these: a parameter without a value is a mistake."""
        return given


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
