"""A mail as it arrived, with the questions tests ask about it."""

import html
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property

_ADDRESS = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True)
class Received:
    """One accepted message: the envelope, and the exact bytes sent after DATA."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        """The parsed message, with decoded headers and bodies."""
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """The plain text body, empty if there is none."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The HTML body, empty if there is none."""
        return self._body("html")

    @property
    def links(self) -> list[str]:
        """Every http(s) address a reader could follow, each once, those of the text first."""
        found = _ADDRESS.findall(self.text) + _ADDRESS.findall(self.html)
        return list(dict.fromkeys(html.unescape(link).rstrip(".,;:!?)]") for link in found))

    def _body(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        return str(part.get_content()) if part is not None else ""
