"""`/dev/mailbox`: the mail that development keeps on this machine."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from flask import Response, render_template, request
from pydantic import BaseModel, RootModel

from errors import NotFound
from extensions import settings
from resources import answers, pages
from resources.audience import is_api_client
from resources.contract import Access, contract
from resources.utils import Resource
from services import post

LINK = re.compile(r"https?://[^\s<>\"]+")
SHOWN = 200


class Mail(BaseModel):
    id: str
    time: datetime
    to: str
    subject: str
    text: str
    html: str
    links: list[str]


class Mails(RootModel[list[Mail]]):
    """The latest first."""


class Mailbox(Resource):
    access = Access.DEVELOPMENT
    limited = False

    @contract(answer=Mails, refuses=(NotFound,), media=("text/html",))
    def get(self) -> Response:
        """The development mailbox, newest first."""
        if not settings().uses_mailbox:
            raise NotFound("Mail goes to the SMTP server MAIL_SERVER, so there is no mailbox here.")
        files = sorted(post.mailbox().glob("*.eml"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        messages = [_shown(file) for file in files[:SHOWN]]
        if is_api_client(request):
            return answers.json(messages)
        return pages.answer(render_template("pages/mailbox.html", messages=messages))


def _shown(file: Path) -> dict[str, object]:
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    text = _part(message, "plain")
    return {
        "id": file.stem,
        "time": datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat().replace("+00:00", "Z"),
        "to": str(message["To"]),
        "subject": str(message["Subject"]),
        "text": text,
        "html": _part(message, "html"),
        "links": LINK.findall(text),
    }


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part else ""
