"""`/undo/<token>` and `/not-me/<token>`: the links of security notices, each a page with one button."""

from dataclasses import dataclass
from typing import ClassVar

from flask import Response, render_template, request
from pydantic import BaseModel

from errors import InvalidToken
from flows import notice_links
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


WHAT_ELSE = (
    "This signs out every device, removes the password and any sign-in method added in the last seven days, "
    "and emails you a link to set a new password."
)
DONE = (
    "Every device is signed out, and the password and recently added sign-in methods are removed. "
    "Check your email for a link to set a new password."
)
ADDRESS = _Page("Undo the change", f"Give your account this email address back. {WHAT_ELSE}", f"Undone. {DONE}")
DELETION = _Page("Restore the account", f"Restore your account. {WHAT_ELSE}", f"Your account is back. {DONE}")
NOT_ME = _Page("This wasn't me", f"Secure your account. {WHAT_ELSE}", f"Your account is secured. {DONE}")


class _OneButton(Resource):
    """A link whose GET changes nothing, for mail scanners follow it, and whose POST acts. `texts`: by purpose of the link."""

    access = Access.OPEN
    page = True
    texts: ClassVar[dict[str, _Page]]

    def page_of(self, token: str) -> _Page:
        """Raises InvalidToken where the link would not be accepted."""
        return self.texts[notice_links.look(token, tuple(self.texts))]

    def shown(self, token: str) -> Action | Response:
        page = self.page_of(token)
        return Action(action=page.action) if is_api_client(request) else _rendered(page)

    def acted(self, token: str) -> answers.Message | Response:
        by_browser = not is_api_client(request)
        if by_browser and not pages.ButtonForm().validate_on_submit():
            return _rendered(self.page_of(token), 400)
        page = self.texts[notice_links.redeem(token, tuple(self.texts), self.client)]
        if by_browser:
            return pages.answer(render_template("pages/done.html", title="Done", text=page.done))
        return answers.Message(message=page.done)


def _rendered(page: _Page, status: int = 200) -> Response:
    values = {"title": page.title, "action": page.action, "again": status == 400}
    return pages.answer(render_template("pages/button.html", form=pages.ButtonForm(), **values), status)


class Undo(_OneButton):
    access = Access.OPEN
    tag = "Links of notices"

    texts: ClassVar[dict[str, _Page]] = {notice_links.ADDRESS: ADDRESS, notice_links.DELETION: DELETION}

    @contract(answer=Action, refuses=(InvalidToken,), media=("text/html",))
    def get(self, token: str) -> Action | Response:
        """What this link undoes; a browser gets a page with one button. Changes nothing."""
        return self.shown(token)

    @contract(body=None, answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def post(self, token: str) -> answers.Message | Response:
        """Undo a change of address or the deletion of the account, and shut everybody out."""
        return self.acted(token)


class NotMe(_OneButton):
    access = Access.OPEN
    tag = "Links of notices"

    texts: ClassVar[dict[str, _Page]] = {notice_links.NOT_ME: NOT_ME}

    @contract(answer=Action, refuses=(InvalidToken,), media=("text/html",))
    def get(self, token: str) -> Action | Response:
        """What this link does; a browser gets a page with one button. Changes nothing."""
        return self.shown(token)

    @contract(body=None, answer=answers.Message, refuses=(InvalidToken,), media=("text/html",))
    def post(self, token: str) -> answers.Message | Response:
        """Shut everybody out, after a notice of something that was not you."""
        return self.acted(token)
