"""Multipart bodies, byte by byte (RFC 7578)."""

BOUNDARY = "walkedbyacat"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def text(name: str, value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _part(f'name="{name}"', "", raw)


def file(content: bytes, filename: str = "picture.png", kind: str = "image/png", name: str = "profile_picture") -> bytes:
    return _part(f'name="{name}"; filename="{filename}"', f"Content-Type: {kind}\r\n", content)


def _part(about: str, more: str, content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {about}\r\n{more}\r\n"
    return head.encode() + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
