"""`flask doctor` on the certificate that people meet: trusted, for the name in BASE_URL, and not about to expire."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from services import clock
from tests.parts.authority import Authority, Certificate
from tests.parts.ports import LOOPBACK, free_port
from tests.resources.patient import Admit, admit, migrated

__all__ = ["admit", "migrated"]


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The one authority that this machine trusts."""
    authority = Authority(tmp_path / "trusted")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    return authority


@contextmanager
def served(certificate: Certificate | None) -> Iterator[dict[str, str]]:
    """The settings of a service whose public address is a server with that certificate; without one it speaks no TLS."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line, suppress(OSError):
                if certificate is None:
                    line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(certificate.chain, certificate.key)
                with context.wrap_socket(line, server_side=True) as spoken:
                    spoken.recv(1)

        threading.Thread(target=answer, daemon=True).start()
        yield {"BASE_URL": f"https://{LOOPBACK}:{listener.getsockname()[1]}"}


@pytest.mark.parametrize(
    ("days", "status", "word"), [(90, "ok", "is trusted, until"), (13, "warning", "expires on"), (-1, "fault", "has expired")]
)
def test_a_certificate_that_ends_soon_is_told_of(admit: Admit, trusted: Authority, days: int, status: str, word: str) -> None:
    shown = trusted.issue("shown", LOOPBACK, not_after=clock.now() + timedelta(days=days))
    with served(shown) as settings:
        admit(**settings).examined().one("certificate", status, word)


def test_a_certificate_that_nobody_vouches_for_is_told_of(admit: Admit, trusted: Authority, tmp_path: Path) -> None:
    with served(Authority(tmp_path / "own").issue("shown", LOOPBACK)) as settings:
        admit(**settings).examined().one("certificate", "warning", "not trusted by this machine", "public authority")


@pytest.mark.parametrize("other", ["127.0.0.2", "other.example.org"])
def test_a_certificate_of_another_name_is_a_fault(admit: Admit, trusted: Authority, other: str) -> None:
    with served(trusted.issue("shown", other)) as settings:
        admit(**settings).examined().one("certificate", "fault", "for another name", LOOPBACK)


def test_a_public_address_that_speaks_no_tls_is_a_fault(admit: Admit, trusted: Authority) -> None:
    with served(None) as settings:
        admit(**settings).examined().one("certificate", "fault", "speaks no TLS")


def test_a_public_address_that_is_not_reached_from_here_is_no_fault(admit: Admit) -> None:
    address = f"https://{LOOPBACK}:{free_port()}"
    admit(BASE_URL=address).examined().one("certificate", "ok", "cannot be reached from here")
    assert admit(BASE_URL="http://127.0.0.1:5000").examined().of("certificate") == [], "there is none"
