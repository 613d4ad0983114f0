"""`/sessions`."""

from datetime import datetime

from flask import Response
from pydantic import BaseModel, RootModel

from errors import NotFound
from flows import sessions
from resources import answers
from resources.contract import Access, contract
from resources.utils import Resource
from services import devices


class ListedSession(BaseModel):
    id: str
    created_at: datetime
    last_activity: datetime
    ip: str
    user_agent: str
    device: str
    current: bool


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

    @contract(status=204)
    def delete(self) -> Response:
        """End all your sessions but this one."""
        sessions.end_others(self.signed_in, self.client)
        return answers.empty()


class OneSession(Resource):
    access = Access.SIGNED_IN
    tag = "Sessions and record"

    @contract(status=204, refuses=(NotFound,))
    def delete(self, session_id: str) -> Response:
        """End one of your sessions."""
        sessions.end_one(self.signed_in, session_id, self.client)
        return answers.empty()
