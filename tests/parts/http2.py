"""The few frames of HTTP/2 that one request takes, written by hand: clients refuse to send what is not allowed."""

import socket
import ssl
from collections.abc import Sequence

HEADERS, RST_STREAM, SETTINGS, GOAWAY = 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
"""Of the static table (RFC 7541, appendix A); 0 for another one."""

Field = tuple[bytes, bytes]


def request(line: ssl.SSLSocket, fields: Sequence[Field]) -> int | str:
    """Sends these fields byte for byte. The status, or "refused" for a stream or connection error (RST_STREAM, GOAWAY)."""
    # A zero byte begins a literal field that is not indexed (RFC 7541 §6.2.2).
    block = b"".join(b"\0" + _literal(name) + _literal(value) for name, value in fields)
    line.sendall(PREFACE + _frame(SETTINGS, 0, 0, b"") + _frame(HEADERS, END_STREAM | END_HEADERS, 1, block))
    with line.makefile("rb") as answer:
        while head := answer.read(9):
            payload = answer.read(int.from_bytes(head[:3], "big"))
            if head[3] in (RST_STREAM, GOAWAY):
                return "refused"
            if head[3] == HEADERS:
                return _status(payload)
    raise ConnectionError("closed without an answer")


def connected(port: int, context: ssl.SSLContext, name: str, host: str) -> ssl.SSLSocket:
    """A connection on which both sides have agreed to speak HTTP/2."""
    context.set_alpn_protocols(["h2"])
    line = context.wrap_socket(socket.create_connection((host, port), 30), server_hostname=name)
    if line.selected_alpn_protocol() != "h2":
        raise ConnectionError("the server does not speak HTTP/2")
    return line


def _literal(text: bytes) -> bytes:
    """Without Huffman coding (RFC 7541 §5.2)."""
    if len(text) > 126:
        raise ValueError("longer texts take more than one byte of length")
    return bytes([len(text)]) + text


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _status(block: bytes) -> int:
    while block[0] & 0xE0 == 0x20:  # an update of the dynamic table's size comes first
        block = block[1:]
    return STATUS.get(block[0] & 0x7F, 0) if block[0] & 0x80 else 0
