"""`/auth/<provider>`, its callback and link, and `/auth/exchange`."""

import re
from typing import Annotated, Literal
from urllib.parse import urlencode, urlsplit

from flask import Response, request
from pydantic import BaseModel, Field

from errors import (
    InvalidToken,
    LastSignInMethod,
    LinkProofRequired,
    NotFound,
    OauthCancelled,
    OauthFailed,
    ProviderAlreadyLinked,
    ProviderNotConfigured,
    ProviderUnavailable,
    ReauthenticationRequired,
    Refusal,
    SignupClosed,
    UsernameTaken,
    ValidationFailed,
)
from extensions import settings
from flows import provider_link, provider_sign_in, provider_step_up
from flows.provider_sign_in import Visit
from resources import answers
from resources.auth import SIGN_IN_REFUSALS
from resources.contract import Access, Body, Query, contract
from resources.fields import MfaCode
from resources.utils import Presented, Resource, presented
from services import mint
from services.providers import Person
from services.sessions import SignedIn

COOKIE_SECONDS = 1260
"""Ten minutes at the provider, one for the page's code, and ten to prove whose account it is: all in one browser."""
NOT_HERE = "This call takes a second factor for a step-up only."
PORTS = {"http": 80, "https": 443}
A_CODE = "bT9kQ2mZ4uWc0QnT6Vb1yKfR8sXeJ2hLd5pGa9oIi3U"
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
BROKEN = (ProviderNotConfigured, OauthFailed, ProviderUnavailable)


class DepartureQuery(Query):
    state: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="given back to FRONTEND_URL as it is")] | None
    ) = None
    ticket: Annotated[str, Field(max_length=200, description="what POST /auth/<provider>/link put here")] | None = None
    here: Annotated[Literal["1"], Field(description="put here by the redirect to this host, which is made once")] | None = None


class ProviderDeparture(Resource):
    access = Access.OPEN
    tag = "Providers"

    @contract(query=DepartureQuery, status=302, refuses=(InvalidToken, *BROKEN))
    def get(self, query: DepartureQuery, provider: str) -> Response:
        """Send the browser to the provider."""
        provider_sign_in.look(provider)
        if request.method == "HEAD":
            return answers.empty()
        if not (_is_own_host() or query.here):
            # The cookie must be set where the provider sends the browser back to. A proxy may hide the host: not for ever.
            asked = query.model_dump(exclude_none=True) | {"here": "1"}
            return answers.redirect(f"{settings().address}/auth/{provider}?{urlencode(asked)}")
        secret = browser() or mint.secret()
        answer = answers.redirect(provider_sign_in.depart(provider, secret, query.state, query.ticket))
        secure = settings().over_https
        answer.set_cookie(_cookie(), secret, max_age=COOKIE_SECONDS, secure=secure, httponly=True, samesite="Lax", path="/")
        return answer


class ExchangeCode(BaseModel):
    """What a page would get: for POST /auth/exchange."""

    code: str
    message: str


class ProviderArrival(Resource):
    access = Access.OPEN
    tag = "Providers"
    visit: Visit | None = None
    person: Person | None = None

    def dispatch_request(self, **path: str) -> Response:
        """Where there is a page, it is told everything, also what went wrong."""
        try:
            return self._settled(**path)
        except Refusal as refused:
            if not settings().frontend_url:
                raise
            return self._to_page(error=refused.code)

    def _settled(self, **path: str) -> Response:
        """Once more where somebody may have taken name, address or identity between our look and our writing."""
        try:
            return super().dispatch_request(**path)
        except (UsernameTaken, ProviderAlreadyLinked, OauthFailed):
            if self.person is None:
                raise
            return super().dispatch_request(**path)

    @contract(
        answer=answers.TokenAnswer,
        refuses=(*SIGN_IN_REFUSALS, LinkProofRequired, SignupClosed, ProviderAlreadyLinked, OauthCancelled, *BROKEN),
        also={302: "A code, or what went wrong, for the page at FRONTEND_URL."},
    )
    def get(self, provider: str) -> answers.TokenAnswer | Refusal | Response:
        """Where the provider sends the browser back to. Signs in, or takes a code to the page at FRONTEND_URL."""
        if request.method == "HEAD":
            return answers.empty()  # the visit is for the GET that follows
        visit, person = self._arrived(provider)
        if settings().frontend_url:
            return self._to_page(code=provider_sign_in.code_for(person, visit, self.client))
        if visit.link or visit.step_up:
            code = provider_sign_in.code_for(person, visit, self.client)
            return answers.json(ExchangeCode(code=code, message="Send this to /auth/exchange with your token."))
        return answers.outcome(provider_sign_in.sign_in(person, browser(), self.client), "Signed in.")

    def _arrived(self, provider: str) -> tuple[Visit, Person]:
        """Once for each request: the visit and its code are good once, also where the database wants the call again."""
        if self.visit is None:
            self.visit = provider_sign_in.come_back(provider, browser() or "", request.args.get("state", ""))
        if self.person is None:
            given = request.args
            provider_sign_in.check_consent(provider, given.get("error"))
            self.person = provider_sign_in.identify(provider, self.visit, given.get("code"), given.get("iss"))
        return self.visit, self.person

    def _to_page(self, **told: str) -> Response:
        state = {"state": self.visit.app_state} if self.visit and self.visit.app_state else {}
        return answers.redirect(f"{settings().frontend_url}/auth/callback#{urlencode(told | state)}")


