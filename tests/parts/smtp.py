"""A mail server of our own that speaks real SMTP, with faults on demand."""

import asyncio
import hmac
import secrets
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from .listener import Listener, certified
from .ports import LOOPBACK, free_port
from .received import Received

Security = Literal["plain", "starttls", "ssl"]
Mechanism = Literal["PLAIN", "LOGIN", "CRAM-MD5"]
MECHANISMS: tuple[Mechanism, ...] = ("PLAIN", "LOGIN", "CRAM-MD5")


class MailServer:
    """Collects what is sent to it; `answers`, `data_answers` and `delay` script its faults.

    `answers` maps a recipient to the replies to give at RCPT, `data_answers` to those after DATA,
    one used up by each attempt; a recipient without replies left is accepted. `delay` is how many
    seconds DATA waits for its reply. `attempts` lists every recipient that was asked for,
    `mechanisms` the way of each login that was right.
    """

    def __init__(
        self,
        security: Security = "plain",
        user: str | None = None,
        password: str | None = None,
        mechanism: Mechanism | None = None,
    ) -> None:
        """Prepare the server; with `user` and `password` a client has to log in, by PLAIN or LOGIN unless one is named."""
        self.security, self.user, self.password = security, user, password
        self.offered = (mechanism,) if mechanism else ("PLAIN", "LOGIN")
        self.mechanisms: list[str] = []
        self.host, self.port = LOOPBACK, free_port()
        self.messages: list[Received] = []
        self.attempts: list[str] = []
        self.answers: dict[str, list[str]] = {}
        self.data_answers: dict[str, list[str]] = {}
        self.delay = 0.0
        self._arrived = threading.Condition()
        self._controller: Listener | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="latchkey-mail-")
        self.ca_file = Path(self._folder.name, "ca.pem")
        self._tls = certified(self.ca_file)

    def start(self) -> None:
        """Listen on the server's port; again after `stop`, to play a server that came back."""
        self._controller = Listener(_Rules(self), self.host, self.port, **self._options())
        self._controller.start()

    def stop(self) -> None:
        """Stop listening and drop every connection; what arrived is kept."""
        controller, self._controller = self._controller, None
        if controller is not None:
            controller.drop_clients()
            controller.stop()

    def clear(self) -> None:
        """Forget the messages and attempts so far."""
        with self._arrived:
            self.messages.clear()
            self.attempts.clear()

    def wait_for(self, count: int, seconds: float = 10) -> list[Received]:
        """Return all messages once at least `count` have arrived; raise TimeoutError otherwise."""
        return self._wait(lambda _: True, count, seconds, "any address")

    def wait_to(self, address: str, count: int = 1, seconds: float = 10) -> list[Received]:
        """Return the messages to one address once at least `count` have arrived."""
        wanted = address.lower()
        return self._wait(lambda mail: wanted in map(str.lower, mail.recipients), count, seconds, address)

    def keep(self, mail: Received) -> None:
        """Store a message and wake those who wait for it."""
        with self._arrived:
            self.messages.append(mail)
            self._arrived.notify_all()

    def _wait(self, fits: Callable[[Received], bool], count: int, seconds: float, whom: str) -> list[Received]:
        def found() -> list[Received]:
            return [mail for mail in self.messages if fits(mail)]

        with self._arrived:
            if not self._arrived.wait_for(lambda: len(found()) >= count, seconds):
                what = f"{len(found())} of {count} messages to {whom} came in {seconds} s"
                raise TimeoutError(f"{what}; recipients asked for: {self.attempts}")
            return found()

    def _options(self) -> dict[str, Any]:
        """Name the chosen mode in aiosmtpd's words; a given host name spares a slow lookup."""
        options: dict[str, Any] = {"server_hostname": "mail.example.org"}
        if self.security == "ssl":
            options |= {"ssl_context": self._tls}
        if self.security == "starttls":
            options |= {"tls_context": self._tls, "require_starttls": True}
        if self.user is not None:
            # aiosmtpd knows of STARTTLS only, and would refuse logins over implicit TLS too.
            options |= {"auth_require_tls": self.security == "starttls"}
            options |= {"auth_exclude_mechanism": [name for name in MECHANISMS if name not in self.offered]}
            options |= {"authenticator": self._check}
        return options

    def _check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        given = (data.login, data.password) if isinstance(data, LoginPassword) else None
        wanted = ((self.user or "").encode(), (self.password or "").encode())
        return self.judged(mechanism, given is not None and all(map(secrets.compare_digest, given, wanted)))

    def judged(self, mechanism: str, ok: bool) -> AuthResult:
        """Note a login that was right."""
        if ok:
            self.mechanisms.append(mechanism)
        return AuthResult(success=ok, handled=ok)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._folder.cleanup()


class _Rules:
    """The hooks aiosmtpd calls for each command; they run in the server's thread."""

    def __init__(self, mail: MailServer) -> None:
        self._mail = mail

    async def auth_CRAM__MD5(self, server: SMTP, args: list[str]) -> AuthResult:
        """RFC 2195, which aiosmtpd does not know."""
        challenge = b"<1896.697170952@mail.example.org>"
        answer = await server.challenge_auth(challenge)
        password = (self._mail.password or "").encode()
        wanted = f"{self._mail.user} {hmac.new(password, challenge, 'md5').hexdigest()}".encode()
        return self._mail.judged("CRAM-MD5", isinstance(answer, bytes) and secrets.compare_digest(answer, wanted))

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """Want a login first; aiosmtpd's own `auth_required` warns about implicit TLS."""
        if self._mail.user is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        self._mail.attempts.append(address)
        reply = _next(self._mail.answers, address) or "250 OK"
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the message before the wait: a client may give up on what a server has taken."""
        scripted = [_next(self._mail.data_answers, name) for name in envelope.rcpt_tos]
        reply = next((answer for answer in scripted if answer), "250 OK")
        if reply.startswith("2"):
            self._mail.keep(_received(envelope))
        if self._mail.delay:
            await asyncio.sleep(self._mail.delay)
        return reply


def _next(replies: dict[str, list[str]], address: str) -> str | None:
    queue = replies.get(address)
    return queue.pop(0) if queue else None


def _received(envelope: Envelope) -> Received:
    content = envelope.content or b""
    raw = content.encode() if isinstance(content, str) else content
    return Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw)
