"""Hands one letter over: to the SMTP server through Flask-Mail, or to the development mailbox."""

import os
import smtplib
import ssl
from contextlib import suppress
from pathlib import Path

from flask import current_app
from flask_mail import Connection, Message

from extensions import settings


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


def connected(timeout: int) -> smtplib.SMTP:
    """The server, greeted, verified and logged in to; each answer within `timeout` seconds. Raises OSError, SMTPException."""
    chosen = settings()
    context = ssl.create_default_context(cafile=chosen.mail_ca_file)
    server = (chosen.mail_server, chosen.mail_port)
    if chosen.mail_use_ssl:
        host: smtplib.SMTP = smtplib.SMTP_SSL(*server, timeout=timeout, context=context)
    else:
        host = smtplib.SMTP(*server, timeout=timeout)
    try:
        if chosen.mail_use_tls:
            host.starttls(context=context)
        if chosen.mail_username and chosen.mail_password:
            host.login(chosen.mail_username, chosen.mail_password)
    except BaseException:
        host.close()
        raise
    return host


def hand_over(letter_id: str, to: str, subject: str, text: str, html: str) -> None:
    """Delivers, always under the same Message-ID; raises HandOver."""
    message = Message(subject=subject, recipients=[to], body=text, html=html, sender=settings().sender)
    message.msgId = _message_id(letter_id)
    if settings().uses_mailbox:
        _keep(letter_id, message)
    else:
        _send(message)


def _message_id(letter_id: str) -> str:
    return f"<{letter_id}@{settings().sender.rpartition('@')[2].strip('> ') or 'localhost'}>"


def _send(message: Message) -> None:
    try:
        with VerifiedConnection(current_app.extensions["mail"]) as connection:
            connection.send(message)
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
