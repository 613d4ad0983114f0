"""The mail server: reached, certified, logged in to, and willing to take our sender. No mail is sent unless asked for."""

import smtplib
import socket
import ssl
from contextlib import suppress

from commands.doctor.findings import SECONDS, Finding, Findings, fault, ok, warning
from config import Settings
from extensions import settings
from services import mint, post

CURES: tuple[tuple[type[Exception], str, str], ...] = (
    (
        ssl.SSLCertVerificationError,
        "its certificate is not trusted",
        "Set MAIL_SERVER to the name in the certificate, or MAIL_CA_FILE to the authority that signed it.",
    ),
    (
        smtplib.SMTPNotSupportedError,
        "it does not offer what the settings want (STARTTLS, or a login)",
        "Use port 587 with MAIL_USE_TLS=true, or 465 with MAIL_USE_TLS=false and MAIL_USE_SSL=true.",
    ),
    (
        smtplib.SMTPAuthenticationError,
        "it refuses the login",
        "Check MAIL_USERNAME and MAIL_PASSWORD (Gmail: an App Password).",
    ),
    (socket.gaierror, "its name is unknown", "Check MAIL_SERVER."),
    (ConnectionRefusedError, "nothing listens there", "Check MAIL_SERVER and MAIL_PORT."),
    (
        TimeoutError,
        f"no answer within {SECONDS} seconds",
        "Check MAIL_SERVER and MAIL_PORT, and whether a firewall is between.",
    ),
    (ssl.SSLError, "it speaks no TLS on this port", "Use port 465 for MAIL_USE_SSL, 587 for MAIL_USE_TLS."),
    (smtplib.SMTPException, "it answers in another way than a mail server does", "Check MAIL_SERVER and MAIL_PORT."),
    (OSError, "it cannot be reached", "Check MAIL_SERVER, MAIL_PORT and MAIL_CA_FILE."),
)
"""Each kind of fault, the special before the general."""


def examined(mail_to: str | None) -> Findings:
    """Greets the server as the job does, names the sender, and leaves; or sends one mail to `mail_to`."""
    chosen = settings()
    server = f"{chosen.mail_server}:{chosen.mail_port}"
    if chosen.uses_mailbox:
        yield ok("mail", "kept in the development mailbox, nothing leaves this machine")
        return
    yield from _login(chosen)
    try:
        yield from _asked(server, chosen.sender.address)
        if mail_to:
            yield from _sent(mail_to)
    except (OSError, smtplib.SMTPException) as error:
        # smtplib calls a server that is silent disconnected.
        why, cure = _explained(error.__context__ if isinstance(error.__context__, TimeoutError) else error)
        yield fault("mail", f"{server}: {why}", cure)


def _explained(error: BaseException) -> tuple[str, str]:
    """What is wrong, and the cure."""
    return next((why, cure) for kind, why, cure in CURES if isinstance(error, kind))


def _login(chosen: Settings) -> list[Finding]:
    if bool(chosen.mail_username) == bool(chosen.mail_password):
        return []
    return [warning("mail", "no login is tried", "Set both MAIL_USERNAME and MAIL_PASSWORD, or none.")]


def _asked(server: str, sender: str) -> Findings:
    host = post.connected(SECONDS)
    try:
        code, _ = host.mail(sender)
        host.rset()
        if code == 250:
            yield ok("mail", f"{server} takes mail from {sender}")
        else:
            cure = "Set MAIL_DEFAULT_SENDER to an address that this login may use."
            yield fault("mail", f"{server} refuses the sender {sender} ({code})", cure)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            host.quit()
        host.close()


def _sent(address: str) -> Findings:
    subject, text = f"{settings().service_name}: a mail from flask doctor", "Mail from this service arrives."
    try:
        post.hand_over(mint.identifier(), address, subject, f"{text}\n", f"<p>{text}</p>")
    except post.HandOver as refused:
        yield fault("mail", f"the mail was not taken: {refused}", "Read what the code means at your mail provider.")
    else:
        yield ok("mail", f"one mail was handed over for {address}")
