"""`/sessions`."""

from datetime import datetime

from flask import Response
from pydantic import BaseModel, Field, RootModel

from errors import NotFound, ReauthenticationRequired
from flows import sessions
from resources import answers
from resources.contract import Access, contract
from resources.utils import Resource
from services import devices


class ListedSession(BaseModel):
    id: str = Field(examples=[answers.AN_ID])
    created_at: datetime
    last_activity: datetime
    ip: str = Field(examples=["203.0.113.7"])
    user_agent: str = Field(examples=["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"])
    device: str = Field(examples=["Firefox on Linux"])
    current: bool = Field(examples=[True], description="the session of the token that asks")


class SessionList(RootModel[list[ListedSession]]):
    """The latest first."""


class Sessions(Resource):
    access = Access.SIGNED_IN
    tag = "Sessions and record"

    @contract(answer=SessionList)
    def get(self) -> SessionList:
        """Where you are signed in."""
        return SessionList(
            [
                ListedSession(
                    id=session.id,
                    created_at=session.created_at,
                    last_activity=session.last_activity,
                    ip=session.ip,
                    user_agent=session.user_agent,
                    device=devices.name(session.user_agent),
                    current=session.id == self.signed_in.session_id,
                )
                for session in sessions.listed(self.signed_in)
            ]
        )

    @contract(status=204, fresh=True)
    def delete(self) -> Response:
        """End all your sessions but this one."""
        sessions.end_others(self.signed_in, self.client)
        return answers.empty()


class OneSession(Resource):
    access = Access.SIGNED_IN
    tag = "Sessions and record"

    @contract(status=204, refuses=(NotFound, ReauthenticationRequired))
    def delete(self, session_id: str) -> Response:
        """End one of your sessions. Any but your own requires a recent sign-in."""
        if session_id != self.signed_in.session_id:
            self.require_fresh()
        sessions.end_one(self.signed_in, session_id, self.client)
        return answers.empty()
