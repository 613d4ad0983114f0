"""Plain HTTP to real service processes, and sixteen callers let loose at once."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, text

import environment
from tests.conftest import ROOMY, SECRETS, refuse_or_skip
from tests.parts.missing import Missing
from tests.parts.nginx import Fronted, nginx
from tests.parts.ports import free_port
from tests.parts.redis import redis
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

T = TypeVar("T")
CLIENTS = 16
PRODUCTION = {"FLASK_ENV": "production", "BCRYPT_LOG_ROUNDS": "10", "WEB_CONCURRENCY": "2"}
BROWSER = {"User-Agent": "Mozilla/5.0", "Accept": "text/html"}


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 where the connection died first."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        return str(self.json.get("code", ""))


def call(
    door: Service | http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    token: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request; bytes are sent as they are, anything else as JSON."""
    connection = connected(door) if isinstance(door, Service) else door
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    try:
        connection.request(method, path, payload, sent)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


def connected(door: Service, seconds: float = 30) -> http.client.HTTPConnection:
    """A connection that is already open, so that a race or a clock starts with the request."""
    connection = door.connection(seconds)
    connection.connect()
    return connection


def sign_up(door: Service | http.client.HTTPConnection, username: str, email: str, **more: Any) -> Answer:
    return call(door, "POST", "/signup", {"username": username, "email": email, "password": PASSWORD} | more)


def login(door: Service | http.client.HTTPConnection, name: str, password: str = PASSWORD) -> Answer:
    return call(door, "POST", "/login", {"username": name, "password": password})


def path_of(link: str) -> str:
    """A mailed link's path: the services of a test have different addresses."""
    return "/" + link.split("/", 3)[3]


def account(door: Service, mail: MailServer, username: str, **more: Any) -> None:
    """Somebody who has signed up and confirmed."""
    address = f"{username}@example.org"
    answer = sign_up(door, username, address, **more)
    assert answer.status == 201
    link = mail.wait_to(address)[-1].links[0]
    # In production a link alone confirms nothing.
    assert call(door, "POST", path_of(link), {"signup_token": answer.json["signup_token"]}).status == 200


def service(uri: str, smtp: dict[str, str], **changes: str) -> Service:
    """A service that is not started yet."""
    return Service(environment_of(uri, smtp) | changes)


@contextmanager
def behind_nginx(uri: str, smtp: dict[str, str], folder: Path, **changes: str) -> Iterator[Fronted]:
    """A production service of two workers that is reached through nginx, over TLS; limits are counted in Redis."""
    port = free_port()
    with ExitStack() as stack:
        try:
            front = stack.enter_context(nginx(folder / "nginx", port))
            store = stack.enter_context(redis(folder / "redis"))
        except Missing as missing:
            refuse_or_skip(missing)
        fixed = environment_of(uri, smtp) | PRODUCTION | {"PORT": str(port), "RATELIMIT_STORAGE_URI": store}
        yield stack.enter_context(Fronted(front, fixed | changes))


def environment_of(uri: str, smtp: dict[str, str]) -> dict[str, str]:
    """What a service on this database is started with; sixteen may hash at once, for a race is not about queuing."""
    fixed = {"FLASK_ENV": "development", "LOG_FILE": "", "SQLALCHEMY_DATABASE_URI": uri, "DEV_ALLOW_REMOTE": "false"}
    fixed["HASHING_CONCURRENCY"] = str(CLIENTS)
    return fixed | SECRETS | ROOMY | smtp


@contextmanager
def services(uri: str, smtp: dict[str, str], count: int = 2, **changes: str) -> Iterator[list[Service]]:
    """Several processes of one public address on one database, started one after the other as migrations want it."""
    changes = {"BASE_URL": "http://127.0.0.1:5000"} | changes
    with ExitStack() as stack:
        yield [stack.enter_context(service(uri, smtp, **changes)) for _ in range(count)]


def freed(count: int, ready: Callable[[int], Callable[[], T]]) -> list[T]:
    """`ready(i)` prepares each of `count` callers; what it returns is run by all of them at the same moment."""
    barrier = threading.Barrier(count)

    def run(index: int) -> T:
        action = ready(index)
        barrier.wait(30)
        return action()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def at_once(
    doors: Sequence[Service], send: Callable[[int, http.client.HTTPConnection], Answer], count: int = CLIENTS
) -> list[Answer]:
    """Sixteen open connections, spread over the doors, then sixteen requests."""

    def ready(index: int) -> Callable[[], Answer]:
        connection = connected(doors[index % len(doors)])
        return lambda: send(index, connection)

    return freed(count, ready)


def engine_of(uri: str) -> Engine:
    """A plain engine of our own: what the database holds, past the service."""
    return create_engine(
        environment.load(SECRETS | {"FLASK_ENV": "development", "SQLALCHEMY_DATABASE_URI": uri}).sqlalchemy_database_uri
    )


def look(uri: str, statement: str, **values: Any) -> list[Any]:
    """The rows of a SELECT, by a connection of our own."""
    engine = engine_of(uri)
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(statement), values).all())
    finally:
        engine.dispose()


def behind_its_back(uri: str, statement: str, **values: Any) -> None:
    """Changes rows past the service: what no caller could do, or what only time does."""
    engine = engine_of(uri)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement), values)
    finally:
        engine.dispose()


def forget_guesses(uri: str) -> None:
    """So that what comes next need not wait."""
    behind_its_back(uri, "DELETE FROM attempts")


def wait_until_mail_is_settled(uri: str, seconds: float = 240) -> None:
    """Waits until no letter is on its way."""
    deadline = time.monotonic() + seconds
    while left := look(uri, "SELECT count(*) FROM letters WHERE state IN ('ordered', 'written')")[0][0]:
        assert time.monotonic() < deadline, f"{left} letters are still on their way after {seconds} s"
        time.sleep(0.2)
