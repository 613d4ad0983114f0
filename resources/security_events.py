"""`/security-events`."""

import re
from datetime import datetime
from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from flows import security_events
from resources import answers
from resources.contract import Access, Query, contract
from resources.utils import Resource
from services import audit, devices

EVENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _digits(text: object) -> object:
    """ASCII digits only: pydantic would also read `1_0`, `+10` and `10.0`."""
    if isinstance(text, str) and not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("Give a whole number in digits")
    return text


def _event_id(text: str) -> str:
    """The sentence is the one for an unknown event, and nothing that a database cannot compare gets there."""
    if not EVENT_ID.fullmatch(text):
        raise ValueError(audit.UNKNOWN_EVENT)
    return text


class Page(Query):
    limit: Annotated[int, Field(ge=1, le=100), BeforeValidator(_digits)] = 20
    before: Annotated[str, AfterValidator(_event_id), Field(json_schema_extra={"format": "uuid"})] | None = None


class SecurityEvent(BaseModel):
    id: str = Field(examples=[answers.AN_ID])
    time: datetime
    # Checked as text only: a row that a newer version wrote is shown, not an error.
    kind: Annotated[
        str,
        Field(
            description="More may come: tolerate those that you do not know.",
            json_schema_extra={"enum": list(get_args(audit.Kind))},
        ),
    ]
    ip: str = Field(examples=["203.0.113.7"])
    device: str = Field(examples=["Firefox on Linux"])


class SecurityEventList(BaseModel):
    """The latest first. `next`: what to give as `before` for the following page; null on the last one."""

    events: list[SecurityEvent]
    next: str | None


class SecurityEvents(Resource):
    access = Access.SIGNED_IN
    tag = "Sessions and record"

    @contract(query=Page, answer=SecurityEventList)
    def get(self, page: Page) -> SecurityEventList:
        """What happened to your account, the latest first."""
        found, following = security_events.listed(self.signed_in, page.limit, page.before)
        events = [
            SecurityEvent(id=event.id, time=event.time, kind=event.kind, ip=event.ip, device=devices.name(event.user_agent))
            for event in found
        ]
        return SecurityEventList(events=events, next=following)
