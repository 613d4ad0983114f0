"""A real nginx before the real service, with the configuration that is shipped: only ports, names and files are ours."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from .account import Account, account
from .daemon import running
from .missing import Missing
from .ports import LOOPBACK, free_port
from .service import ROOT, Service

INSTALL = "Install nginx (on Debian: apt-get install nginx-light) to test behind a proxy."
NAME = "localhost"
SHIPPED = ROOT / "deploy" / "nginx.conf"
PRODUCTION_PAGE = ROOT / "docs" / "production.md"
MAIN = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
{temporary}
    access_log off;
{servers}
}}
"""

HOP = """
    server {{
        listen {here};
        client_max_body_size 32m;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        location / {{ proxy_pass http://{there}; }}
    }}
"""


@dataclass(frozen=True)
class Front:
    """A running nginx: its two doors, who vouches for it, and the path that it takes off."""

    port: int
    plain_port: int
    folder: Path
    ca: trustme.CA
    path: str = ""

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}{self.path}"

    @property
    def log(self) -> str:
        """What its access log and its error log hold by now."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("log-*")))

    def connection(self, seconds: float = 30, source: str = LOOPBACK) -> http.client.HTTPSConnection:
        """Over TLS, the certificate checked, from this address of the machine."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return http.client.HTTPSConnection(NAME, self.port, timeout=seconds, source_address=(source, 0), context=context)

    def plain(self, seconds: float = 30) -> http.client.HTTPConnection:
        """Over http."""
        return http.client.HTTPConnection(LOOPBACK, self.plain_port, timeout=seconds)


@contextmanager
def nginx(folder: Path, next_port: int, path: str = "") -> Iterator[Front]:
    """Yield an nginx that runs `deploy/nginx.conf`; what listens behind it, a service or a hop, need not run yet.

    `path`: where the service is on the public host, as docs/production.md says.
    """
    authority, plain_port = trustme.CA(), free_port()

    def servers(owner: Account, port: int) -> str:
        shipped = _adapted(owner.folder, port, plain_port, next_port)
        return _replaced(shipped, _moved(shipped, port, path)) if path else shipped

    with _serving(folder, servers, authority) as (owner, port):
        yield Front(port, plain_port, owner.folder, authority, path)


@contextmanager
def hop(folder: Path, next_port: int) -> Iterator[int]:
    """Yield the port of one more proxy, inside: it appends the address it saw, and hands on how the client came."""

    def servers(owner: Account, port: int) -> str:
        return HOP.format(here=f"{LOOPBACK}:{port}", there=f"{LOOPBACK}:{next_port}")

    with _serving(folder, servers) as (_, port):
        yield port


@contextmanager
def _serving(
    folder: Path, servers: Callable[[Account, int], str], authority: trustme.CA | None = None
) -> Iterator[tuple[Account, int]]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Missing(INSTALL)
    with account(folder, ["www-data", "nobody"]) as owner:
        if authority:
            _certify(owner, authority)
        with running(owner, lambda port: _command(program, owner, servers(owner, port)), _listens) as port:
            yield owner, port


def _command(program: str, owner: Account, servers: str) -> list[str]:
    """The command that serves these servers; nothing is written outside the owner's folder."""
    built_with = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    kinds = re.findall(r"--http-([a-z-]+)-temp-path=", built_with)
    temporary = "\n".join(f"    {kind.replace('-', '_')}_temp_path {owner.folder}/{kind};" for kind in kinds)
    main = owner.folder / "main.conf"
    main.write_text(MAIN.format(folder=owner.folder, temporary=temporary, servers=servers))
    return [program, "-p", str(owner.folder), "-c", str(main), "-e", "stderr"]


def _adapted(folder: Path, port: int, plain_port: int, service_port: int) -> str:
    """The shipped file, each of these words changed; one that is not there any more is an error."""
    return _replaced(SHIPPED.read_text(), _changes(folder, port, plain_port, service_port))


def _moved(text: str, port: int, path: str) -> Mapping[str, str]:
    """What docs/production.md tells to change for a service under a path: the address, and the public locations."""
    public = re.search(r"    location / \{.*?location = /metrics \{.*?\n    \}\n", text, re.DOTALL)
    told = re.search(r"```nginx\n(location /auth/ \{.*?)```", PRODUCTION_PAGE.read_text(), re.DOTALL)
    if not (public and told):
        raise RuntimeError("deploy/nginx.conf or docs/production.md does not hold the public locations any more")
    return {
        public[0]: told[1].replace("/auth/", f"{path}/"),
        f"default https://{NAME}:{port};": f"default https://{NAME}:{port}{path};",
    }


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    for ours, theirs in changes.items():
        if ours not in text:
            raise RuntimeError(f"deploy/nginx.conf does not hold {ours!r} any more")
        text = text.replace(ours, theirs)
    return text


def _changes(folder: Path, port: int, plain_port: int, service_port: int) -> Mapping[str, str]:
    return {
        "listen 80;": f"listen {LOOPBACK}:{plain_port};",
        "listen 443 ssl": f"listen {LOOPBACK}:{port} ssl",
        "server api:5000;": f"server {LOOPBACK}:{service_port};",
        "default https://auth.example.org;": f"default https://{NAME}:{port};",
        "server_name auth.example.org;": f"server_name {NAME};",
        "/etc/nginx/tls/fullchain.pem": f"{folder}/fullchain.pem",
        "/etc/nginx/tls/privkey.pem": f"{folder}/privkey.pem",
        "/var/log/nginx/": f"{folder}/log-",
    }


def _certify(owner: Account, authority: trustme.CA) -> None:
    # RSA: with it OpenSSL offers suites without forward secrecy too, unless the configuration forbids them.
    issued = authority.issue_cert(NAME, key_type=trustme.KeyType.RSA)
    key = owner.folder / "privkey.pem"
    issued.private_key_pem.write_to_path(str(key))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(owner.folder / "fullchain.pem"), append=True)
    if owner.user is not None:
        os.chown(key, owner.user, -1)


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), 2).close()
    except OSError:
        return False
    return True


class Fronted(Service):
    """The service as its callers see it: through nginx, over TLS, at the address that stands in its mails."""

    def __init__(self, front: Front, env: Mapping[str, str]) -> None:
        """Prepare the service; `env` names the port that nginx was told."""
        super().__init__({"BASE_URL": front.url, "TRUSTED_PROXIES": "1", "FORCE_HTTPS": "true"} | dict(env))
        self.front = front
        self.url = front.url

    def connection(self, seconds: float = 30) -> http.client.HTTPConnection:
        return self.front.connection(seconds)