class AuthorizationUrl(BaseModel):
    authorization_url: str = Field(examples=["https://auth.example.org/auth/google?ticket=…"])


class ProviderLink(Resource):
    access = Access.SIGNED_IN
    tag = "Providers"

    @contract(answer=AuthorizationUrl, refuses=(ProviderNotConfigured, ProviderAlreadyLinked), fresh=True)
    def post(self, provider: str) -> AuthorizationUrl:
        """Begin to link your account to the provider: open the address within a minute."""
        return AuthorizationUrl(authorization_url=provider_link.begin(self.signed_in, provider))

    @contract(status=204, refuses=(ProviderNotConfigured, NotFound, LastSignInMethod), fresh=True)
    def delete(self, provider: str) -> Response:
        """Take the link to the provider away."""
        provider_link.end(self.signed_in, provider, self.client)
        return answers.empty()


class ProviderStepUp(Resource):
    access = Access.SIGNED_IN
    tag = "Providers"

    @contract(answer=AuthorizationUrl, refuses=(ProviderNotConfigured, NotFound))
    def post(self, provider: str) -> AuthorizationUrl:
        """Begin a step-up at the provider. Open the address within a minute, and exchange the code with this token."""
        return AuthorizationUrl(authorization_url=provider_step_up.begin(self.signed_in, provider))


class ExchangeBody(Body):
    code: Annotated[str, Field(min_length=1, max_length=200, examples=[A_CODE], description="what came back to the page")]
    mfa_code: MfaCode | None = None


class Exchange(Resource):
    access = Access.IF_GOOD
    tag = "Providers"

    @contract(
        body=ExchangeBody,
        answer=answers.TokenAnswer,
        refuses=(InvalidToken, LinkProofRequired, ReauthenticationRequired, ProviderAlreadyLinked, *SIGN_IN_REFUSALS),
        also={204: "The link is made."},
    )
    def post(self, body: ExchangeBody) -> answers.TokenAnswer | Refusal | Response:
        """Exchange the code of a provider sign-in for tokens; or make the link (204) or step up, with the token of its session.

        `mfa_code` belongs to a step-up alone; a sign-in is continued by `POST /login`.
        """
        if self.is_signed_in and provider_step_up.is_meant(body.code):
            proved = provider_step_up.finish(body.code, self.signed_in, self.client, body.mfa_code)
            return answers.outcome(proved, "Proved anew.")
        if body.mfa_code is not None:
            raise ValidationFailed({"mfa_code": [NOT_HERE]})
        found = provider_sign_in.exchange(body.code, self._of_link(), browser(), self.client)
        return answers.empty() if found is None else answers.outcome(found, "Signed in.")

    def _of_link(self) -> SignedIn | Refusal | None:
        found = presented(self.access)
        return found.signed_in if isinstance(found, Presented) else found


def _is_own_host() -> bool:
    """Whether the browser asked at BASE_URL's host, which it spells in lower case and without the scheme's own port."""
    own = urlsplit(settings().address)
    try:
        asked = urlsplit(f"{own.scheme}://{request.host}")
        return (asked.hostname, asked.port or PORTS[own.scheme]) == (own.hostname, own.port or PORTS[own.scheme])
    except ValueError:
        return False


def _cookie() -> str:
    return settings().cookie_name("visit")


def browser() -> str | None:
    """The secret that ties a visit to this browser, where it came along; kept over several tabs."""
    found = request.cookies.get(_cookie(), "")
    return found if SECRET.fullmatch(found) else None
