"""Whom a process and its children call: by Python's audit events, and by the kernel's list, which has what C code opens."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

Place = tuple[str, int]
"""Host and port; the port is 0 where a name is looked up for none."""
LISTENS = "0A"
HOOK = '''
import json, os, sys

def note(event, given):
    """PEP 578. A datagram's address is the last of its arguments."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        place = given[-1]
    elif event == "socket.getaddrinfo":
        place = given[:2]
    elif event in ("socket.gethostbyname", "socket.gethostbyaddr"):
        place = given[0], 0
    else:
        return
    with open(os.environ["OUTGOING_NOTES"], "a") as notes:
        notes.write(json.dumps(place, default=str) + "\\n")

sys.addaudithook(note)
'''


class Watch:
    """`settings`: what a service is started with, so that each of its processes is watched from its first line."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
        self.notes = folder / "notes"
        self.notes.touch()
        self.settings = {"PYTHONPATH": str(folder), "OUTGOING_NOTES": str(self.notes)}
        self.by_kernel: set[Place] = set()

    def look(self, pid: int, own_port: int) -> None:
        """Notes whom the process and its children are connected with now. `own_port`: where they are called themselves."""
        inodes = {inode for one in family(pid) for inode in _sockets(one)}
        self.by_kernel |= {peer for inode, local, peer in _connections() if inode in inodes and local != own_port}

    @property
    def seen(self) -> set[Place]:
        """Whom they called or looked up so far."""
        return self.by_kernel | {_place(json.loads(line)) for line in self.notes.read_text(encoding="utf-8").splitlines()}


def _place(told: object) -> Place:
    """A socket in the file system has no port."""
    host, port = told[:2] if isinstance(told, list) else (told, 0)
    return str(host), int(port or 0)


def family(pid: int) -> Iterator[int]:
    """The process and all that came of it."""
    yield pid
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def _sockets(pid: int) -> Iterator[str]:
    with suppress(FileNotFoundError):
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                target = os.readlink(one)
                if target.startswith("socket:["):
                    yield target[8:-1]


def _connections() -> Iterator[tuple[str, int, Place]]:
    """Inode, own port and peer of each TCP connection of this machine (proc_net_tcp.rst of Linux)."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, peer, state, *rest = line.split()
            if state != LISTENS:
                yield rest[5], int(local.rpartition(":")[2], 16), _peer(peer)


def _peer(text: str) -> Place:
    """The address stands there in words of four bytes, each in the order of this machine."""
    words, _, port = text.rpartition(":")
    raw = b"".join(bytes.fromhex(words[at : at + 8])[::-1] for at in range(0, len(words), 8))
    address = ip_address(raw)
    return str(getattr(address, "ipv4_mapped", None) or address), int(port, 16)
