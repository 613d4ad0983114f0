"""What granian refuses by itself comes without a body, as docs/security.md says; all else has the shape of every error."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SECRETS
from tests.parts.ports import LOOPBACK
from tests.parts.service import Service
from tests.resources.test_cut_bodies import BODY, HEAD, declared, talk

OWN = {
    "nonsense": (400, b"nonsense\r\n\r\n"),
    "a bad header": (400, b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n"),
    "two lengths": (400, HEAD.encode() + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{"),
    "an unknown coding": (400, HEAD.encode() + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    "a long path": (414, b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "many headers": (431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: x\r\n" % n for n in range(200)) + b"\r\n"),
    "a large header": (431, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 600_000 + b"\r\n\r\n"),
}
OURS = {
    "a large body": (413, "payload_too_large", declared(BODY.ljust(65537), 65537)),
    "a body declared larger than it may be": (413, "payload_too_large", declared(b"", 2_000_000_000)),
    "a body shorter than declared": (400, "malformed_json", declared(BODY, len(BODY) + 20)),
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder: Path = tmp_path_factory.mktemp("granian")
    own = {
        "FLASK_ENV": "production",
        "SERVER": "granian",
        "WEB_CONCURRENCY": "1",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'granian.db'}",
        "MAIL_DEFAULT_SENDER": "door@example.org",
        "MAIL_SERVER": LOOPBACK,
        "SCHEDULER_ENABLED": "false",
        "RATELIMIT_ENABLED": "false",
        "BCRYPT_LOG_ROUNDS": "10",
        "LOG_FILE": "",
    }
    with Service(SECRETS | own) as running:
        yield running.port


@pytest.mark.parametrize("what", OWN)
def test_its_own_refusals_have_no_body(port: int, what: str) -> None:
    status, sent = OWN[what]
    assert talk(port, sent) == (status, {})


@pytest.mark.parametrize("what", OURS)
def test_the_services_own_have_the_shape_of_every_error(port: int, what: str) -> None:
    status, code, sent = OURS[what]
    got, problem = talk(port, sent)
    assert (got, problem["code"], problem["status"]) == (status, code, status)
