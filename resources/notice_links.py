"""`/undo/<token>` and `/not-me/<token>`: the links of security notices, each a page with one button."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Page:
    """What a page says: its title and button, what the button does, and that it is done."""

    title: str
    action: str
    done: str


UNDONE = {
    undo.ADDRESS: _Page(
        "Undo the change",
        "Give your account its former address back, end its sessions, void its password and mail a link to set a new one.",
        "Undone. All sessions have ended, and a link to set a new password is on its way to you.",
    ),
    undo.DELETION: _Page(
        "Keep the account",
        "Take the deletion of your account back.",
        "Your account is back. You can sign in again.",
    ),
}
NOT_ME = _Page(
    "This was not me",
    "End all sessions, cancel any change of your address, void your password and mail a link to set a new one.",
    "All sessions have ended and the password is void. A link to set a new one is on its way to you.",
)


class _OneButton(Resource):
    """A link whose GET changes nothing, for mail scanners follow it, and whose POST acts."""

    access = Access.OPEN
    page = True

    def page_of(self, token: str) -> _Page:
        """Raises InvalidToken where the link would not be accepted."""
        raise NotImplementedError

    def redeem(self, token: str) -> _Page:
        raise NotImplementedError

    def shown(self, token: str) -> Action | Response:
        page = self.page_of(token)
        return Action(action=page.action) if is_api_client(request) else _rendered(page)

    def acted(self, token: str) -> answers.Message | Response:
        by_browser = not is_api_client(request)
        if by_browser and not pages.ButtonForm().validate_on_submit():
            return _rendered(self.page_of(token), 400)
        page = self.redeem(token)
        if by_browser:
            return pages.answer(render_template("pages/done.html", title="Done", text=page.done))
        return answers.Message(message=page.done)


def _rendered(page: _Page, status: int = 200) -> Response:
    values = {"title": page.title, "action": page.action, "again": status == 400}
    return pages.answer(render_template("pages/button.html", form=pages.ButtonForm(), **values), status)


class Undo(_OneButton):
    access = Access.OPEN
    tag = "Links of notices"

    def page_of(self, token: str) -> _Page:
        return UNDONE[undo.look(token)]

    def redeem(self, token: str) -> _Page:
        return UNDONE[undo.redeem(token, self.client)]

    @contract(answer=Action, refuses=(InvalidToken,), media=("text/html",))
    def get(self, token: str) -> Action | Response:
        """What this link undoes; a browser gets a page with one button. Changes nothing."""
        return self.shown(token)

    @contract(body=None, answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def post(self, token: str) -> answers.Message | Response:
        """Undo a change of address, or the deletion of the account."""
        return self.acted(token)


class NotMe(_OneButton):
    access = Access.OPEN
    tag = "Links of notices"

    def page_of(self, token: str) -> _Page:
        not_me.look(token)
        return NOT_ME

    def redeem(self, token: str) -> _Page:
        not_me.redeem(token, self.client)
        return NOT_ME

    @contract(answer=Action, refuses=(InvalidToken,), media=("text/html",))
    def get(self, token: str) -> Action | Response:
        """What this link does; a browser gets a page with one button. Changes nothing."""
        return self.shown(token)

    @contract(body=None, answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def post(self, token: str) -> answers.Message | Response:
        """Shut everybody out, after a notice of something that was not you."""
        return self.acted(token)
