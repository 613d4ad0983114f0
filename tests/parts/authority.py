"""A certificate authority of our own, and certificates that it has signed, as files that a server reads."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """`chain`: the certificate. `key`: its key, without a passphrase."""

    chain: Path
    key: Path


@dataclass(frozen=True)
class Tls:
    """What a server speaks TLS by. `clients`: the authority of the clients that it knows."""

    certificate: Certificate
    clients: Path


class Authority:
    """Its own certificate lies in `ca_file`; what it signs, in the same folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._authority = folder, trustme.CA()
        self.ca_file = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def issue(
        self, name: str, *identities: str, common_name: str | None = None, not_after: datetime | None = None
    ) -> Certificate:
        """For these hosts, or for the client of that common name, written to `name.pem` and `name.key`, or over them."""
        made = self._authority.issue_cert(*identities, common_name=common_name, not_after=not_after)
        found = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        found.chain.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        found.key.touch(mode=0o600)
        found.key.write_bytes(made.private_key_pem.bytes())
        return found
