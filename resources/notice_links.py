"""`/undo/<token>` and `/not-me/<token>`: the links of security notices, each a page with one button."""

from typing import ClassVar

from flask import Response, render_template, request
from pydantic import BaseModel

from errors import InvalidToken
from flows import not_me, undo
from resources import answers, pages
from resources.audience import is_api_client
from resources.contract import Access, contract
from resources.utils import Resource


class Action(BaseModel):
    action: str


class _OneButton(Resource):
    """A link whose GET changes nothing, for mail scanners follow it, and whose POST acts."""

    access = Access.OPEN
    page = True
    title: ClassVar[str]
    action: ClassVar[str]
    done: ClassVar[str]

    @staticmethod
    def look(token: str) -> None:
        raise NotImplementedError

    def redeem(self, token: str) -> None:
        raise NotImplementedError

    def shown(self, token: str) -> Action | Response:
        self.look(token)
        return Action(action=self.action) if is_api_client(request) else self._page()

    def acted(self, token: str) -> answers.Message | Response:
        by_browser = not is_api_client(request)
        if by_browser and not pages.ButtonForm().validate_on_submit():
            return self._page(400)
        self.redeem(token)
        if by_browser:
            return pages.answer(render_template("pages/done.html", title="Done", text=self.done))
        return answers.Message(message=self.done)

    def _page(self, status: int = 200) -> Response:
        values = {"title": self.title, "action": self.action, "again": status == 400}
        return pages.answer(render_template("pages/button.html", form=pages.ButtonForm(), **values), status)


class Undo(_OneButton):
    access = Access.OPEN
    title = "Undo the change"
    action = "Give your account its former address back, end all its sessions and void its password."
    done = "Undone. All sessions have ended, and a link to set a new password is on its way to you."
    look = staticmethod(undo.look)

    def redeem(self, token: str) -> None:
        undo.redeem(token, self.client)

    @contract(answer=Action, refuses=(InvalidToken,), media=("text/html",))
    def get(self, token: str) -> Action | Response:
        """What this link undoes; a browser gets a page with one button. Changes nothing."""
        return self.shown(token)

    @contract(body=None, answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def post(self, token: str) -> answers.Message | Response:
        """Undo a change of address."""
        return self.acted(token)


class NotMe(_OneButton):
    access = Access.OPEN
    title = "This was not me"
    action = "End all sessions of your account, void its password and cancel any change of its address."
    done = "All sessions have ended and the password is void. A link to set a new one is on its way to you."
    look = staticmethod(not_me.look)

    def redeem(self, token: str) -> None:
        not_me.redeem(token, self.client)

    @contract(answer=Action, refuses=(InvalidToken,), media=("text/html",))
    def get(self, token: str) -> Action | Response:
        """What this link does; a browser gets a page with one button. Changes nothing."""
        return self.shown(token)

    @contract(body=None, answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def post(self, token: str) -> answers.Message | Response:
        """Shut everybody out, after a notice of something that was not you."""
        return self.acted(token)
