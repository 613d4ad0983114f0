"""Hands one letter over: to the SMTP server through Flask-Mail, or to the development mailbox."""

import os
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from email import policy
from email.mime.base import MIMEBase
from pathlib import Path
from typing import Any

from flask import current_app
from flask_mail import Connection, Message

from extensions import settings
from services import names

AUTOMATIC = {"Auto-Submitted": "auto-generated"}
"""RFC 3834 §5: no answer by a machine is wanted, such as an absence note."""


class HandOver(Exception):
    """The letter was not taken; its text is the SMTP answer's code or the kind of fault, never an address."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class VerifiedConnection(Connection):
    """Flask-Mail's connection with certificates verified and a time-out; it has neither."""

    def configure_host(self) -> smtplib.SMTP:
        return connected(settings().mail_timeout)

    def __exit__(self, *raised: object) -> None:
        """A goodbye that fails neither hides the server's answer nor makes an accepted letter unsent."""
        if self.host is not None:
            with suppress(OSError, smtplib.SMTPException):
                self.host.quit()
            self.host.close()


class _Mail(Message):
    """Its lines stay as Flask-Mail folded them: folded once more, a long sender's name with a comma would make two senders."""

    def _message(self) -> MIMEBase:
        message = super()._message()
        message.policy = policy.SMTP.clone(refold_source="none")
        return message


class _Text(str):
    """Of a login: smtplib would encode it as ASCII; servers take UTF-8 (RFC 4616 §2)."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return super().encode("utf-8")


class _Smtp(smtplib.SMTP):
    def auth(self, mechanism: str, authobject: Callable[..., Any], *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        def answer(challenge: bytes | None = None) -> Any:
            found = authobject(challenge)
            return None if found is None else _Text(found)

        return super().auth(mechanism, answer, initial_response_ok=initial_response_ok)


class _SmtpOverTls(_Smtp, smtplib.SMTP_SSL):
    pass


def connected(timeout: int) -> smtplib.SMTP:
    """The server, greeted, verified and logged in to; each answer within `timeout` seconds. Raises OSError, SMTPException."""
    chosen = settings()
    context = ssl.create_default_context(cafile=chosen.mail_ca_file)
    server = (chosen.mail_server, chosen.mail_port)
    if chosen.mail_use_ssl:
        host: smtplib.SMTP = _SmtpOverTls(*server, timeout=timeout, context=context)
    else:
        host = _Smtp(*server, timeout=timeout)
    try:
        if chosen.mail_use_tls:
            host.starttls(context=context)
        if chosen.mail_username and chosen.mail_password:
            host.login(_Text(chosen.mail_username), _Text(chosen.mail_password))
    except BaseException:
        host.close()
        raise
    return host


def hand_over(letter_id: str, to: str, subject: str, text: str, html: str) -> None:
    """Delivers, always under the same Message-ID; raises HandOver."""
    recipients: list[str | tuple[str, str]]
    try:
        recipients = [names.for_mail_server(to)]
    except names.Malformed as error:
        raise HandOver("no address", permanent=True) from error
    sender = settings().sender
    message = _Mail(subject, recipients, text, html, sender=str(sender), extra_headers=AUTOMATIC)
    message.msgId = f"<{letter_id}@{sender.address.rpartition('@')[2]}>"
    if settings().uses_mailbox:
        _keep(letter_id, message)
    else:
        _send(message)


def _send(message: Message) -> None:
    try:
        with VerifiedConnection(current_app.extensions["mail"]) as connection:
            connection.send(message, settings().sender.address)
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(next(iter(error.recipients.values()))[0]) from error
    except smtplib.SMTPDataError as error:
        raise _refused(error.smtp_code) from error
    except (OSError, smtplib.SMTPException) as error:
        # Also a refused password or sender: the operator's mistake, not the letter's. It waits until that is mended.
        code = getattr(error, "smtp_code", "")
        raise HandOver(f"{type(error).__name__} {code}".strip(), permanent=False) from error


def _refused(code: int) -> HandOver:
    """What the server says of this letter. 530 (RFC 4954 §6) asks for a password, which is not the letter's fault."""
    return HandOver(f"SMTP answer {code}", permanent=code >= 500 and code != 530)


def mailbox() -> Path:
    return Path(current_app.instance_path) / "mailbox"


def _keep(letter_id: str, message: Message) -> None:
    folder = mailbox()
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{letter_id}.part"
    beside.write_bytes(message.as_bytes())
    os.replace(beside, folder / f"{letter_id}.eml")
