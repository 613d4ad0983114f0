"""The door frame: the Resource base, who may enter, body parsing, the client's address."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import flask_restful
from flask import Response, current_app, g, request
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError

from database import unit_of_work, was_refused_for_concurrency
from errors import Refusal, ValidationFailed
from extensions import client_address
from flows import entry
from resources import answers, carriage, problems, upload
from resources.audience import FORM
from resources.contract import Access, Body, Contract, Nothing
from resources.fields import NEEDED
from resources.json_gate import Incoming
from resources.peers import refuse_outsiders
from services.client import Client
from services.sessions import SignedIn
from services.tokens import ACCESS, REFRESH, Claims

TRIES = 4
"""How often a call is run that the database refused for the sake of another one."""
KINDS = {
    Access.SIGNED_IN: (ACCESS,),
    Access.EITHER_WAY: (ACCESS,),
    Access.IF_GOOD: (ACCESS,),
    Access.REFRESH: (REFRESH,),
    Access.EITHER_TOKEN: (ACCESS, REFRESH),
}
TOKEN_OR_NONE = (Access.EITHER_WAY, Access.IF_GOOD)
PRESENTED = "latchkey.presented"
"""Where the request keeps what its token says; `g` would outlive it where an app context stays open."""


class Api(flask_restful.Api):
    """Flask's own handlers answer every error; Flask-RESTful's give 500 for our refusals once TESTING is off."""

    def error_router(self, original_handler: Any, e: Exception) -> Any:
        return original_handler(e)


class Resource(flask_restful.Resource):
    """One URL. Each subclass declares `access`, once or for each method, and a contract beside each method.

    `tag`: under which the documentation lists it. `sensitive`: guesses or sends mail, so it has a further limit.
    `over_http`: answered also where FORCE_HTTPS is set, as probes come from within.
    """

    access: ClassVar[Access | dict[str, Access]]
    sensitive: ClassVar[bool] = False
    limited: ClassVar[bool] = True
    page: ClassVar[bool] = False
    tag: ClassVar[str] = "Service"
    over_http: ClassVar[bool] = False
    signed_in: SignedIn
    claims: Claims
    wants_fresh = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "access" not in vars(cls):
            raise TypeError(f"{cls.__name__} does not declare who may enter")

    @classmethod
    def access_of(cls, method: str) -> Access:
        return cls.access if isinstance(cls.access, Access) else cls.access[method]

    @property
    def client(self) -> Client:
        # Both come from outside: a proxy may forward any text as address, and a header may hold control characters.
        agent = "".join(letter for letter in request.user_agent.string if letter.isprintable())
        return Client(client_address(), agent[:400], carriage.presented(), g.get("request_id", ""))

    def dispatch_request(self, **path: str) -> Response:
        """Runs the method in a unit of work; runs it again where the database refused it for the sake of another."""
        name = request.method.lower()
        method = getattr(self, name, None) or self.get
        declared: Contract = method.contract
        with Incoming() as incoming:
            if incoming.raw:
                request.environ.pop(PRESENTED, None)  # judged for its limit, before this body had come
            given = self._enter(name if hasattr(self, name) else "get", declared, incoming)
            for attempt in range(TRIES):
                try:
                    with unit_of_work(self._check_again if hasattr(self, "claims") else None):
                        outcome = method(*given, **path)
                    return _shaped(outcome, declared)
                except DBAPIError as error:
                    if attempt == TRIES - 1 or not was_refused_for_concurrency(error):
                        raise
                    time.sleep(0.02 * 2**attempt)
        raise AssertionError("unreachable")

    def _enter(self, method: str, declared: Contract, incoming: Incoming) -> list[Body | None]:
        access = self.access_of(method)
        if access is Access.DEVELOPMENT:
            refuse_outsiders()
        elif access in KINDS:
            self._identify(access)
        if declared.fresh:
            self.require_fresh()
        if declared.query and request.method in ("GET", "HEAD"):
            return [_parsed(declared.query, _parameters())]
        if request.method in ("GET", "HEAD"):
            return []
        if declared.body is None or (declared.form and request.mimetype == FORM):
            incoming.keep_for_form()
            return [] if declared.body is None else [None]
        given = upload.body(incoming, declared.upload) if declared.upload else incoming.json()
        body = _parsed(declared.body, given)
        return [] if declared.body is Nothing else [body]

    def _identify(self, access: Access) -> None:
        found = presented(access)
        if isinstance(found, Presented):
            self.claims = found.claims
            if ACCESS in KINDS[access] and access is not Access.EITHER_TOKEN:
                self.signed_in = found.signed_in
                answers.promise_idle_time()
        elif found is not None and access is not Access.IF_GOOD:
            raise found

    @property
    def is_signed_in(self) -> bool:
        """Whether an access token came, where the call takes one or none."""
        return hasattr(self, "signed_in")

    def require_fresh(self) -> None:
        """Raises ReauthenticationRequired unless the token tells of a recent sign-in, now and when the call begins to write."""
        self.wants_fresh = True
        entry.require_fresh(self.signed_in)

    def _check_again(self) -> None:
        """Whoever came in by a token writes nothing once its session has ended, however long the call has taken until then."""
        entry.check_again(self.claims, fresh=self.wants_fresh)


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that is good, and its live session."""

    claims: Claims
    signed_in: SignedIn


