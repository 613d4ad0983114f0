"""Through a whole life the service calls the hosts that its settings name, and nobody else."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.attacks import doors
from tests.attacks.doors import call
from tests.conftest import refuse_or_skip, start_database
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.parts.missing import Missing
from tests.parts.outgoing import Place, Watch
from tests.parts.ports import LOOPBACK
from tests.parts.redis import redis
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.visitors import ada, settings_of

ADDRESSES = ("SQLALCHEMY_DATABASE_URI", "RATELIMIT_STORAGE_URI", "GOOGLE_DISCOVERY_URL")
MAIL = ("MAIL_SERVER", "MAIL_PORT")
ITSELF = (socket.gethostname(), 0)
"""Looked up by smtplib, which greets a mail server with this machine's whole name (RFC 5321 §4.1.1.1)."""
PLANTS = {
    "by Python": "import socket\nsocket.socket().connect_ex(('{host}', {port}))\n",
    "by name": "import socket\nsocket.getaddrinfo('localhost', {port})\n",
    "by a datagram": "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('{host}', {port}))\n",
    "by a library in C": (
        "import psycopg, threading\n"
        "address = 'postgresql://a@{host}:{port}/a?connect_timeout=250'\n"
        "threading.Thread(target=psycopg.connect, args=[address], daemon=True).start()\n"
    ),
}


@pytest.fixture
def realm() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture
def settings(smtp: dict[str, str], mail_server: MailServer, realm: Realm, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a production service: PostgreSQL, Redis, a mail server and a provider, each a server of its own."""
    mail_server.clear()
    with ExitStack() as stack:
        uri = start_database(stack, "postgresql", tmp_path)
        try:
            counts = stack.enter_context(redis(tmp_path))
        except Missing as missing:
            refuse_or_skip(missing)
        own = {"RATELIMIT_STORAGE_URI": counts, "OUTBOUND_HOSTS": LOOPBACK} | settings_of(realm.discovery_url)
        yield doors.environment_of(uri, smtp) | doors.PRODUCTION | own


def named_by(settings: dict[str, str]) -> set[Place]:
    """The places that the settings name."""
    parts = [urlsplit(settings[name]) for name in ADDRESSES]
    server, port = (settings[name] for name in MAIL)
    return {(part.hostname or "", part.port or 0) for part in parts} | {(server, int(port))}


def live(door: Service, mail: MailServer, watch: Watch, realm: Realm) -> None:
    """Sign-up, mail, sign-in, a reset, and a sign-in with the provider."""
    doors.account(door, mail, "bea")
    watch.look(door.pid, door.port)
    access = doors.login(door, "bea").json["access_token"]
    assert call(door, "GET", "/profile", token=access).status == 200
    assert call(door, "POST", "/forgot-password", {"email": "bea@example.org"}).status == 202
    mail.wait_to("bea@example.org", count=2)
    watch.look(door.pid, door.port)
    away = call(door, "GET", "/auth/google")
    back = realm.sign_in(away.headers["Location"], **ada())
    cookie = {"Cookie": away.headers["Set-Cookie"].partition(";")[0]}
    assert call(door, "GET", f"/auth/google/callback?{back}", headers=cookie).status == 200
    assert call(door, "GET", "/readyz").json["status"] == "ok"
    watch.look(door.pid, door.port)


def test_every_connection_is_one_that_the_settings_name(
    settings: dict[str, str], mail_server: MailServer, realm: Realm, tmp_path: Path
) -> None:
    watch = Watch(tmp_path / "watch")
    with Service(settings | watch.settings) as door:
        live(door, mail_server, watch, realm)
    print(f"\ncalled: {sorted(watch.seen)}")
    assert watch.seen - {ITSELF} == named_by(settings)


@pytest.mark.parametrize("kind", PLANTS)
def test_one_more_connection_is_seen(
    settings: dict[str, str], mail_server: MailServer, realm: Realm, tmp_path: Path, kind: str
) -> None:
    """The control: a line that calls a place of its own, in the code of the service."""
    watch = Watch(tmp_path / "watch")
    with socket.create_server((LOOPBACK, 0)) as stranger:
        host, port = stranger.getsockname()
        door = Service(settings | watch.settings)
        with (door.folder / "services" / "letters.py").open("a", encoding="utf-8") as code:
            code.write(PLANTS[kind].format(host=host, port=port))
        with door:
            live(door, mail_server, watch, realm)
    assert watch.seen - {ITSELF} - named_by(settings) == {("localhost" if kind == "by name" else host, port)}