def presented(access: Access) -> Presented | Refusal | None:
    """What the call's token is worth, judged once for a request; None: none came where none is wanted."""
    if PRESENTED not in request.environ:
        request.environ[PRESENTED] = _judged(access)
    found: Presented | Refusal | None = request.environ[PRESENTED]
    return found


def calling_session() -> str | None:
    """The live session whose token came with a call that takes one."""
    resource = asked()
    if resource is None:
        return None
    name = request.method.lower()
    found = presented(resource.access_of(name if hasattr(resource, name) else "get"))
    return found.signed_in.session_id if isinstance(found, Presented) else None


def caller_id() -> str | None:
    """The account whose live session made this call, as far as that was looked at."""
    found = request.environ.get(PRESENTED)
    return found.signed_in.account.id if isinstance(found, Presented) else None


def _judged(access: Access) -> Presented | Refusal | None:
    if access not in KINDS or (access in TOKEN_OR_NONE and not carriage.is_offered(*KINDS[access])):
        return None
    try:
        claims = carriage.claims(*KINDS[access])
        return Presented(claims, entry.check(claims))
    except Refusal as refused:
        return refused


def _parameters() -> dict[str, str]:
    """What stands behind `?`. Of a repeated one, each reader on the way might take another value: refused."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise ValidationFailed({name: ["Give this once."] for name in repeated})
    return request.args.to_dict()


def _parsed(schema: type[Body], given: Mapping[str, Any]) -> Body:
    try:
        return schema.model_validate(given)
    except ValidationError as error:
        errors: dict[str, list[str]] = {}
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            field = str(fault["loc"][0]) if fault["loc"] else "body"
            errors.setdefault(field, []).append(_sentence(fault["type"], fault["msg"]))
        raise ValidationFailed(errors) from error


def _sentence(kind: str, message: str) -> str:
    if kind == "missing":
        return NEEDED
    if kind == "extra_forbidden":
        return "This call does not know this field."
    return message.removeprefix("Value error, ").rstrip(".") + "."


def _shaped(outcome: BaseModel | Refusal | Response, declared: Contract) -> Response:
    if isinstance(outcome, Refusal):
        return problems.render(outcome)
    if isinstance(outcome, answers.TokenAnswer):
        return carriage.dressed(outcome)
    if isinstance(outcome, BaseModel):
        return answers.json(outcome, declared.status)
    return outcome


def asked() -> type[Resource] | None:
    """The resource that the request is for, if there is one."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "view_class", None)


def has_page() -> bool:
    """Whether the route that was asked for has a page for browsers."""
    return bool(getattr(asked(), "page", False))
